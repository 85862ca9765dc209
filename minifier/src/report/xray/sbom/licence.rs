//! Licences as packages declare them.

use spdx::{Expression, ParseMode};

use super::super::text::plain;

/// A declared licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Licence {
    /// An SPDX expression of listed licences.
    Expression(String),
    /// Anything else, as declared.
    Text(String),
}

/// What `declared` says; none where it says nothing.
pub(super) fn licence(declared: Option<&str>) -> Option<Licence> {
    let declared = plain(declared?.trim()).into_owned();
    if declared.is_empty() {
        return None;
    }
    let valid = |text: &str| {
        // Deprecated identifiers (`GPL-2.0+`) are valid in an expression.
        let mode = ParseMode {
            allow_deprecated: true,
            ..ParseMode::STRICT
        };
        Expression::parse_mode(text, mode).is_ok_and(|expression| {
            // References to texts that nobody here has.
            expression
                .requirements()
                .all(|r| r.req.license.id().is_some())
        })
    };
    let upper = operators(&declared);
    if valid(&upper) {
        return Some(Licence::Expression(upper));
    }
    // Known sloppiness, such as `MIT/Apache-2.0` in old crates.
    if let Ok(Some(canonical)) = Expression::canonicalize(&upper)
        && valid(&canonical)
    {
        return Some(Licence::Expression(canonical));
    }
    Some(Licence::Text(declared))
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
    fn expressions_are_told_from_free_text() {
        let expression = |text: &str| Some(Licence::Expression(text.to_owned()));
        let free = |text: &str| Some(Licence::Text(text.to_owned()));
        for (declared, expected) in [
            ("MIT", expression("MIT")),
            ("(MIT or Apache-2.0)", expression("(MIT OR Apache-2.0)")),
            ("MIT/Apache-2.0", expression("MIT OR Apache-2.0")),
            (
                "GPL-3.0-or-later WITH GCC-exception-3.1",
                expression("GPL-3.0-or-later WITH GCC-exception-3.1"),
            ),
            ("GPL-2.0+", expression("GPL-2.0-or-later")),
            ("LicenseRef-mine", free("LicenseRef-mine")),
            ("SEE LICENSE IN x", free("SEE LICENSE IN x")),
            ("MIT\nreally", free("MIT\\x0areally")),
            (" ", None),
        ] {
            assert_eq!(licence(Some(declared)), expected, "{declared}");
        }
        assert_eq!(licence(None), None);
    }
}
