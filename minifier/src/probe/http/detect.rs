//! Detecting the protocol of a TCP port with as few bytes as possible: one line of HTTP/1.0, and only if there is no answer,
//! one TLS handshake or one HTTP/2 preface.
//!
//! A server that speaks first (MySQL, SSH, SMTP) is sent nothing: MySQL blocks a host after too many bad handshakes. Others
//! answer the line with an error.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::greeting;
use super::greeting::{POSTGRES_QUESTION, protocol};

/// Time for a server that speaks first.
const GREETING: Duration = Duration::from_millis(30);
/// Time for further bytes after the first ones.
const NEXT: Duration = Duration::from_millis(500);
/// Time limit of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Bytes that are enough to decide: `HTTP/1.1 400`.
const ENOUGH: usize = 12;
/// Start of an HTTP/2 connection, with an empty SETTINGS frame (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// The first answer of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// HTTP/1 without TLS.
    Http,
    /// TLS; the protocol inside is not known.
    Tls,
    /// HTTP/2 without TLS.
    H2c,
    /// Something else, with its name if it is known.
    Other(Option<&'static str>),
    /// No answer within the limit.
    Silent,
    /// The connection was refused or timed out.
    Unreachable,
}

/// The request line of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// `GET /`, if that will be sent anyway.
    Get,
    /// `OPTIONS *`, which asks for no page (RFC 9110, section 9.3.7), if only the user's own requests will be sent.
    Options,
}

/// The addresses by which a listening address is reached from inside its namespace, best first.
pub(crate) fn reachable(listening: SocketAddr) -> Vec<SocketAddr> {
    let local4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let local6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let addresses = match listening.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![local4],
        // Usually such a socket takes both families. IPv6 for those with IPV6_V6ONLY, and for a container without IPv4.
        IpAddr::V6(ip) if ip.is_unspecified() => vec![local4, local6],
        ip => vec![ip],
    };
    addresses
        .into_iter()
        .map(|ip| SocketAddr::new(ip, listening.port()))
        .collect()
}

/// Detects the protocol at `address`; waits at most `limit` for an answer.
pub(crate) async fn detect(
    address: SocketAddr,
    question: Question,
    hello: &[u8],
    limit: Duration,
) -> First {
    let line = match question {
        Question::Get => "GET /",
        Question::Options => "OPTIONS *",
    };
    // HTTP/1.0, which needs no Host field: Redis logs a `Host:` line as a possible attack, and closes the connection.
    let request = format!("{line} HTTP/1.0\r\n\r\n");
    let answer = match ask(address, request.as_bytes(), limit, true).await {
        Err(_) => return First::Unreachable,
        Ok(None) => return First::Silent,
        Ok(Some(answer)) => answer,
    };
    match classify(&answer) {
        // A TLS server answers plain HTTP with 400 (nginx, Go), with an alert, or by closing the connection.
        Plain::BadRequest if tls(address, hello).await => First::Tls,
        Plain::BadRequest | Plain::Http => First::Http,
        Plain::TlsAlert => First::Tls,
        Plain::H2c => First::H2c,
        Plain::Nothing if tls(address, hello).await => First::Tls,
        Plain::Nothing if h2c(address).await => First::H2c,
        Plain::Nothing if postgres(address).await => First::Other(Some("PostgreSQL")),
        Plain::Nothing | Plain::Other => First::Other(protocol(&answer)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Plain {
    Http,
    BadRequest,
    TlsAlert,
    H2c,
    Nothing,
    Other,
}

fn classify(answer: &[u8]) -> Plain {
    // A SETTINGS frame on stream 0, whose length is a multiple of six (RFC 9113, section 6.5).
    let is_settings =
        |frame: &[u8]| matches!(frame, [0, _, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0);
    match answer {
        [] => Plain::Nothing,
        answer if answer.starts_with(b"HTTP/") => match answer.get(9..12) {
            Some(b"400") => Plain::BadRequest,
            _ => Plain::Http,
        },
        // Content type 21, version 3.x (RFC 8446, section 5.1).
        [0x15, 0x03, ..] => Plain::TlsAlert,
        answer if is_settings(answer) => Plain::H2c,
        _ => Plain::Other,
    }
}

async fn tls(address: SocketAddr, hello: &[u8]) -> bool {
    let answer = ask(address, hello, HANDSHAKE, false).await;
    matches!(answer, Ok(Some(answer)) if matches!(answer[..], [0x15 | 0x16, 0x03, ..]))
}

async fn h2c(address: SocketAddr) -> bool {
    let answer = ask(address, PREFACE, HANDSHAKE, false).await;
    matches!(answer, Ok(Some(answer)) if classify(&answer) == Plain::H2c)
}

async fn postgres(address: SocketAddr) -> bool {
    let answer = ask(address, POSTGRES_QUESTION, HANDSHAKE, false).await;
    matches!(answer, Ok(Some(answer)) if greeting::is_postgres(&answer))
}

/// Sends `question` and reads the first bytes of the answer; empty if the server closed the connection, `None` if it sent
/// nothing within `limit`.
async fn ask(
    address: SocketAddr,
    question: &[u8],
    limit: Duration,
    may_speak_first: bool,
) -> io::Result<Option<Vec<u8>>> {
    let deadline = Instant::now() + limit;
    let mut stream = timeout_at(deadline, TcpStream::connect(address)).await??;
    let mut answer = Vec::new();
    if may_speak_first
        && timeout(GREETING, stream.read_buf(&mut answer))
            .await
            .is_ok()
    {
        // An empty answer: it closed the connection without being asked, and may want another protocol.
        return Ok(Some(answer));
    }
    // An error is no reason to stop: a server may answer and close the connection before it has read the whole question.
    let sent = timeout_at(deadline, stream.write_all(question)).await;
    let mut next = deadline;
    while answer.len() < ENOUGH {
        match timeout_at(next, stream.read_buf(&mut answer)).await {
            Ok(Ok(0) | Err(_)) => return Ok(Some(answer)),
            Ok(Ok(_)) => next = deadline.min(Instant::now() + NEXT),
            Err(_) if answer.is_empty() && matches!(sent, Ok(Ok(()))) => return Ok(None),
            Err(_) => break,
        }
    }
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that reads what it gets and answers `answer`, or never.
    async fn server(reads: bool, answer: Option<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    if reads {
                        let _ = stream.read(&mut [0; 1024]).await;
                    }
                    match answer {
                        Some(answer) => drop(stream.write_all(answer).await),
                        None => tokio::time::sleep(Duration::from_secs(60)).await,
                    }
                });
            }
        });
        address
    }

    async fn speaks(reads: bool, answer: Option<&'static [u8]>) -> First {
        detect(
            server(reads, answer).await,
            Question::Get,
            &[0x16, 3, 1, 0, 0],
            Duration::from_millis(300),
        )
        .await
    }

    #[tokio::test]
    async fn the_first_bytes_tell_what_a_port_speaks() {
        assert_eq!(
            speaks(true, Some(b"HTTP/1.0 200 OK\r\n\r\n")).await,
            First::Http
        );
        assert_eq!(
            speaks(true, Some(b"HTTP/1.1 400 Bad\r\n\r\n")).await,
            First::Http
        );
        assert_eq!(
            speaks(true, Some(b"-ERR unknown command\r\n")).await,
            First::Other(Some("Redis"))
        );
        assert_eq!(
            speaks(false, Some(b"SSH-2.0-x\r\n")).await,
            First::Other(Some("SSH"))
        );
        assert_eq!(
            speaks(true, Some(b"\x15\x03\x01\x00\x02\x02\x46")).await,
            First::Tls
        );
        assert_eq!(
            speaks(true, Some(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64")).await,
            First::H2c
        );
        assert_eq!(speaks(true, Some(b"")).await, First::Other(None));
        assert_eq!(speaks(true, None).await, First::Silent);
    }

    #[tokio::test]
    async fn a_database_that_hangs_up_on_http_is_known_by_its_own_question() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut question = [0; 64];
                let read = stream.read(&mut question).await.unwrap_or(0);
                if question[..read] == *POSTGRES_QUESTION {
                    let _ = stream.write_all(b"N").await;
                }
            }
        });
        let found = detect(
            address,
            Question::Get,
            b"\x16\x03\x01",
            Duration::from_secs(5),
        )
        .await;
        assert_eq!(found, First::Other(Some("PostgreSQL")));
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(
            detect(address, Question::Options, b"", Duration::from_secs(1)).await,
            First::Unreachable
        );
    }

    #[test]
    fn every_listening_address_has_one_that_reaches_it() {
        let texts = |text: &str| -> Vec<String> {
            reachable(text.parse().unwrap())
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(texts("0.0.0.0:80"), ["127.0.0.1:80"]);
        assert_eq!(texts("[::]:80"), ["127.0.0.1:80", "[::1]:80"]);
        assert_eq!(texts("[::ffff:127.0.0.1]:80"), ["127.0.0.1:80"]);
        assert_eq!(texts("10.0.0.2:80"), ["10.0.0.2:80"]);
    }
}
