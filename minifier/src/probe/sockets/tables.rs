//! Listening sockets, by the tables in `/proc/<pid>/net`.
//!
//! Source: the kernel's `tcp4_seq_show`, `tcp6_seq_show`, `udp4_seq_show` and `unix_seq_show`; proc_pid_net(5).
//!
//! Not read by the crate `procfs`, which rejects a whole table for one line that it does not understand: a container can give
//! a socket any bytes as its name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Serialize, Serializer};

/// Transport of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// A socket in state LISTEN.
    Tcp,
    /// A socket that is bound and not connected.
    Udp,
}

/// A socket that listens. Serialises as its text: `tcp 0.0.0.0:80`, `unix /run/x.sock`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// A TCP or UDP socket with its local address.
    Inet(Protocol, SocketAddr),
    /// A path; abstract ones start with `@`.
    Unix(String),
}

impl Listener {
    /// The TCP address that it listens on.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(Protocol::Tcp, address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(Protocol::Tcp, address) => write!(f, "tcp {address}"),
            Self::Inet(Protocol::Udp, address) => write!(f, "udp {address}"),
            Self::Unix(path) => write!(f, "unix {path}"),
        }
    }
}

impl Serialize for Listener {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A listener, and the inode of its socket.
pub(crate) type SocketRow = (Listener, u64);

/// Listening rows of `tcp`, `tcp6`, `udp` or `udp6`: state LISTEN, or a UDP socket that is bound but not connected. Lines
/// that are not understood are skipped.
pub(crate) fn inet(protocol: Protocol, table: &[u8]) -> Vec<SocketRow> {
    let state = match protocol {
        Protocol::Tcp => "0A",
        // TCP_CLOSE: the state of every UDP socket that is not connected.
        Protocol::Udp => "07",
    };
    let row = |line: &str| -> Option<SocketRow> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let local = address(fields.get(1)?)?;
        let remote = address(fields.get(2)?)?;
        let inode = fields.get(9)?.parse().ok()?;
        let listens = *fields.get(3)? == state && remote.port() == 0 && local.port() != 0;
        listens.then_some((Listener::Inet(protocol, local), inode))
    };
    lines(table).filter_map(|line| row(&line)).collect()
}

/// Listening rows of `unix` that have a name.
pub(crate) fn unix(table: &[u8]) -> Vec<SocketRow> {
    /// `SO_ACCEPTCON`: listen() was called.
    const LISTENS: u32 = 1 << 16;
    let row = |line: &str| -> Option<SocketRow> {
        let (mut fields, mut rest) = (Vec::new(), line);
        for _ in 0..7 {
            let (field, tail) = rest.trim_start().split_once(' ')?;
            fields.push(field);
            rest = tail;
        }
        let flags = u32::from_str_radix(fields[3], 16).ok()?;
        let inode = fields[6].parse().ok()?;
        // The name is the rest of the line and may contain blanks, so the fields before it are counted.
        let listens = flags & LISTENS != 0 && !rest.is_empty();
        listens.then(|| (Listener::Unix(rest.to_owned()), inode))
    };
    lines(table).filter_map(|line| row(&line)).collect()
}

fn lines(table: &[u8]) -> impl Iterator<Item = String> {
    // The first line names the columns.
    table
        .split(|b| *b == b'\n')
        .skip(1)
        .map(|line| String::from_utf8_lossy(line).into_owned())
}

/// `0100007F:1F90`: 32-bit words in the machine's byte order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| -> Option<[u8; 4]> {
        let digits = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(rows: &[SocketRow]) -> Vec<(String, u64)> {
        rows.iter()
            .map(|(listener, inode)| (listener.to_string(), *inode))
            .collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_internet_sockets_are_found() {
        let tcp = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0 100 0\n\
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1 0 100 0\n\
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 43 1 0 100 0\n";
        assert_eq!(
            texts(&inet(Protocol::Tcp, tcp)),
            [
                ("tcp 127.0.0.1:8080".to_owned(), 31337),
                ("tcp 0.0.0.0:80".to_owned(), 42)
            ]
        );
        let tcp6 = b"header\n\
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1\n\
   1: B80D01200000000000000000EFBEADDE:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 8 1\n";
        assert_eq!(
            texts(&inet(Protocol::Tcp, tcp6)),
            [
                ("tcp [::1]:80".to_owned(), 7),
                ("tcp [2001:db8::dead:beef]:81".to_owned(), 8)
            ]
        );
        let udp = b"header\n\
  1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 9 2 0 0\n\
  2: 0200000A:9C40 08080808:0035 01 00000000:00000000 00:00000000 00000000 0 0 10 2 0 0\n";
        assert_eq!(
            texts(&inet(Protocol::Udp, udp)),
            [("udp 0.0.0.0:53".to_owned(), 9)]
        );
    }

    #[test]
    fn listening_unix_sockets_are_found_with_blanks_in_their_names() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
000000002d1e96bb: 00000002 00000000 00010000 0001 01  6315 /run/a b.sock\n\
000000008001439d: 00000003 00000000 00000000 0001 03 155734\n\
000000007c3271dc: 00000003 00000000 00000000 0001 03  6040 /run/c.sock\n\
0000000000000000: 00000002 00000000 00010000 0001 01 99999 @abstract\n";
        assert_eq!(
            texts(&unix(table)),
            [
                ("unix /run/a b.sock".to_owned(), 6315),
                ("unix @abstract".to_owned(), 99999)
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let table = [b"h\n".as_slice(), &bytes].concat();
            inet(Protocol::Tcp, &table);
            unix(&table);
        }

        #[test]
        fn any_fields_are_read_without_panic(line in "( {0,2}[0-9A-F:\u{e9}]{0,34}){0,12}") {
            let table = format!("h\n{line}");
            inet(Protocol::Udp, table.as_bytes());
            unix(table.as_bytes());
        }
    }
}
