//! Links in HTML and CSS, in the order they stand there.

use std::sync::LazyLock;

use regex::Regex;
use scraper::{Html, Selector};
use url::Url;

use super::client::same_origin;

/// Links of one body that are looked at; more than a crawl follows.
const LINKS: usize = 1000;

/// Links of the same origin in a body of this `Content-Type`, each once. `url` is where the body came from.
pub(super) fn links(url: &Url, content_type: &str, body: &[u8]) -> Vec<Url> {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let text = String::from_utf8_lossy(body);
    let (base, references) = match kind.as_str() {
        "text/html" | "application/xhtml+xml" => html(url, &text),
        "text/css" => (url.clone(), css(&text)),
        _ => return Vec::new(),
    };
    let mut links: Vec<Url> = Vec::new();
    for reference in references {
        if links.len() == LINKS {
            break;
        }
        if let Some(link) = same_origin(&base, reference.trim())
            && !links.contains(&link)
        {
            links.push(link);
        }
    }
    links
}

/// The base for relative references, and the references.
fn html(url: &Url, text: &str) -> (Url, Vec<String>) {
    static SELECTOR: LazyLock<Selector> = LazyLock::new(|| {
        Selector::parse(
            "a[href], area[href], link[href], script[src], img[src], iframe[src], frame[src], embed[src], \
             source[src], video[src], audio[src], track[src], object[data], style",
        )
        .unwrap_or_else(|e| unreachable!("the selector is constant: {e}"))
    });
    static BASE: LazyLock<Selector> = LazyLock::new(|| {
        Selector::parse("base[href]")
            .unwrap_or_else(|e| unreachable!("the selector is constant: {e}"))
    });
    let document = Html::parse_document(text);
    let base = document
        .select(&BASE)
        .next()
        .and_then(|element| same_origin(url, element.attr("href")?))
        .unwrap_or_else(|| url.clone());
    let mut references = Vec::new();
    for element in document.select(&SELECTOR) {
        // Hints to connect somewhere name no resource.
        let rel = element.attr("rel").unwrap_or_default().to_ascii_lowercase();
        if matches!(rel.as_str(), "preconnect" | "dns-prefetch") {
            continue;
        }
        if element.value().name() == "style" {
            references.extend(css(&element.text().collect::<String>()));
        }
        let reference = ["href", "src", "data"]
            .iter()
            .find_map(|name| element.attr(name));
        references.extend(reference.map(str::to_owned));
    }
    (base, references)
}

/// `url(…)` and `@import "…"`.
fn css(text: &str) -> Vec<String> {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?i)url\(\s*(?:"([^"]*)"|'([^']*)'|([^"'()\s]+))\s*\)|@import\s+(?:"([^"]*)"|'([^']*)')"#,
        )
        .unwrap_or_else(|e| unreachable!("the expression is constant: {e}"))
    });
    let found = REFERENCE.captures_iter(text);
    found
        .filter_map(|c| {
            c.iter()
                .skip(1)
                .flatten()
                .next()
                .map(|m| m.as_str().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(kind: &str, body: &str) -> Vec<String> {
        let url = Url::parse("http://127.0.0.1:8080/dir/page").unwrap();
        links(&url, kind, body.as_bytes())
            .iter()
            .map(|link| {
                link.as_str()
                    .strip_prefix("http://127.0.0.1:8080")
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn links_of_a_page_come_in_their_order_and_once() {
        let page = r##"<!doctype html><head><link rel="stylesheet" href="/style.css">
            <link rel=preconnect href="/no"><style>@import "i.css"; p { background: url( 'bg.png' ) }</style>
            <script src="app.js?v=1"></script></head>
            <a href="../up">u</a> <a href=" #top">t</a> <a href="mailto:x@y">m</a> <a href="/up#again">again</a>
            <img src=data:image/png;base64,AAAA><img src="i&amp;j.png">
            <a href="https://example.org/">e</a><a href="http://localhost:8080/local">l</a>"##;
        assert_eq!(
            found("text/html; charset=utf-8", page),
            [
                "/style.css",
                "/dir/i.css",
                "/dir/bg.png",
                "/dir/app.js?v=1",
                "/up",
                "/dir/page",
                "/dir/i&j.png",
                "/local"
            ]
        );
    }

    #[test]
    fn a_base_moves_relative_links() {
        assert_eq!(
            found("text/html", "<base href='/b/'><a href=x>x</a>"),
            ["/b/x"]
        );
        assert_eq!(
            found("text/html", "<base href='//e.org/'><a href=x>x</a>"),
            ["/dir/x"]
        );
    }

    #[test]
    fn style_sheets_have_links_and_other_types_none() {
        let css = "@import url(a.css); @import 'b.css'; x { src: URL(\"c.woff\"), url(c.woff) }";
        assert_eq!(
            found("text/css", css),
            ["/dir/a.css", "/dir/b.css", "/dir/c.woff"]
        );
        assert_eq!(
            found("application/json", "<a href=x>"),
            Vec::<String>::new()
        );
        assert_eq!(found("", ""), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..500)) {
            let url = Url::parse("http://[::1]/").unwrap();
            links(&url, "text/html", &body);
            links(&url, "text/css", &body);
        }
    }
}
