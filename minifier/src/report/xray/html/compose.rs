//! Putting the pages together.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::data::{ComparisonData, PageData};
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
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(script),
    );
    fill(
        template,
        &[
            ("policy", &policy),
            ("title", &escape(title)),
            ("style", STYLE),
            ("script", script),
            ("data", &island(data)),
        ],
    )
}

/// The source expression of an inline element with this content (CSP level 3).
fn source(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}

/// JSON that no parser of HTML or JavaScript mistakes for anything else.
fn island(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data)
        .unwrap_or_else(|e| unreachable!("data of strings, numbers and lists serializes: {e}"));
    let mut out = String::with_capacity(json.len() + json.len() / 64);
    for c in json.chars() {
        // These only occur inside of strings.
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::new();
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
        let island = island(&hostile);
        assert!(!island.contains(['<', '>', '&', '\u{2028}']), "{island}");
        assert_eq!(serde_json::from_str::<String>(&island).unwrap(), hostile);
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
