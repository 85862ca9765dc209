//! The references in HTML pages and style sheets.
//!
//! A page is read by a tokenizer in one pass. No tree is built, so memory and time grow with the bytes of the page, and not
//! with what they describe (the tree of a page of 460 kB took 3 GiB).

use std::borrow::Cow;
use std::sync::LazyLock;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};
use regex::Regex;

/// Most links of one body; more than a crawl follows.
pub(crate) const LINKS: usize = 1000;
/// Most references of one body, links of other origins included.
pub(crate) const REFERENCES: usize = 4 * LINKS;

/// The references of a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PageReferences {
    /// `href` of the first `<base>` that has one.
    pub(crate) base: Option<String>,
    /// References in their order, as written.
    pub(crate) references: Vec<String>,
}

/// Reads a page, as forgiving of errors as a browser.
pub(crate) fn read(text: &str) -> PageReferences {
    let mut page = PageReferences::default();
    let mut reader = TagReader::default();
    let callback = |event: CallbackEvent<'_>, _: Span<()>| {
        reader.event(&event, &mut page);
        // The first token ends the tokenizer below: enough was found.
        (page.references.len() >= REFERENCES).then_some(())
    };
    let mut emitter = CallbackEmitter::new(callback);
    // The text between `<script>` and `</script>` is no markup.
    emitter.naively_switch_states(true);
    let ended = Tokenizer::new_with_emitter(text, emitter).next();
    debug_assert!(!matches!(ended, Some(Err(_))), "a string can be read");
    page
}

/// An attribute that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    /// The one that names the resource of this element.
    Reference,
    /// `rel`
    Relation,
}

/// The start tag that is being read.
#[derive(Debug, Default)]
struct TagReader {
    /// The attribute that names the element's resource; `None` if it has none.
    wanted: Option<&'static [u8]>,
    is_base: bool,
    is_style: bool,
    attribute: Option<Attribute>,
    reference: Option<String>,
    relation: Option<String>,
    /// Between `<style>` and `</style>`.
    in_style: bool,
}

impl TagReader {
    fn event(&mut self, event: &CallbackEvent<'_>, page: &mut PageReferences) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                *self = Self {
                    wanted: names_resource(name),
                    is_base: *name == b"base",
                    is_style: *name == b"style",
                    ..Self::default()
                };
            }
            CallbackEvent::AttributeName { name } => {
                self.attribute = match *name {
                    name if Some(name) == self.wanted => Some(Attribute::Reference),
                    b"rel" => Some(Attribute::Relation),
                    _ => None,
                };
            }
            CallbackEvent::AttributeValue { value } => {
                let place = match self.attribute.take() {
                    Some(Attribute::Reference) => &mut self.reference,
                    Some(Attribute::Relation) => &mut self.relation,
                    None => return,
                };
                // HTML: of two attributes with the same name, the first counts.
                place.get_or_insert_with(|| String::from_utf8_lossy(value).into_owned());
            }
            CallbackEvent::CloseStartTag { .. } => self.close(page),
            CallbackEvent::EndTag { .. } => *self = Self::default(),
            CallbackEvent::String { value } if self.in_style => {
                let text: Cow<'_, str> = String::from_utf8_lossy(value);
                let room = REFERENCES.saturating_sub(page.references.len());
                page.references.extend(css(&text).take(room));
            }
            CallbackEvent::String { .. }
            | CallbackEvent::Comment { .. }
            | CallbackEvent::Doctype { .. }
            | CallbackEvent::Error(_) => {}
        }
    }

    fn close(&mut self, page: &mut PageReferences) {
        let tag = std::mem::take(self);
        self.in_style = tag.is_style;
        let Some(reference) = tag.reference else {
            return;
        };
        if tag.is_base {
            page.base.get_or_insert(reference);
            return;
        }
        // Hints to connect to a host: no browser loads the URL itself.
        let relation = tag.relation.unwrap_or_default();
        let hint = ["preconnect", "dns-prefetch"];
        if !hint.iter().any(|hint| relation.eq_ignore_ascii_case(hint)) {
            page.references.push(reference);
        }
    }
}

/// The attribute by which an element names a resource that a browser loads, or goes to.
fn names_resource(element: &[u8]) -> Option<&'static [u8]> {
    match element {
        b"a" | b"area" | b"link" | b"base" => Some(b"href"),
        b"script" | b"img" | b"iframe" | b"frame" | b"embed" | b"source" | b"video" | b"audio"
        | b"track" => Some(b"src"),
        b"object" => Some(b"data"),
        _ => None,
    }
}

/// `url(…)` and `@import "…"`.
pub(crate) fn css(text: &str) -> impl Iterator<Item = String> {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?i)url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')"#,
        )
        .unwrap_or_else(|e| unreachable!("the expression is constant: {e}"))
    });
    REFERENCE.captures_iter(text).filter_map(|captures| {
        let group = captures.iter().skip(1).flatten().next();
        group.map(|found| found.as_str().to_owned())
    })
}

/// Whether `body` looks like HTML, for answers that do not say what they are. The tags and the byte that must follow
/// are those of the MIME Sniffing Standard, section 7.1.
pub(crate) fn is_html(body: &[u8]) -> bool {
    const TAGS: [&[u8]; 17] = [
        b"<!DOCTYPE HTML",
        b"<HTML",
        b"<HEAD",
        b"<SCRIPT",
        b"<IFRAME",
        b"<H1",
        b"<DIV",
        b"<FONT",
        b"<TABLE",
        b"<A",
        b"<STYLE",
        b"<TITLE",
        b"<B",
        b"<BODY",
        b"<BR",
        b"<P",
        b"<!--",
    ];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    TAGS.iter().any(|tag| {
        let starts = body
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag));
        let ends = *tag == b"<!--" || matches!(body.get(tag.len()), Some(b' ' | b'>'));
        starts && ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(text: &str) -> Vec<String> {
        read(text).references
    }

    #[test]
    fn markup_in_scripts_comments_and_end_tags_is_none() {
        let page = "<script>'<a href=1>'</script><!-- <a href=2> --></a href=3><textarea><a href=4></textarea>\
                    <a href=5><title><a href=6></title>";
        assert_eq!(references(page), ["5"]);
    }

    #[test]
    fn the_first_of_two_attributes_of_one_name_counts_and_names_ignore_case() {
        assert_eq!(references("<A HREF=1 href=2><iMg SRC='3'>"), ["1", "3"]);
        assert_eq!(references("<a href=\"&#47;a&amp;b\" href>"), ["/a&b"]);
    }

    #[test]
    fn attributes_of_other_elements_name_nothing() {
        assert_eq!(
            references("<p href=1><a src=2><a href><object data=3>"),
            ["3"]
        );
    }

    #[test]
    fn a_page_is_read_up_to_a_number_of_references() {
        assert_eq!(references(&"<a href=x>".repeat(9000)).len(), REFERENCES);
        let style = format!("<style>{}</style>", "url(x)".repeat(9000));
        assert_eq!(references(&style).len(), REFERENCES);
    }

    #[test]
    fn html_is_recognised_by_its_start() {
        for page in [
            "<!doctype html>",
            " \n<html lang=en>",
            "\u{feff}<p>x",
            "<!--x",
        ] {
            assert!(is_html(page.as_bytes()), "{page}");
        }
        for other in ["", "<", "{}", "<?xml?>", "<paragraph>", "text <p>", "<html"] {
            assert!(!is_html(other.as_bytes()), "{other}");
        }
    }
}
