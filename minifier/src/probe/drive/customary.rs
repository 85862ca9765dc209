//! The requests that every site gets sooner or later, from browsers, crawlers and proxies. Each can need files that `/` does
//! not: the page for errors, the handler of static files, the library that compresses.
//!
//! Nothing is expected of the answers; most sites have some of these paths only.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue};

use super::report::StepKind;
use crate::probe::http::{HttpRequest, Target};

/// Time limit of one of these. After one that takes longer, the others are not sent.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// A path that no site has, to see its page for errors.
const MISSING: &str = "/minifier-asks-for-a-page-that-does-not-exist";

/// Where frameworks put the description of their interface: FastAPI and most others, Swagger 2, Spring's springdoc
/// and springfox, ASP.NET, NestJS.
const DESCRIPTIONS: [&str; 6] = [
    "/openapi.json",
    "/swagger.json",
    "/v3/api-docs",
    "/v2/api-docs",
    "/swagger/v1/swagger.json",
    "/api-json",
];

/// A request with its name in the report.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) kind: StepKind,
    pub(crate) asked: String,
    pub(crate) request: HttpRequest,
    /// Links between `/` and this.
    pub(crate) depth: usize,
}

impl Ask {
    /// A plain request; its time is set when it is sent.
    pub(crate) fn get(kind: StepKind, url: url::Url, h2c: bool, depth: usize) -> Self {
        let request = HttpRequest::get(url, h2c, Duration::ZERO);
        Self {
            kind,
            asked: format!("GET {}", request.url),
            request,
            depth,
        }
    }

    /// Whether the answer has a body that can be searched for links: neither omitted (HEAD) nor compressed.
    pub(crate) fn is_readable(&self) -> bool {
        self.request.method == Method::GET && !self.request.headers.contains_key(ACCEPT_ENCODING)
    }
}

/// All of them, in the order in which they are asked.
pub(crate) fn customary(target: &Target) -> Vec<Ask> {
    let ask = |path: &str| {
        let url = target
            .url(path)
            .unwrap_or_else(|reason| unreachable!("a constant path makes a URL: {reason}"));
        Ask::get(StepKind::HttpCustomary, url, target.h2c, 0)
    };
    let mut head = ask("/");
    head.request.method = Method::HEAD;
    head.asked = format!("HEAD {}", head.request.url);
    let mut compressed = ask("/");
    let encodings = HeaderValue::from_static("gzip, br");
    compressed
        .request
        .headers
        .insert(ACCEPT_ENCODING, encodings);
    compressed.asked.push_str(" (Accept-Encoding: gzip, br)");
    let paths = ["/favicon.ico", "/robots.txt"]
        .into_iter()
        .chain(DESCRIPTIONS);
    [head, compressed, ask(MISSING)]
        .into_iter()
        .chain(paths.map(ask))
        .collect()
}
