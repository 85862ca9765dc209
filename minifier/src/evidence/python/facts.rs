//! [`Facts`]: what one module says about others.

/// When an import is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    /// As the module is loaded.
    Load,
    /// As the module is loaded, if nothing else of this number could be imported: in the handler of a `try`.
    Instead(u32),
    /// As a function is called.
    Call,
}

/// An import with a constant name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// Leading dots: 0 for an absolute one, 1 for the package of the module itself.
    pub(crate) level: u32,
    /// The dotted name behind them; empty for `from . import x`.
    pub(crate) module: String,
    /// Names that are taken from it, each a submodule or an attribute.
    pub(crate) names: Vec<String>,
    /// When.
    pub(crate) when: When,
    /// The number of the innermost `try` around it whose handler catches that it fails.
    pub(crate) tried: Option<u32>,
    /// Line, from 1.
    pub(crate) line: u32,
}

/// A name that is put together: its constant parts, with one value that is not known between every two of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Computed {
    /// At least two; the first and the last may be empty.
    pub(crate) parts: Vec<String>,
    /// Line, from 1.
    pub(crate) line: u32,
}

impl Computed {
    /// Whether it begins with a name that is not known.
    pub(crate) fn starts_anywhere(&self) -> bool {
        self.parts.first().is_some_and(String::is_empty)
    }
}

/// What is read from one module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Imports in the order of their lines.
    pub(crate) imports: Vec<Import>,
    /// Constant strings that are dotted names or `module:attribute`, and in lists plain names too; with their lines.
    pub(crate) strings: Vec<(String, u32)>,
    /// Names that are put together and imported, or look like names of modules.
    pub(crate) computed: Vec<Computed>,
    /// Lines in which something is imported by a name of which no part is constant.
    pub(crate) unknown: Vec<u32>,
    /// Why nothing, or not all, was read.
    pub(crate) broken: Option<String>,
}

/// Whether a text is a dotted name with at least `dots` dots.
pub(crate) fn is_dotted(text: &str, dots: usize) -> bool {
    /// Longer ones are no modules: a component is a file name, and few packages are deeper than ten.
    const LONGEST: usize = 200;
    text.len() <= LONGEST
        && text.split('.').count() > dots
        && text.split('.').all(|part| {
            let mut chars = part.chars();
            let first = chars.next();
            first.is_some_and(|c| c.is_alphabetic() || c == '_')
                && chars.all(|c| c.is_alphanumeric() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_are_identifiers_between_dots() {
        for (text, dots, expected) in [
            ("a.b", 1, true),
            ("a", 1, false),
            ("a", 0, true),
            ("", 0, false),
            ("a..b", 1, false),
            ("1.2", 1, false),
            ("www.example.com/x", 1, false),
        ] {
            assert_eq!(is_dotted(text, dots), expected, "{text}");
        }
    }
}
