//! [`Proxy`]: passes TCP connections on, and breaks or alters them where a test wants it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Up,
    /// To the client.
    Down,
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// It breaks when so many bytes went that way through it.
    Cut(Direction, u64),
    /// The byte at that place is another one.
    Alter(Direction, u64),
    /// Nothing goes that way any more after so many bytes.
    Stall(Direction, u64),
    /// Nothing happens, but what is next waits until a request begins like this.
    See(&'static str),
    /// The connection breaks before a request that begins like this.
    Before(&'static str),
}

impl Trouble {
    /// Where in a chunk it happens, if it does, after so many bytes that went that way.
    fn place(self, way: Direction, gone: u64, chunk: &[u8]) -> Option<usize> {
        match self {
            Self::Cut(on, at) | Self::Alter(on, at) | Self::Stall(on, at) => {
                let place = usize::try_from(at.saturating_sub(gone)).ok()?;
                (on == way && place < chunk.len()).then_some(place)
            }
            Self::See(text) | Self::Before(text) => {
                (way == Direction::Up && chunk.starts_with(text.as_bytes())).then_some(0)
            }
        }
    }
}

/// A proxy on a port of 127.0.0.1. Each trouble happens once, in the order given, to the first connection that gets
/// that far.
pub struct Proxy {
    port: u16,
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of a port of 127.0.0.1.
    pub fn start(to: u16, troubles: impl IntoIterator<Item = Trouble>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let troubles = Arc::new(Mutex::new(troubles.into_iter().collect()));
        let ended = Arc::new(AtomicBool::new(false));
        let (queue, stop) = (troubles.clone(), ended.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], to))) else {
                    continue;
                };
                for (direction, from, to) in [
                    (Direction::Up, &client, &server),
                    (Direction::Down, &server, &client),
                ] {
                    let streams = from.try_clone().and_then(|f| Ok((f, to.try_clone()?)));
                    let (from, to) = streams.expect("a stream again");
                    let queue = queue.clone();
                    thread::spawn(move || pass(direction, from, to, &queue));
                }
            }
        });
        Self {
            port,
            troubles,
            ended,
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Troubles that did not happen yet.
    pub fn left(&self) -> usize {
        self.troubles.lock().expect("no thread panicked").len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes it up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass(
    direction: Direction,
    mut from: TcpStream,
    mut to: TcpStream,
    troubles: &Mutex<VecDeque<Trouble>>,
) {
    let (mut gone, mut buffer) = (0_u64, vec![0; 64 << 10]);
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut chunk = &mut buffer[..length];
        let mut queue = troubles.lock().expect("no thread panicked");
        let place = queue
            .front()
            .and_then(|trouble| trouble.place(direction, gone, chunk));
        let here = place.and_then(|place| Some((queue.pop_front()?, place)));
        drop(queue);
        match here {
            None | Some((Trouble::See(_), _)) => {}
            Some((Trouble::Before(_), _)) => break,
            Some((Trouble::Alter(..), place)) => chunk[place] ^= 1,
            Some((Trouble::Cut(..) | Trouble::Stall(..), place)) => chunk = &mut chunk[..place],
        }
        if to.write_all(chunk).is_err() {
            break;
        }
        gone += chunk.len() as u64;
        match here {
            Some((Trouble::Cut(..), _)) => break,
            Some((Trouble::Stall(..), _)) => {
                while let Ok(1..) = from.read(&mut buffer) {}
                // Longer than any test waits; the end of the server's side must not be seen.
                thread::sleep(Duration::from_secs(5));
                break;
            }
            _ => {}
        }
    }
    for stream in [&from, &to] {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}
