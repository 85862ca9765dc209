//! [`SockDiag`]: the listening TCP sockets of a network namespace, by sock_diag(7). The kernel visits only the listening
//! ones; for `/proc/net/tcp` it goes through the whole hash table of connections, which takes milliseconds.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags,
};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::tables::{Listener, Protocol, SocketRow};

/// Bytes of one answer; the kernel sends at most 32 KiB at once.
const ANSWER: usize = 64 << 10;
/// Most sockets that are read for one address family.
const ROWS: usize = 100_000;
/// Time limit of an answer; the kernel answers at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A netlink socket. It belongs to the network namespace in which it was opened, whichever thread uses it.
#[derive(Debug)]
pub(crate) struct SockDiag {
    socket: OwnedFd,
}

impl SockDiag {
    /// Opens a socket in the network namespace of this thread, and asks once. Fails if the kernel does not answer (no
    /// `CONFIG_INET_DIAG`, or a module that cannot be loaded) or forbids the question.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        // A kernel that ignores the question must not block the probes.
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        let diag = Self { socket };
        diag.listening()?;
        Ok(diag)
    }

    /// The current listening sockets. Do not call it again after an error: the rest of an answer may still be in the socket.
    pub(crate) fn listening(&self) -> io::Result<Vec<SocketRow>> {
        let mut rows = self.family(AF_INET, SocketId::new_v4())?;
        match self.family(AF_INET6, SocketId::new_v6()) {
            Ok(more) => rows.extend(more),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(rows)
    }

    fn family(&self, family: u8, socket_id: SocketId) -> io::Result<Vec<SocketRow>> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::LISTEN,
            socket_id,
        };
        let payload = SockDiagMessage::InetRequest(request).into();
        let mut message = NetlinkMessage::new(header, payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        send(&self.socket, &bytes, SendFlags::empty())?;

        let mut rows = Vec::new();
        let mut answer = vec![0; ANSWER];
        loop {
            let (received, _) = recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
            if read(&answer[..received], &mut rows)? {
                return Ok(rows);
            }
            if rows.len() > ROWS {
                return Err(io::Error::other("more sockets listen than are read"));
            }
        }
    }
}

/// Adds the sockets of one answer to `rows`; whether it was the last answer.
fn read(mut answer: &[u8], rows: &mut Vec<SocketRow>) -> io::Result<bool> {
    while !answer.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(answer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                rows.push(row(&response));
            }
            NetlinkPayload::Done(done) if done.code != 0 => {
                return Err(io::Error::from_raw_os_error(done.code.abs()));
            }
            NetlinkPayload::Done(_) => return Ok(true),
            // Without a code it is an acknowledgement.
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
            _ => {}
        }
        // Messages are padded to four bytes; the last one of an answer may not be.
        let length = message.header.length.next_multiple_of(4) as usize;
        answer = answer.get(length..).unwrap_or_default();
    }
    Ok(false)
}

fn row(response: &InetResponse) -> SocketRow {
    let socket = &response.header.socket_id;
    let address = SocketAddr::new(socket.source_address, socket.source_port);
    let inode = u64::from(response.header.inode);
    (Listener::Inet(Protocol::Tcp, address), inode)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sockets_that_listen_are_found_and_others_are_not() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind("[::1]:0").unwrap();
        let client = std::net::TcpStream::connect(four.local_addr().unwrap()).unwrap();
        let diag = SockDiag::open().unwrap();
        for _ in 0..2 {
            let found: Vec<Listener> = diag.listening().unwrap().into_iter().map(|r| r.0).collect();
            let has = |address| found.contains(&Listener::Inet(Protocol::Tcp, address));
            assert!(has(four.local_addr().unwrap()) && has(six.local_addr().unwrap()));
            assert!(!has(client.local_addr().unwrap()));
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(
            length in 0..200u32, kind in 0..40u16, rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let header = [&length.to_ne_bytes()[..], &kind.to_ne_bytes()].concat();
            let _ = read(&[header, rest].concat(), &mut Vec::new());
        }
    }
}
