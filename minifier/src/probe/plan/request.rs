//! [`HttpProbe`]: one HTTP request that the user asks for.

use std::fmt;

use serde::Serialize;

use super::error::ProbePlanError;
use super::expect::ExpectedStatus;

/// Whether TLS is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS; any certificate is accepted.
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// One explicit HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// Method in upper case, `GET` by default.
    pub method: String,
    /// Path and query; starts with `/`.
    pub path: String,
    /// Header fields, in order.
    pub headers: Vec<(String, String)>,
    /// Request body; `None` for none.
    pub body: Option<Vec<u8>>,
    /// Expected status codes; by default, every status below 500.
    pub expect: Option<ExpectedStatus>,
    /// Port; by default, [`super::probe_plan::ProbePlan::http_ports`], else the first that speaks HTTP (exposed ones first).
    pub port: Option<u16>,
    /// Scheme; by default, the one that the port speaks.
    pub scheme: Option<Scheme>,
}

/// Reads one `--http-probe`: `[METHOD:]PATH`, `GET` without a method.
pub fn parse_http_probe(text: &str) -> Result<HttpProbe, ProbePlanError> {
    let error = || ProbePlanError::HttpProbe(text.to_owned());
    let (method, path) = if text.starts_with('/') {
        ("GET", text)
    } else {
        text.split_once(':').ok_or_else(error)?
    };
    HttpProbe::new(method, path).ok_or_else(error)
}

impl HttpProbe {
    /// A request without header fields and body; `None` if the method or the path is not valid.
    pub fn new(method: &str, path: &str) -> Option<Self> {
        let token = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic());
        // A line break would start another header field.
        let clean = path.starts_with('/') && !path.contains(char::is_control);
        (token && clean).then(|| Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            expect: None,
            port: None,
            scheme: None,
        })
    }
}

/// Reads one `--http-probe-header`: `Name: value`.
pub fn parse_header(text: &str) -> Result<(String, String), ProbePlanError> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| ProbePlanError::Header(text.to_owned()))?;
    valid_header(name.trim(), value.trim()).ok_or_else(|| ProbePlanError::Header(text.to_owned()))
}

/// The header field, if HTTP can carry it.
pub(crate) fn valid_header(name: &str, value: &str) -> Option<(String, String)> {
    reqwest::header::HeaderName::from_bytes(name.as_bytes()).ok()?;
    reqwest::header::HeaderValue::from_str(value).ok()?;
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_probes_have_a_method_and_a_path() {
        let probe = parse_http_probe("post:/login?next=/a:b").unwrap();
        assert_eq!(
            (probe.method.as_str(), probe.path.as_str()),
            ("POST", "/login?next=/a:b")
        );
        assert_eq!(
            parse_http_probe("/a:b").unwrap(),
            HttpProbe::new("GET", "/a:b").unwrap()
        );
        for text in [
            "",
            "login",
            "GET",
            "GET:",
            "GET:login",
            ":/x",
            "G T:/x",
            "GET:/a\nb",
        ] {
            assert!(parse_http_probe(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_are_pairs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parse_header("Accept: a:b ").unwrap(), pair("Accept", "a:b"));
        assert_eq!(parse_header("X-Empty:").unwrap(), pair("X-Empty", ""));
        for text in ["", "Accept", ": x", "A B: x", "A: x\ny"] {
            assert!(parse_header(text).is_err(), "{text}");
        }
    }
}
