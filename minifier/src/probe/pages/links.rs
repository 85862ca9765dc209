//! Links of the same origin in HTML and CSS, in their order.

use std::collections::HashSet;

use url::Url;

use super::html::{self, LINKS, REFERENCES, css};
use super::origin::same_origin;

/// Longest URL in bytes; nginx and Apache accept about as much. Without a limit, a page of 1 MiB could give gigabytes of URLs
/// from one long base.
const LONGEST: usize = 8192;

/// Links of the same origin in a body of this `Content-Type`, each once. `url` is that of the body; without a
/// type, the body's start tells what it is. Time and memory grow with the length of the body.
pub fn links(url: &Url, content_type: Option<&str>, body: &[u8]) -> Vec<Url> {
    let kind = content_type.map(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    });
    let kind = match kind.as_deref() {
        None | Some("") if html::is_html(body) => "text/html",
        Some(kind) => kind,
        None => return Vec::new(),
    };
    // Every relative link would be as long.
    if url.as_str().len() > LONGEST {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(body);
    match kind {
        "text/html" | "application/xhtml+xml" => {
            let page = html::read(&text);
            // `<base>` changes what relative links mean, but must not lead to another host.
            let base = page.base.as_deref().filter(|base| base.len() <= LONGEST);
            let base = base.and_then(|base| same_origin(url, base));
            absolute(&base.unwrap_or_else(|| url.clone()), page.references)
        }
        "text/css" => absolute(url, css(&text)),
        _ => Vec::new(),
    }
}

/// References as absolute URLs, if they are of the same origin.
fn absolute(base: &Url, references: impl IntoIterator<Item = String>) -> Vec<Url> {
    let mut links = Vec::new();
    let mut seen = HashSet::new();
    for reference in references.into_iter().take(REFERENCES) {
        let reference = reference.trim();
        if reference.len() > LONGEST {
            continue;
        }
        let link = same_origin(base, reference).filter(|link| link.as_str().len() <= LONGEST);
        if let Some(link) = link
            && seen.insert(link.clone())
        {
            links.push(link);
            if links.len() == LINKS {
                break;
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(kind: &str, body: &str) -> Vec<String> {
        let url = Url::parse("http://127.0.0.1:8080/dir/page").unwrap();
        links(&url, Some(kind), body.as_bytes())
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

    #[test]
    fn html_is_recognised_where_no_type_is_given() {
        let url = Url::parse("http://127.0.0.1/").unwrap();
        let found = |kind, body: &str| links(&url, kind, body.as_bytes()).len();
        for kind in [None, Some(""), Some(" ; charset=utf-8")] {
            assert_eq!(found(kind, "\n<!doctype html><a href=x>"), 1, "{kind:?}");
            assert_eq!(found(kind, "see <a href=x>"), 0, "{kind:?}");
        }
        assert_eq!(found(Some("text/plain"), "<!doctype html><a href=x>"), 0);
    }

    #[test]
    fn links_are_bounded_in_number_and_length() {
        let long = "x".repeat(LONGEST);
        assert_eq!(
            found("text/html", &format!("<a href={long}><a href=y>")),
            ["/dir/y"]
        );
        assert_eq!(
            found("text/html", &format!("<base href=/{long}/><a href=y>")),
            ["/dir/y"]
        );
        let many: String = (0..5000).map(|i| format!("<a href={i}>")).collect();
        assert_eq!(found("text/html", &many).len(), LINKS);
        let css: String = (0..5000).map(|i| format!("url({i})")).collect();
        assert_eq!(found("text/css", &css).len(), LINKS);
    }

    proptest! {
        #[test]
        fn any_page_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..500)) {
            let url = Url::parse("http://[::1]/").unwrap();
            links(&url, Some("text/html"), &body);
            links(&url, Some("text/css"), &body);
            links(&url, None, &body);
        }
    }
}
