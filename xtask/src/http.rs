//! One HTTP request over a fresh connection: enough to compare what two services answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Connecting and every read or write must succeed within this time.
const PATIENCE: Duration = Duration::from_secs(20);
/// No fixture answers with more.
const LARGEST_ANSWER: u64 = 16 << 20;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The value of `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Sends a request and reads the whole answer.
///
/// It speaks HTTP/1.0, so the body ends with the connection and is never chunked.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    content_type: Option<&str>,
    body: &str,
) -> Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\n");
    if let Some(content_type) = content_type {
        head += &format!("Content-Type: {content_type}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut stream = connect(address)?;
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .context("send the request")?;
    let mut answer = Vec::new();
    stream
        .take(LARGEST_ANSWER)
        .read_to_end(&mut answer)
        .context("read the answer")?;
    parse(&answer)
}

/// Connects with time limits on everything that follows.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        bail!("the answer of {} bytes has no header end", answer.len())
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status_line = lines.next().unwrap_or_default();
    let status = status_line
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("no status in {status_line:?}"))?;
    let header = |name: &str| {
        lines.clone().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let body = answer[end + 4..].to_vec();
    if let Some(length) = header("content-length")
        && length.parse() != Ok(body.len())
    {
        bail!(
            "the body has {} bytes where {length} were announced",
            body.len()
        );
    }
    Ok(Response {
        status,
        content_type: header("content-type"),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_split_into_status_type_and_body() {
        let response =
            parse(b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\nno\r\n\r\n").unwrap();
        assert_eq!(response.status, 404);
        assert_eq!(response.content_type.as_deref(), Some("text/html"));
        assert_eq!(response.body, b"no\r\n\r\n");
    }

    #[test]
    fn cut_off_body_is_an_error() {
        let error = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the body has 5 bytes where 9 were announced"
        );
    }

    #[test]
    fn closed_connection_is_an_error() {
        assert!(parse(b"").is_err());
        assert!(parse(b"HTTP/1.1 \r\n\r\n").is_err());
    }
}
