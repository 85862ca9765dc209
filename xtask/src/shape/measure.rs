//! Counts over the syntax trees and the lines of files.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Item, Signature};

use super::imports::{SourceFile, is_test};

/// Docs with so few words rarely say more than the name.
const FEW_WORDS: usize = 3;

/// The counts so far.
pub(crate) struct Measure {
    parameters_allowed: usize,
    types: BTreeMap<String, Vec<String>>,
    /// Functions with more parameters than are allowed, each with its file.
    pub(crate) wide: Vec<String>,
    /// Lines in functions that are only a comment.
    pub(crate) comments: usize,
    /// Lines in functions with code.
    pub(crate) code: usize,
    pub(crate) short_docs: usize,
}

impl Measure {
    pub(crate) fn new(parameters_allowed: usize) -> Self {
        Self {
            parameters_allowed,
            types: BTreeMap::new(),
            wide: Vec::new(),
            comments: 0,
            code: 0,
            short_docs: 0,
        }
    }

    pub(crate) fn add(&mut self, file: &SourceFile) {
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        let mut walk = Walk {
            file: file.path.display().to_string(),
            measure: self,
            inside: vec![Place::Outside; lines.len()],
        };
        walk.visit_file(&file.syntax);
        let inside = walk.inside;
        for (line, place) in lines.iter().zip(&inside) {
            match place {
                Place::Function if line.starts_with("//") => self.comments += 1,
                Place::Function if !line.is_empty() => self.code += 1,
                _ => {}
            }
        }
        let doc = |at: Option<usize>| {
            at.and_then(|at| lines.get(at))
                .is_some_and(|l| l.starts_with("///"))
        };
        for (at, line) in lines.iter().enumerate() {
            if let Some(words) = line.strip_prefix("///")
                && inside[at] != Place::Tests
                && words.split_whitespace().count() <= FEW_WORDS
                && !doc(at.checked_sub(1))
                && !doc(Some(at + 1))
            {
                self.short_docs += 1;
            }
        }
    }

    /// Each name that more than one type has, with the files.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = String> {
        let repeated = self.types.iter().filter(|(_, files)| files.len() > 1);
        repeated.map(|(name, files)| format!("{name}: {}", files.join(" ")))
    }
}

/// The part of a file that a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Function,
    Tests,
}

struct Walk<'a> {
    file: String,
    measure: &'a mut Measure,
    /// For each line of the file.
    inside: Vec<Place>,
}

impl Walk<'_> {
    fn mark(&mut self, from: Span, to: Span, place: Place) {
        // Spans count lines from 1. The line of the opening brace is the signature's.
        for line in &mut self.inside[from.start().line..to.end().line] {
            *line = place;
        }
    }

    fn defined(&mut self, name: &syn::Ident) {
        let files = self.measure.types.entry(name.to_string()).or_default();
        files.push(self.file.clone());
    }

    fn signature(&mut self, signature: &Signature) {
        if signature.inputs.len() > self.measure.parameters_allowed {
            let function = format!("{} in {}", signature.ident, self.file);
            self.measure.wide.push(function);
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(item) {
            if let Item::Mod(module) = item
                && let Some((braces, _)) = &module.content
            {
                self.mark(braces.span.open(), braces.span.close(), Place::Tests);
            }
            return;
        }
        match item {
            Item::Enum(item) => self.defined(&item.ident),
            Item::Struct(item) => self.defined(&item.ident),
            Item::Trait(item) => self.defined(&item.ident),
            Item::Type(item) => self.defined(&item.ident),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.signature(&function.sig);
        let braces = &function.block.brace_token.span;
        self.mark(braces.open(), braces.close(), Place::Function);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let braces = &function.block.brace_token.span;
        self.mark(braces.open(), braces.close(), Place::Function);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            let braces = &block.brace_token.span;
            self.mark(braces.open(), braces.close(), Place::Function);
        }
        self.signature(&function.sig);
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        // The parameters of a trait's functions are the trait's choice.
        if block.trait_.is_none() {
            for item in &block.items {
                if let syn::ImplItem::Fn(function) = item {
                    self.signature(&function.sig);
                }
            }
        }
        visit::visit_item_impl(self, block);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::source_files;
    use super::Measure;

    #[test]
    fn each_count_counts_what_it_says() {
        let src = tempfile::tempdir().expect("a folder");
        let text = "/// Three short words.\nstruct A;\n\n\
                    /// A line of\n/// two lines.\nstruct B;\n\n\
                    fn f(a: u8, b: u8, c: u8) {\n\
                        // Why.\n\
                        let d = a;\n\n\
                        let e = b; // Does not count.\n\
                    }\n\
                    impl A {\n fn g(self, b: u8) {}\n fn h(self, b: u8, c: u8) {}\n}\n\
                    impl T for A { fn g(self, b: u8, c: u8) {} }\n\
                    #[cfg(test)]\nmod tests {\n    /// Few words.\n    struct B;\n    fn f() {\n// Why.\n}\n}\n";
        fs::write(src.path().join("lib.rs"), text).expect("a file is written");
        fs::write(src.path().join("b.rs"), "enum B {}\nenum C {}").expect("a file is written");
        let mut measure = Measure::new(2);
        for file in source_files(src.path()).expect("the files are read") {
            measure.add(&file);
        }
        assert_eq!(measure.wide, ["f in lib.rs", "h in lib.rs"]);
        let repeated: Vec<String> = measure.repeated().collect();
        assert_eq!(repeated, ["B: b.rs lib.rs"]);
        assert_eq!((measure.comments, measure.short_docs), (1, 1));
        assert_eq!(measure.code, 3);
    }
}
