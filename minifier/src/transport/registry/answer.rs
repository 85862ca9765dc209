//! Reading answers of registries, none of which is trusted: bounded bodies, error messages, ranges and locations.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::web::{Failure, failure};
use crate::image::Digest;

/// Longest body of an error that is read, and of its words that are passed on.
const MAX_ERROR: u64 = 64 << 10;
const MAX_WORDS: usize = 300;

/// The body; if it is longer than `limit`, the failure that `too_long` makes.
pub(crate) async fn body(
    mut response: Response,
    limit: u64,
    patience: Duration,
    too_long: impl FnOnce() -> Failure,
) -> Result<Vec<u8>, Failure> {
    let url = response.url().clone();
    let read = async {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(&url, &e))? {
            // Counted, since `Content-Length` may be missing or wrong.
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    // For the whole: documents are small, and a byte now and then must not hold us for ever.
    timeout(patience, read).await.unwrap_or_else(|_| {
        Err(Failure::broken(format!(
            "no complete answer within {} s",
            patience.as_secs()
        )))
    })
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The status, and code and message if the body has the form of the distribution spec ("Error Codes").
pub(crate) async fn said(response: Response, patience: Duration) -> String {
    let status = response.status();
    let long = || Failure::broken("");
    let body = body(response, MAX_ERROR, patience, long).await;
    words(status, &body.unwrap_or_default())
}

fn words(status: StatusCode, body: &[u8]) -> String {
    let errors = serde_json::from_slice::<Errors>(body).map_or(Vec::new(), |found| found.errors);
    // A proxy in front of the registry answers HTML, of which the status is the only readable part.
    let errors: Vec<String> = errors
        .iter()
        .take(3)
        .map(
            |error| match (error.code.is_empty(), error.message.is_empty()) {
                (false, false) => format!("{}: {}", error.code, error.message),
                _ => format!("{}{}", error.code, error.message),
            },
        )
        .filter(|text| !text.is_empty())
        .collect();
    if errors.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {}", printable(&errors.join("; ")))
    }
}

/// Without control characters, which a terminal would obey, and not too long.
pub(crate) fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MAX_WORDS).map(plain).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The digest in `Docker-Content-Digest`; `None` if the field is missing or has another algorithm than SHA-256.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    text(headers, "docker-content-digest")?.trim().parse().ok()
}

/// A field that holds a number.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.trim().parse().ok()
}

/// The length in `Content-Length`, for an answer to HEAD.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    number(headers, CONTENT_LENGTH.as_str())
}

/// The target of `Location`, relative to `from`; `None` if it is not an HTTP URL.
pub(crate) fn location(from: &Url, headers: &HeaderMap) -> Option<Url> {
    let url = from.join(text(headers, LOCATION.as_str())?.trim()).ok()?;
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    // The HTTP client would send credentials in a URL as if they were ours.
    let bare = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && named && bare).then_some(url)
}

/// How many bytes of an upload the registry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// This number of bytes.
    Exactly(u64),
    /// `0-0`: by the spec the byte at 0; in distribution, the reference implementation, no byte.
    NoneOrOne,
}

/// From `Range: 0-N` of an answer to an upload; `bytes=` before it occurs.
pub(crate) fn received(headers: &HeaderMap) -> Option<Received> {
    parse_received(text(headers, RANGE.as_str())?)
}

fn parse_received(range: &str) -> Option<Received> {
    let range = range.trim();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap_or(range)
        .split_once('-')?;
    match (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?) {
        (0, 0) => Some(Received::NoneOrOne),
        // The last byte counts.
        (0, last) => last.checked_add(1).map(Received::Exactly),
        _ => None,
    }
}

/// Where the bytes of a partial answer start.
pub(crate) fn content_start(headers: &HeaderMap) -> Option<u64> {
    parse_start(text(headers, CONTENT_RANGE.as_str())?)
}

fn parse_start(range: &str) -> Option<u64> {
    let (first, _) = range.trim().strip_prefix("bytes ")?.split_once('-')?;
    first.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn what_a_registry_says_is_passed_on_in_its_words() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#;
        let text = words(StatusCode::NOT_FOUND, body);
        assert_eq!(text, "404 Not Found: MANIFEST_UNKNOWN: manifest unknown");
        assert_eq!(words(StatusCode::BAD_GATEWAY, b"<html>"), "502 Bad Gateway");
        let long = format!(
            r#"{{"errors":[{{"message":"\u001b[31m{}"}}]}}"#,
            "x".repeat(9999)
        );
        let text = words(StatusCode::FORBIDDEN, long.as_bytes());
        assert!(text.len() < 400 && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn ranges_are_read_as_registries_write_them() {
        for (text, expected) in [
            ("0-0", Some(Received::NoneOrOne)),
            ("0-99", Some(Received::Exactly(100))),
            ("bytes=0-99", Some(Received::Exactly(100))),
            ("5-9", None),
            ("0-18446744073709551615", None),
            ("99", None),
            ("-1", None),
        ] {
            assert_eq!(parse_received(text), expected, "{text}");
        }
        assert_eq!(parse_start("bytes 7-9/10"), Some(7));
        assert_eq!(parse_start("bytes */10"), None);
    }

    #[test]
    fn locations_lead_to_web_servers_only() {
        let from: Url = "https://r.example/v2/a/blobs/uploads/".parse().unwrap();
        let to = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_str(text).unwrap());
            location(&from, &headers).map(String::from)
        };
        assert_eq!(
            to("/v2/x?_state=1"),
            Some("https://r.example/v2/x?_state=1".into())
        );
        assert_eq!(to("//s.example/x"), Some("https://s.example/x".into()));
        assert_eq!(to("http://s.example/x"), Some("http://s.example/x".into()));
        for text in [
            "file:///etc/passwd",
            "https://u:p@r.example/",
            "https://",
            "http://:1",
        ] {
            assert_eq!(to(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read_to_an_end(text in ".{0,60}", body: Vec<u8>) {
            let _ = parse_received(&text);
            let _ = parse_start(&text);
            let _ = words(StatusCode::OK, &body);
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(LOCATION, value);
            }
            let from: Url = "https://r.example/".parse().unwrap();
            if let Some(url) = location(&from, &headers) {
                prop_assert!(url.has_host());
            }
        }
    }
}
