//! One HTTP exchange: a request, the redirections that stay at the same origin, and a bounded body.
//!
//! Answers are untrusted: their size, their time and the number of redirections are limited.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::tls;
use crate::image::{Digest, Sha256};
use crate::probe::pages::same_origin;

/// Shown in the logs of servers.
pub(crate) const USER_AGENT: &str = concat!("minifier/", env!("CARGO_PKG_VERSION"));
/// Redirections that are followed.
const REDIRECTS: usize = 10;
/// Bytes of a body that are read.
pub(crate) const BODY: u64 = 16 << 20;
/// Bytes of a body that are kept to look for links.
const KEPT: usize = 1 << 20;

/// HTTP clients: HTTP/2 without TLS needs one of its own, since nothing negotiates the version.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// HTTP/1.1, and HTTP/2 if TLS negotiates it.
    usual: Client,
    /// HTTP/2 without TLS.
    h2c: Client,
}

impl Clients {
    pub(crate) fn new() -> Result<Self, String> {
        let tls = tls::config().map_err(|e| e.to_string())?;
        let builder = || {
            Client::builder()
                .user_agent(USER_AGENT)
                // The proxy of this host is not reachable from the container's network namespace.
                .no_proxy()
                .referer(false)
                .redirect(redirect::Policy::none())
                // Servers that stop gracefully wait for idle connections, and the container would be killed.
                .pool_max_idle_per_host(0)
                .tls_backend_preconfigured(tls.clone())
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|e| reason(&e));
        Ok(Self {
            usual: build(builder())?,
            h2c: build(builder().http2_prior_knowledge())?,
        })
    }
}

/// A request with its limits.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// Follow redirections to the same origin.
    pub(crate) follow: bool,
    /// Use HTTP/2 without TLS.
    pub(crate) h2c: bool,
    /// Time limit of the whole exchange, redirections included.
    pub(crate) limit: Duration,
}

impl HttpRequest {
    /// A plain `GET`, as a browser sends it.
    pub(crate) fn get(url: Url, h2c: bool, limit: Duration) -> Self {
        let accept = HeaderValue::from_static("text/html,application/xhtml+xml,*/*;q=0.8");
        let headers = HeaderMap::from_iter([(ACCEPT, accept)]);
        Self {
            method: Method::GET,
            url,
            headers,
            body: None,
            follow: true,
            h2c,
            limit,
        }
    }

    /// Header fields in the order given; those that HTTP cannot carry were refused when they were read.
    pub(crate) fn set_headers(&mut self, headers: &[(String, String)]) {
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                self.headers.append(name, value);
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    /// URL of the answer, after redirections.
    pub(crate) url: Url,
    pub(crate) redirects: Vec<String>,
    pub(crate) bytes: u64,
    pub(crate) truncated: bool,
    pub(crate) sha256: Digest,
    /// The first MiB of the body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("{0}")]
    Failed(String),
}

/// Sends `request` and reads the answer.
pub(crate) async fn fetch(clients: &Clients, request: &HttpRequest) -> Result<Fetched, FetchError> {
    let deadline = Instant::now() + request.limit;
    let client = if request.h2c {
        &clients.h2c
    } else {
        &clients.usual
    };
    let (mut method, mut url, mut body) = (
        request.method.clone(),
        request.url.clone(),
        request.body.clone(),
    );
    let mut redirects = Vec::new();
    loop {
        let mut builder = client
            .request(method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(body) = &body {
            builder = builder.body(body.clone());
        }
        let response = timeout_at(deadline, builder.send())
            .await
            .map_err(|_| FetchError::Timeout(request.limit))?
            .map_err(|error| FetchError::Failed(reason(&error)))?;
        match next(&response, &url).filter(|_| request.follow && redirects.len() < REDIRECTS) {
            Some(target) => {
                redirects.push(target.to_string());
                // As browsers do (RFC 9110, section 15.4): only 307 and 308 repeat the method.
                if !matches!(response.status().as_u16(), 307 | 308) && method != Method::HEAD {
                    method = Method::GET;
                    body = None;
                }
                url = target;
            }
            None => return Ok(read(response, url, redirects, deadline).await),
        }
    }
}

/// Target of a redirection to the same origin.
fn next(response: &Response, url: &Url) -> Option<Url> {
    // 304 and 300 have no target that a browser follows by itself.
    let followed = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !followed.contains(&response.status()) {
        return None;
    }
    same_origin(url, header(response, &LOCATION)?.as_str())
}

/// Reads the body. If it does not end in time, it is cut, which is no error: a stream of events never ends.
async fn read(
    mut response: Response,
    url: Url,
    redirects: Vec<String>,
    deadline: Instant,
) -> Fetched {
    let mut hash = Sha256::default();
    let (mut bytes, mut body, mut truncated) = (0, Vec::new(), false);
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                // More than the limit is neither kept nor hashed, so that the digest is that of the first 16 MiB.
                let room = usize::try_from(BODY - bytes).unwrap_or(usize::MAX);
                let piece = &chunk[..chunk.len().min(room)];
                hash.update(piece);
                bytes += piece.len() as u64;
                body.extend_from_slice(&piece[..piece.len().min(KEPT - body.len())]);
                if piece.len() < chunk.len() {
                    truncated = true;
                    break;
                }
            }
            Ok(Ok(None)) => break,
            Ok(Err(_)) | Err(_) => {
                truncated = true;
                break;
            }
        }
    }
    Fetched {
        status: response.status().as_u16(),
        content_type: header(&response, &CONTENT_TYPE),
        location: header(&response, &LOCATION),
        url,
        redirects,
        bytes,
        truncated,
        sha256: Digest::from_bytes(hash.finish()),
        body,
    }
}

fn header(response: &Response, name: &HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The innermost cause: the outer errors of reqwest only say "error sending request" and repeat the URL.
fn reason(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(500);

    /// A server that answers each request with what `answer` makes of its request line, then `more` for ever.
    async fn server(answer: fn(&str) -> Vec<u8>, more: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&request[..read]).into_owned();
                    let _ = stream
                        .write_all(&answer(text.lines().next().unwrap_or("")))
                        .await;
                    while !more.is_empty() && stream.write_all(more).await.is_ok() {}
                });
            }
        });
        Url::parse(&format!("http://{address}/")).unwrap()
    }

    async fn get(url: Url) -> Result<Fetched, FetchError> {
        fetch(
            &Clients::new().unwrap(),
            &HttpRequest::get(url, false, LIMIT),
        )
        .await
    }

    #[tokio::test]
    async fn redirections_are_followed_a_limited_number_of_times() {
        let answer = |line: &str| match line {
            "GET / HTTP/1.1" => {
                b"HTTP/1.1 302 F\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n".to_vec()
            }
            "GET /there HTTP/1.1" => b"HTTP/1.1 200 O\r\nContent-Length: 2\r\n\r\nok".to_vec(),
            "GET /away HTTP/1.1" => {
                b"HTTP/1.1 302 F\r\nLocation: http://e.org/\r\nContent-Length: 0\r\n\r\n".to_vec()
            }
            _ => b"HTTP/1.1 302 F\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_vec(),
        };
        let url = server(answer, b"").await;
        let there = get(url.clone()).await.unwrap();
        assert_eq!(
            (there.status, there.url.path(), &there.body[..]),
            (200, "/there", &b"ok"[..])
        );
        assert_eq!(there.redirects, [url.join("/there").unwrap().to_string()]);
        let away = get(url.join("/away").unwrap()).await.unwrap();
        assert_eq!(
            (away.status, away.location.as_deref()),
            (302, Some("http://e.org/"))
        );
        let circle = get(url.join("/loop").unwrap()).await.unwrap();
        assert_eq!((circle.status, circle.redirects.len()), (302, REDIRECTS));
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut() {
        let head = |_: &str| b"HTTP/1.1 200 O\r\nContent-Type: text/html\r\n\r\n".to_vec();
        let fast = get(server(head, &[b'x'; 65536]).await).await.unwrap();
        assert!(fast.truncated && fast.bytes <= BODY && fast.body.len() <= KEPT);
        let chunk = |_: &str| {
            b"HTTP/1.1 200 O\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx".to_vec()
        };
        let lying = get(server(chunk, b"").await).await.unwrap();
        assert_eq!((lying.truncated, lying.bytes), (true, 1));
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_or_makes_no_sense_is_an_error() {
        let endless = get(server(|_| b"HTTP/1.1 200 O\r\n".to_vec(), b"X: y\r\n").await).await;
        assert!(endless.is_err());
        let nonsense = get(server(|_| b"nonsense".to_vec(), b"").await).await;
        assert!(
            matches!(nonsense, Err(FetchError::Failed(_))),
            "{nonsense:?}"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let error = get(silent.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer within 0.5 s");
        drop(listener);
        let refused = get(silent).await.unwrap_err().to_string();
        assert!(refused.contains("refused"), "{refused}");
    }
}
