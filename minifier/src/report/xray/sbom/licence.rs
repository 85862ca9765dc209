//! Licences as packages declare them.

use std::collections::BTreeSet;

use spdx::identifiers::LICENSES;
use spdx::{AdditionItem, Expression, LicenseItem, ParseMode};

use super::super::text::plain;

/// Texts of licences that archives of Java point to.
const URLS: &[(&str, &str)] = &[
    ("apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
    ("opensource.org/licenses/MIT", "MIT"),
    ("opensource.org/licenses/BSD-3-Clause", "BSD-3-Clause"),
    ("eclipse.org/legal/epl-2.0", "EPL-2.0"),
    ("eclipse.org/legal/epl-v20", "EPL-2.0"),
    ("eclipse.org/legal/epl-v10", "EPL-1.0"),
];

/// A declared licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Licence {
    /// An SPDX expression, and the references in it (`LicenseRef-…`) to licences that are not listed.
    Expression(String, Vec<String>),
    /// Anything else, as declared.
    Text(String),
}

/// The licence that is declared; `None` if the text is empty.
pub(crate) fn licence(declared: Option<&str>) -> Option<Licence> {
    // It goes into a document that people open in a terminal.
    let declared = plain(declared?.trim()).into_owned();
    if declared.is_empty() {
        return None;
    }
    let upper = operators(&declared);
    if let Some(references) = references(&upper) {
        return Some(Licence::Expression(upper, references));
    }
    // Common mistakes, such as `MIT/Apache-2.0` in old crates.
    if let Ok(Some(canonical)) = Expression::canonicalize(&upper)
        && let Some(references) = references(&canonical)
    {
        return Some(Licence::Expression(canonical, references));
    }
    // `MIT License`, `Apache License 2.0`: many packages declare the full name.
    let named = LICENSES
        .iter()
        .find(|listed| listed.full_name.eq_ignore_ascii_case(&declared));
    if let Some(listed) = named {
        return Some(Licence::Expression(listed.name.to_owned(), Vec::new()));
    }
    if let Some((_, id)) = URLS.iter().find(|(url, _)| declared.contains(url)) {
        return Some(Licence::Expression((*id).to_owned(), Vec::new()));
    }
    Some(Licence::Text(declared))
}

/// The references to licences that are not listed, each once; `None` if `text` is not an expression, or refers to
/// another document.
fn references(text: &str) -> Option<Vec<String>> {
    // Deprecated identifiers (`GPL-2.0+`) are valid in an expression.
    let mode = ParseMode {
        allow_deprecated: true,
        ..ParseMode::STRICT
    };
    let expression = Expression::parse_mode(text, mode).ok()?;
    let mut references = BTreeSet::new();
    for requirement in expression.requirements() {
        if matches!(requirement.req.addition, Some(AdditionItem::Other(_))) {
            return None;
        }
        if let LicenseItem::Other(reference) = &requirement.req.license {
            // A reference to another document means nothing without it.
            if reference.doc_ref.is_some() {
                return None;
            }
            references.insert(format!("LicenseRef-{}", reference.lic_ref));
        }
    }
    Some(references.into_iter().collect())
}

/// `text` with its operators in capitals, as SPDX 2.3 annex D has them.
fn operators(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match word.to_ascii_uppercase() {
            upper if matches!(upper.as_str(), "AND" | "OR" | "WITH") => upper,
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_distinguished_from_free_text() {
        let expression = |text: &str| Some(Licence::Expression(text.to_owned(), Vec::new()));
        let with = |text: &str, reference: &str| {
            Some(Licence::Expression(
                text.to_owned(),
                vec![reference.to_owned()],
            ))
        };
        let free = |text: &str| Some(Licence::Text(text.to_owned()));
        for (declared, expected) in [
            ("MIT", expression("MIT")),
            ("MIT License", expression("MIT")),
            ("(MIT or Apache-2.0)", expression("(MIT OR Apache-2.0)")),
            ("MIT/Apache-2.0", expression("MIT OR Apache-2.0")),
            (
                "GPL-3.0-or-later WITH GCC-exception-3.1",
                expression("GPL-3.0-or-later WITH GCC-exception-3.1"),
            ),
            ("GPL-2.0+", expression("GPL-2.0-or-later")),
            (
                "LicenseRef-mine",
                with("LicenseRef-mine", "LicenseRef-mine"),
            ),
            (
                "MIT AND LicenseRef-Fedora-Public-Domain",
                with(
                    "MIT AND LicenseRef-Fedora-Public-Domain",
                    "LicenseRef-Fedora-Public-Domain",
                ),
            ),
            (
                "https://www.apache.org/licenses/LICENSE-2.0.txt",
                expression("Apache-2.0"),
            ),
            (
                "DocumentRef-x:LicenseRef-y",
                free("DocumentRef-x:LicenseRef-y"),
            ),
            ("SEE LICENSE IN x", free("SEE LICENSE IN x")),
            ("MIT\nreally", free("MIT\\x0areally")),
            (" ", None),
        ] {
            assert_eq!(licence(Some(declared)), expected, "{declared}");
        }
        assert_eq!(licence(None), None);
    }
}
