//! Which sockets a container's processes listen on, read from /proc.
//!
//! The tables list the sockets of the whole network namespace. Where others share it (`--network host`, another
//! container's, Docker's name server), only sockets that a process of the container holds count.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::sockets::{self, Listener, Protocol, Row};

/// A table longer than this is cut.
const TABLE: u64 = 16 << 20;
/// How long it is believed that a socket is held by nobody in the container: a parent may hand it on to a child
/// while the processes are looked through.
const DOUBT: Duration = Duration::from_millis(500);

/// Looks at the sockets of one container.
#[derive(Debug)]
pub(super) struct Listeners {
    process: PathBuf,
    namespaces: [OsString; 2],
    /// By inode: held by a process of the container, and when that was looked up.
    held: BTreeMap<u64, (bool, Instant)>,
}

impl Listeners {
    /// `pid` is the container's first process.
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let namespaces = namespaces(&process)?;
        Ok(Self {
            process,
            namespaces,
            held: BTreeMap::new(),
        })
    }

    /// What the container listens on now, in order.
    pub(super) fn read(&mut self) -> io::Result<BTreeSet<Listener>> {
        let mut rows = Vec::new();
        for (name, protocol) in [
            ("tcp", Protocol::Tcp),
            ("tcp6", Protocol::Tcp),
            ("udp", Protocol::Udp),
            ("udp6", Protocol::Udp),
        ] {
            rows.extend(sockets::inet(protocol, &self.table(name)?));
        }
        rows.extend(sockets::unix(&self.table("unix")?));
        self.look_up(&rows)?;
        let held = |inode: &u64| self.held.get(inode).is_some_and(|(held, _)| *held);
        Ok(rows
            .into_iter()
            .filter(|(_, inode)| held(inode))
            .map(|(listener, _)| listener)
            .collect())
    }

    fn table(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match fs::File::open(self.process.join("net").join(name)) {
            Ok(file) => drop(file.take(TABLE).read_to_end(&mut bytes)?),
            // A kernel without IPv6 has no such table.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.process.join("net").exists() => {
            }
            Err(error) => return Err(error),
        }
        Ok(bytes)
    }

    /// Finds out who holds the sockets that are not known yet.
    fn look_up(&mut self, rows: &[Row]) -> io::Result<()> {
        let inodes: BTreeSet<u64> = rows.iter().map(|(_, inode)| *inode).collect();
        self.held.retain(|inode, _| inodes.contains(inode));
        let now = Instant::now();
        let known = |inode: &u64| {
            self.held
                .get(inode)
                .is_some_and(|(held, when)| *held || now - *when < DOUBT)
        };
        if inodes.iter().all(known) {
            return Ok(());
        }
        let mut found = BTreeSet::new();
        for entry in fs::read_dir("/proc")? {
            let process = entry?.path();
            let numeric = process
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
            // Processes come and go; one that cannot be read holds nothing that counts.
            if numeric && self.is_inside(&process) {
                found.extend(held_sockets(&process).unwrap_or_default());
            }
        }
        for inode in inodes {
            self.held.insert(inode, (found.contains(&inode), now));
        }
        Ok(())
    }

    /// A process of the container shares its mount or pid namespace, unless it unshared both.
    fn is_inside(&self, process: &Path) -> bool {
        namespaces(process)
            .is_ok_and(|other| other.iter().zip(&self.namespaces).any(|(a, b)| a == b))
    }
}

fn namespaces(process: &Path) -> io::Result<[OsString; 2]> {
    let read = |name: &str| fs::read_link(process.join("ns").join(name)).map(OsString::from);
    Ok([read("mnt")?, read("pid")?])
}

fn held_sockets(process: &Path) -> io::Result<Vec<u64>> {
    let mut inodes = Vec::new();
    for entry in fs::read_dir(process.join("fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        let inode = target.to_str().and_then(|text| {
            text.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse::<u64>()
                .ok()
        });
        inodes.extend(inode);
    }
    Ok(inodes)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn sockets_of_this_process_are_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut listeners = Listeners::new(std::process::id()).unwrap();
        let read = listeners.read().unwrap();
        assert!(read.contains(&Listener::Inet(Protocol::Tcp, tcp.local_addr().unwrap())));
        assert!(read.contains(&Listener::Inet(Protocol::Udp, udp.local_addr().unwrap())));
        let address = tcp.local_addr().unwrap();
        drop(tcp);
        assert!(
            !listeners
                .read()
                .unwrap()
                .contains(&Listener::Inet(Protocol::Tcp, address))
        );
    }

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(Listeners::new(pid).is_err());
    }
}
