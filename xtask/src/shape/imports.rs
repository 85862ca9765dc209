//! [`SourceFile`]: a source file of a crate, and which paths it names. Everything is read from the syntax tree, so that
//! comments, strings and line breaks cannot hide or invent an import.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A path that a file names, in a `use`, in an expression or type, or among the tokens of a macro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The parts of the path. The first is `crate` if it was written relative to the crate or to the module.
    pub path: Vec<String>,
    /// Counted from 1.
    pub line: usize,
    /// Whether it is in code that is only compiled for tests.
    pub in_tests: bool,
}

/// A source file, parsed.
pub struct SourceFile {
    /// Below the folder of the crate's root.
    pub path: PathBuf,
    /// The module that the file is; empty for the root of the crate.
    pub module: Vec<String>,
    /// Whether the file is only compiled for tests.
    pub in_tests: bool,
    /// The paths that it names, in order.
    pub imports: Vec<Import>,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl SourceFile {
    /// Number of lines.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Whether it is the root of a program, which a program has to have however short it is.
    pub(crate) fn is_program(&self) -> bool {
        let main = |item: &Item| matches!(item, Item::Fn(function) if function.sig.ident == "main");
        self.syntax.items.iter().any(main)
    }

    /// Whether it is the `mod.rs` of a folder or the root of a crate: a list of modules and names, not code of its own.
    pub(crate) fn is_folder_root(&self) -> bool {
        self.path.ends_with("mod.rs") || self.path.ends_with("lib.rs")
    }
}

/// Reads every Rust file below `src`, in the order of the paths.
pub fn source_files(src: &Path) -> Result<Vec<SourceFile>> {
    let mut paths = Vec::new();
    list(src, &mut paths)?;
    paths.sort();
    let mut files = Vec::new();
    let mut test_modules = BTreeSet::new();
    for path in paths {
        let text = fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let syntax = syn::parse_file(&text)
            .with_context(|| format!("failed to parse {}", path.display()))?;
        let path = path.strip_prefix(src).unwrap_or(&path).to_owned();
        let module = module_of(&path);
        let mut reader = Reader {
            module: module.clone(),
            in_tests: false,
            imports: Vec::new(),
            test_modules: &mut test_modules,
        };
        reader.visit_file(&syntax);
        files.push(SourceFile {
            imports: reader.imports,
            path,
            module,
            in_tests: false,
            text,
            syntax,
        });
    }
    // Known only now: `#[cfg(test)] mod tests;` stands in another file than the tests.
    for file in &mut files {
        file.in_tests = (0..=file.module.len()).any(|n| test_modules.contains(&file.module[..n]));
        if file.in_tests {
            for import in &mut file.imports {
                import.in_tests = true;
            }
        }
    }
    Ok(files)
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let doing = || format!("failed to list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(doing)? {
        let path = entry.with_context(doing)?.path();
        if path.is_dir() {
            list(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

/// `a/b.rs` and `a/b/mod.rs` are both `a::b`.
fn module_of(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let mut module: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    module
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_test(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// Collects what one file names.
struct Reader<'a> {
    /// The module at this place of the file: inline modules are added while they are read.
    module: Vec<String>,
    in_tests: bool,
    imports: Vec<Import>,
    test_modules: &'a mut BTreeSet<Vec<String>>,
}

impl Reader<'_> {
    fn name(&mut self, written: &[String], line: usize) {
        let supers = written.iter().take_while(|part| *part == "super").count();
        let path = match written.first().map(String::as_str) {
            None => return,
            Some("super") => {
                let above = self.module.len().saturating_sub(supers);
                self.absolute(&self.module[..above], &written[supers..])
            }
            Some("self") => self.absolute(&self.module, &written[1..]),
            Some(_) => written.to_vec(),
        };
        self.imports.push(Import {
            path,
            line,
            in_tests: self.in_tests,
        });
    }

    fn absolute(&self, module: &[String], rest: &[String]) -> Vec<String> {
        let mut path = vec!["crate".to_owned()];
        path.extend_from_slice(module);
        path.extend_from_slice(rest);
        path
    }

    fn use_tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(before, &path.tree);
                before.pop();
            }
            UseTree::Name(name) => self.used(before, &name.ident),
            UseTree::Rename(rename) => self.used(before, &rename.ident),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.name(before, line);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(before, tree);
                }
            }
        }
    }

    fn used(&mut self, before: &[String], ident: &syn::Ident) {
        let mut path = before.to_vec();
        // `use a::{self}` names `a`.
        if ident != "self" {
            path.push(ident.to_string());
        }
        self.name(&path, ident.span().start().line);
    }

    /// Paths among the tokens of a macro, which has no syntax that could be visited.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.end(&mut path, line);
    }

    fn end(&mut self, path: &mut Vec<String>, line: usize) {
        if path.len() > 1 {
            self.name(path, line);
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let outside = self.in_tests;
        self.in_tests |= is_test(item);
        visit::visit_item(self, item);
        self.in_tests = outside;
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        if module.content.is_none() && self.in_tests {
            self.test_modules.insert(self.module.clone());
        }
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&mut Vec::new(), &item.tree);
    }

    // `pub(crate)` and `pub(super)` are not imports.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if let (Some(first), true) = (path.segments.first(), parts.len() > 1) {
            self.name(&parts, first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports_of(text: &str) -> Vec<String> {
        let mut test_modules = BTreeSet::new();
        let mut reader = Reader {
            module: vec!["a".into(), "b".into()],
            in_tests: false,
            imports: Vec::new(),
            test_modules: &mut test_modules,
        };
        reader.visit_file(&syn::parse_file(text).expect("the text parses"));
        let shown = |import: &Import| {
            let tests = if import.in_tests { " in tests" } else { "" };
            format!("{}:{}{tests}", import.path.join("::"), import.line)
        };
        reader.imports.iter().map(shown).collect()
    }

    #[test]
    fn every_way_to_name_a_path_is_read() {
        let text = "use crate::x::{self, y::Z, w as v};\n\
                    use super::c::*;\n\
                    pub(super) fn f(a: super::super::d::E) -> crate::g::H {\n\
                        // crate::comment::C\n\
                        println!(\"crate::string::S {}\", crate::i::j(self::k::L, 1::<M>));\n\
                    }\n\
                    #[cfg(test)]\n\
                    mod tests {\n\
                        use super::n;\n\
                    }\n";
        assert_eq!(
            imports_of(text),
            [
                "crate::x:1",
                "crate::x::y::Z:1",
                "crate::x::w:1",
                "crate::a::c:2",
                "crate::d::E:3",
                "crate::g::H:3",
                "crate::i::j:5",
                "crate::a::b::k::L:5",
                "crate::a::b::n:9 in tests",
            ]
        );
    }

    #[test]
    fn a_file_of_tests_is_known_by_the_module_that_declares_it() {
        let src = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(src.path().join("a/tests")).expect("folders are made");
        for (file, text) in [
            ("lib.rs", "mod a;"),
            ("a/mod.rs", "#[cfg(test)] mod tests;"),
            ("a/tests.rs", "mod deep;"),
            ("a/tests/deep.rs", "use crate::b;"),
        ] {
            fs::write(src.path().join(file), text).expect("a file is written");
        }
        let files = source_files(src.path()).expect("the files are read");
        let in_tests: Vec<(String, bool)> = files
            .iter()
            .map(|file| (file.module.join("::"), file.in_tests))
            .collect();
        assert_eq!(
            in_tests,
            [
                ("a".to_owned(), false),
                ("a::tests::deep".to_owned(), true),
                ("a::tests".to_owned(), true),
                (String::new(), false),
            ]
        );
        assert!(files[1].imports.iter().all(|import| import.in_tests));
    }
}
