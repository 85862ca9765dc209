//! Composition of the pages from templates, style, scripts and data.

use std::io::{self, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::data::{ComparisonData, PageData};
use crate::report::plain::{escape_json, is_unsafe};
use crate::xray::model::{Comparison, Xray};

const PAGE: &str = include_str!("page.html");
const COMPARISON: &str = include_str!("comparison.html");
const STYLE: &str = concat!(
    include_str!("style.css"),
    include_str!("files.css"),
    include_str!("folding.css")
);
const PAGE_SCRIPT: &str = concat!(
    include_str!("text.js"),
    include_str!("theme.js"),
    include_str!("table.js"),
    include_str!("tree.js"),
    include_str!("treemap.js"),
    include_str!("files.js"),
    include_str!("sections.js"),
    include_str!("folding.js"),
    include_str!("layers.js"),
    include_str!("security.js"),
    include_str!("search.js"),
    include_str!("main.js"),
);
const COMPARISON_SCRIPT: &str = concat!(
    include_str!("text.js"),
    include_str!("theme.js"),
    include_str!("table.js"),
    include_str!("folding.js"),
    include_str!("comparison.js"),
);

/// The report as one HTML file.
pub fn html(xray: &Xray) -> String {
    page(
        PAGE,
        PAGE_SCRIPT,
        &xray.image.reference,
        &PageData::new(xray),
    )
}

/// The comparison as one HTML file.
pub fn html_comparison(comparison: &Comparison) -> String {
    let title = format!(
        "{} → {}",
        comparison.from.reference, comparison.to.reference
    );
    page(
        COMPARISON,
        COMPARISON_SCRIPT,
        &title,
        &ComparisonData::new(comparison),
    )
}

fn page(template: &str, script: &str, title: &str, data: &impl Serialize) -> String {
    // Hashes and not `unsafe-inline`: text of the image that got into the page as markup could still not run.
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(script),
    );
    let values = [
        ("policy", policy.as_str()),
        ("title", &escape(title)),
        ("style", STYLE),
        ("script", script),
    ];
    // The data is not a value of the template: it is written straight into the page, whatever it contains.
    let Some((before, after)) = template.split_once("{{data}}") else {
        unreachable!("every template has a place for data");
    };
    let mut out = fill(before, &values);
    island(&mut out, data);
    out.push_str(&fill(after, &values));
    out
}

/// The source expression of an inline element with this content (CSP level 3).
fn source(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}

/// Adds JSON that no parser of HTML or JavaScript mistakes for anything else.
fn island(out: &mut String, data: &impl Serialize) {
    serde_json::to_writer(Island(out), data)
        .unwrap_or_else(|e| unreachable!("data of strings, numbers and lists serializes: {e}"));
}

/// Escapes JSON while it is written: a copy of a million names would double the memory.
struct Island<'a>(&'a mut String);

impl Write for Island<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole strings and single characters of ASCII are written, never a part of a character.
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        for c in text.chars() {
            // These only occur inside strings; `##` begins a command to some runners of CI jobs.
            if matches!(c, '<' | '>' | '&') || is_unsafe(c) || (c == '#' && self.0.ends_with('#')) {
                escape_json(self.0, c);
            } else {
                self.0.push(c);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    // The title goes into the markup itself, before any script runs.
    for c in super::super::text::plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `template` with each `{{name}}` replaced once; what is put in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(before);
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => unreachable!("the template names nothing else: {name}"),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_element() {
        let hostile = "</script><!--\u{2028}&\"\\";
        let mut island = String::new();
        super::island(&mut island, &hostile);
        assert!(!island.contains(['<', '>', '&', '\u{2028}']), "{island}");
        assert_eq!(serde_json::from_str::<String>(&island).unwrap(), hostile);
    }

    #[test]
    fn the_page_escapes_the_characters_that_a_terminal_is_spared() {
        let text = include_str!("text.js");
        let form = text.split_once("const UNSAFE = /").unwrap().1;
        let form = form
            .split_once("/gu;")
            .expect("for all, and by code points")
            .0;
        let form = regex::Regex::new(form).unwrap();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let in_page = form.is_match(c.encode_utf8(&mut buffer));
            assert_eq!(in_page, crate::report::plain::is_unsafe(c), "{c:?}");
        }
    }

    #[test]
    fn values_are_not_templates() {
        assert_eq!(
            fill("{{a}}-{{b}}", &[("a", "{{b}}"), ("b", "x")]),
            "{{b}}-x"
        );
    }

    #[test]
    fn nothing_in_the_page_can_load_anything() {
        for text in [PAGE, COMPARISON, STYLE, PAGE_SCRIPT, COMPARISON_SCRIPT] {
            for word in [
                "http:",
                "https:",
                "url(",
                "@import",
                "fetch(",
                "XMLHttp",
                "import(",
                "eval(",
                "innerHTML",
                " src=",
            ] {
                assert!(!text.contains(word), "{word}");
            }
        }
        for text in [STYLE, PAGE_SCRIPT, COMPARISON_SCRIPT] {
            assert!(!text.contains("</"), "it would end its element");
        }
    }
}
