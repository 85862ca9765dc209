//! The licences that Debian's machine-readable copyright files name, as one SPDX expression.
//!
//! Source: Debian, "Machine-readable debian/copyright file" (DEP-5); SPDX 2.3, annex D.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Licences of one package that the expression names; more of them are in few packages, and nobody reads them.
const MAX_LICENCES: usize = 60;
/// Longest first line of a licence; what is longer is its text.
const MAX_SYNOPSIS: usize = 2 << 10;
/// Longest name of a licence.
const MAX_NAME: usize = 80;

/// Debian's short names (in small letters) that differ from SPDX's identifiers in more than case.
const NAMES: &[(&str, &str)] = &[
    ("expat", "MIT"),
    ("mit/x11", "MIT"),
    ("x11", "X11"),
    ("bsd-2-clauses", "BSD-2-Clause"),
    ("bsd-3-clauses", "BSD-3-Clause"),
    ("bsd-4-clauses", "BSD-4-Clause"),
    ("bsd2", "BSD-2-Clause"),
    ("bsd3", "BSD-3-Clause"),
    ("artistic", "Artistic-1.0-Perl"),
    ("artistic-1", "Artistic-1.0-Perl"),
    ("artistic-2", "Artistic-2.0"),
    ("apache-2", "Apache-2.0"),
    ("boost-1.0", "BSL-1.0"),
    ("bsl-1", "BSL-1.0"),
    ("cc0", "CC0-1.0"),
    ("mpl-2", "MPL-2.0"),
    ("psf-2", "PSF-2.0"),
    ("python-2.0", "Python-2.0"),
    ("zlib/libpng", "Zlib"),
    ("openssl-ssleay", "OpenSSL"),
];
/// GNU's licences and their versions as Debian writes them, and as SPDX does.
const GNU: &[&str] = &["gpl", "lgpl", "agpl", "gfdl"];

/// The expression; `None` for a file that is free text or names no licence. A licence that has no identifier becomes
/// `LicenseRef-NAME`.
pub(crate) fn expression(text: &str) -> Option<String> {
    let machine_readable = text.lines().take(5).any(|line| {
        line.strip_prefix("Format:")
            .is_some_and(|url| url.contains("copyright-format"))
    });
    if !machine_readable {
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut terms = Vec::new();
    for line in text.lines() {
        let name = line.strip_prefix("License:").map(str::trim);
        let fits = |name: &&str| !name.is_empty() && name.len() <= MAX_SYNOPSIS;
        let Some(name) = name.filter(fits) else {
            continue;
        };
        let term = synopsis(name);
        // Of what is joined by AND alone, each is a term of its own.
        let joined = if term.contains(" OR ") || term.contains('(') {
            vec![term.as_str()]
        } else {
            term.split(" AND ").collect()
        };
        for term in joined {
            if terms.len() < MAX_LICENCES && !term.is_empty() && seen.insert(term.to_owned()) {
                terms.push(term.to_owned());
            }
        }
    }
    if terms.len() > 1 {
        for term in &mut terms {
            if term.contains(" OR ") {
                *term = format!("({term})");
            }
        }
    }
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

/// The first line of a licence: names with `and`, `or` and `with`; a comma binds weaker than both.
fn synopsis(text: &str) -> String {
    let mut parts = Vec::new();
    let mut operator = " AND ";
    for part in text.split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        let (leading, words) = match words.split_first() {
            Some((&first, rest)) if is_operator(first) => (Some(first), rest),
            _ => (None, &words[..]),
        };
        if let Some("or" | "and/or") = leading.map(str::to_ascii_lowercase).as_deref() {
            operator = " OR ";
        }
        if !words.is_empty() {
            parts.push(clause(words));
        }
    }
    if parts.len() > 1 {
        for part in &mut parts {
            if part.contains(" AND ") || part.contains(" OR ") {
                *part = format!("({part})");
            }
        }
    }
    parts.join(operator)
}

fn is_operator(word: &str) -> bool {
    ["and", "or", "and/or"]
        .iter()
        .any(|operator| word.eq_ignore_ascii_case(operator))
}

/// `GPL-2+ or Artistic and Expat`: the words between operators are one licence.
fn clause(words: &[&str]) -> String {
    let mut out = String::new();
    let mut name = Vec::new();
    for &word in words {
        if is_operator(word) && !name.is_empty() {
            out += &licence(&name);
            out += if word.eq_ignore_ascii_case("and") {
                " AND "
            } else {
                " OR "
            };
            name.clear();
        } else {
            name.push(word);
        }
    }
    // An operator at the end joins nothing.
    if name.is_empty() {
        let end = out.trim_end_matches(" AND ").trim_end_matches(" OR ");
        return end.to_owned();
    }
    out + &licence(&name)
}

/// One licence, with its exception if it has one.
fn licence(words: &[&str]) -> String {
    let with = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case("with"));
    if let (Some(1), [_, _, exception @ ..]) = (with, words)
        && let Some(id) = identifier(words[0])
    {
        // `GPL-3+ with GCC-exception-3.1`, `GPL-2+ with Autoconf exception`
        let known = exception.first().and_then(|name| spdx::exception_id(name));
        return match known {
            Some(known) => format!("{id} WITH {}", known.name),
            None => reference(&words.join(" ")),
        };
    }
    match words {
        [name] => identifier(name).unwrap_or_else(|| reference(name)),
        words => reference(&words.join(" ")),
    }
}

/// SPDX's identifier of a licence that Debian calls `name`.
fn identifier(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let gnu = GNU.iter().find_map(|family| {
        let version = lower.strip_prefix(family)?.strip_prefix('-')?;
        let (version, later) = match version.strip_suffix('+') {
            Some(version) => (version, true),
            None => (version.strip_suffix("-only").unwrap_or(version), false),
        };
        let digits = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let version = if version.contains('.') {
            version.to_owned()
        } else {
            format!("{version}.0")
        };
        let suffix = if later { "or-later" } else { "only" };
        digits.then(|| format!("{}-{version}-{suffix}", family.to_ascii_uppercase()))
    });
    let listed = NAMES.iter().find(|(debian, _)| *debian == lower);
    let id = gnu.or_else(|| listed.map(|(_, id)| (*id).to_owned()));
    let id = id.as_deref().unwrap_or(name);
    let known = spdx::license_id(id).or_else(|| {
        // Case differs: `BSD-3-clause`.
        spdx::identifiers::LICENSES
            .iter()
            .find(|licence| licence.name.eq_ignore_ascii_case(id))
            .and_then(|licence| spdx::license_id(licence.name))
    })?;
    Some(known.name.to_owned())
}

/// `LicenseRef-` with a name that keeps to what is allowed there.
fn reference(name: &str) -> String {
    let mut out = String::from("LicenseRef-");
    for c in name.chars().take(MAX_NAME) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' => out.push(c),
            ' ' | '_' | '/' => out.push('-'),
            '+' => out.push_str("-or-later"),
            other => {
                let _ = write!(out, "{:x}", u32::from(other));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(licences: &[&str]) -> String {
        let mut text = String::from(
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n",
        );
        for licence in licences {
            text += &format!("Files: *\nLicense: {licence}\n Some text.\n\n");
        }
        expression(&text).unwrap_or_default()
    }

    #[test]
    fn debian_names_become_an_expression_of_spdx() {
        for (licences, expected) in [
            (
                &["GPL-3+", "Expat", "GPL-3+"][..],
                "GPL-3.0-or-later AND MIT",
            ),
            (&["LGPL-2.1"], "LGPL-2.1-only"),
            (&["BSD-3-clause or GPL-2"], "BSD-3-Clause OR GPL-2.0-only"),
            (
                &["GPL-1+ or Artistic", "Zlib"],
                "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND Zlib",
            ),
            (
                &["GPL-2+ and Expat, or Apache-2.0"],
                "(GPL-2.0-or-later AND MIT) OR Apache-2.0",
            ),
            (
                &["GPL-3+ with GCC-exception-3.1"],
                "GPL-3.0-or-later WITH GCC-exception-3.1",
            ),
            (&["public-domain"], "LicenseRef-public-domain"),
            (
                &["GPL-2+ with OpenSSL exception"],
                "LicenseRef-GPL-2-or-later-with-OpenSSL-exception",
            ),
            (&["MIT and"], "MIT"),
            (
                &["MIT and Zlib", "Zlib", "Zlib and ISC"],
                "MIT AND Zlib AND ISC",
            ),
            (&["My_Own (é)"], "LicenseRef-My-Own-28e929"),
        ] {
            let made = of(licences);
            assert_eq!(made, expected);
            assert!(spdx::Expression::parse(&made).is_ok(), "{made}");
        }
        assert_eq!(expression("This is free software."), None);
        assert_eq!(of(&[]), "");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_named_gives_a_valid_expression(
            words in proptest::collection::vec("(GPL-2\\+|and|or|with|,|and/or|[!-~]{1,5}|é)", 1..8)
        ) {
            let made = of(&[&words.join(" ")]);
            proptest::prop_assert!(
                made.is_empty() || spdx::Expression::parse(&made).is_ok(),
                "{made}"
            );
        }
    }
}
