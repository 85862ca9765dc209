//! [`TinyServer`]: an HTTP server that answers whatever a test wants, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `GET`
    pub method: String,
    /// With what stands after a question mark.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As far as it came.
    pub body: Vec<u8>,
    /// False if the connection broke in the middle of the body.
    pub complete: bool,
}

impl Asked {
    /// The first field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `GET /path`
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// 200
    pub status: u16,
    /// Header fields; `Content-Length` is added unless it is here.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The connection ends in place of an answer.
    pub hang_up: bool,
}

impl Answer {
    /// Without header fields.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A server on a port of 127.0.0.1; one request a connection.
pub struct TinyServer {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl TinyServer {
    /// Answers every request by what `handler` says.
    pub fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, stop) = (asked.clone(), ended.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let (log, handler) = (log.clone(), handler.clone());
                thread::spawn(move || serve(stream, &log, handler.as_ref()));
            }
        });
        Self { port, asked, ended }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no thread panicked").clone()
    }
}

impl Drop for TinyServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes it up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Asked>>, handler: &Handler) {
    let Some(asked) = read(&stream) else {
        return;
    };
    log.lock().expect("no thread panicked").push(asked.clone());
    let answer = handler(&asked);
    if answer.hang_up {
        return;
    }
    let mut head = format!("HTTP/1.1 {} Said\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has_length = |name: &str| name.eq_ignore_ascii_case("content-length");
    if !answer.headers.iter().any(|(name, _)| has_length(name)) {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    let mut out = &stream;
    // The client may be gone.
    let _ = out.write_all(format!("{head}\r\n").as_bytes());
    if asked.method != "HEAD" {
        let _ = out.write_all(&answer.body);
    }
}

/// Reads a request; `None` if it is none, as the first bytes of TLS.
fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let first = line(&mut reader)?;
    let mut words = first.split_whitespace();
    let mut asked = Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        ..Asked::default()
    };
    loop {
        let field = line(&mut reader)?;
        if field.trim().is_empty() {
            break;
        }
        let (name, value) = field.split_once(':')?;
        asked
            .headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let chunked = asked.header("transfer-encoding") == Some("chunked");
    let length = asked
        .header("content-length")
        .and_then(|text| text.parse().ok());
    if chunked {
        asked.complete = read_chunks(&mut reader, &mut asked.body).is_some()
    } else {
        let length: u64 = length.unwrap_or(0);
        // What came before a broken connection stays in it.
        let _ = reader.take(length).read_to_end(&mut asked.body);
        asked.complete = asked.body.len() as u64 == length;
    }
    Some(asked)
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    reader.take(64 << 10).read_until(b'\n', &mut line).ok()?;
    String::from_utf8(line).ok()
}

/// Reads a body in chunks; `None` if it breaks off.
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let length = u64::from_str_radix(line(reader)?.trim(), 16).ok()?;
        let got = reader.take(length).read_to_end(body).ok()?;
        if got as u64 != length {
            return None;
        }
        line(reader)?;
        if length == 0 {
            return Some(());
        }
    }
}
