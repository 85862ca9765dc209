//! [`Listeners`]: the sockets that a container's processes listen on, by sock_diag(7) and `/proc`.
//!
//! Both list the sockets of the whole network namespace, which others may share (`--network host`, another container's
//! network, Docker's name server). So only sockets that a process of the container holds count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::inside::ContainerProcesses;
use super::sock_diag::SockDiag;
use super::tables::{self, Listener, Protocol, SocketRow};

/// Longest table that is read: a container can open any number of sockets.
const TABLE: u64 = 16 << 20;
/// How long a socket that no process of the container holds is not looked up again. It is looked up later, since it may be
/// on its way from a parent to a child while the processes are read.
const DOUBT: Duration = Duration::from_millis(500);

/// Reads the listening sockets of one container.
#[derive(Debug)]
pub(crate) struct Listeners {
    inside: ContainerProcesses,
    /// The quick way to see TCP sockets; `None` if the kernel does not grant it.
    diag: Option<SockDiag>,
    /// By inode: whether a process of the container holds it, and when that was looked up.
    held: BTreeMap<u64, (bool, Instant)>,
}

impl Listeners {
    /// `diag` was opened in the container's network namespace; without it, `/proc` is read, which takes longer.
    pub(crate) fn new(inside: ContainerProcesses, diag: Option<SockDiag>) -> Self {
        Self {
            inside,
            diag,
            held: BTreeMap::new(),
        }
    }

    /// The current listeners of the container, in order.
    pub(crate) fn read(&mut self) -> io::Result<BTreeSet<Listener>> {
        let mut rows = self.tcp()?;
        for name in ["udp", "udp6"] {
            rows.extend(tables::inet(Protocol::Udp, &self.table(name)?));
        }
        rows.extend(tables::unix(&self.table("unix")?));
        self.look_up(&rows)?;
        let held = |inode: &u64| self.held.get(inode).is_some_and(|(held, _)| *held);
        Ok(rows
            .into_iter()
            .filter(|(_, inode)| held(inode))
            .map(|(listener, _)| listener)
            .collect())
    }

    fn tcp(&mut self) -> io::Result<Vec<SocketRow>> {
        if let Some(diag) = &self.diag {
            match diag.listening() {
                Ok(rows) => return Ok(rows),
                Err(error) => {
                    tracing::debug!(%error, "sockets are read from /proc from now on");
                    self.diag = None;
                }
            }
        }
        let mut rows = Vec::new();
        for name in ["tcp", "tcp6"] {
            rows.extend(tables::inet(Protocol::Tcp, &self.table(name)?));
        }
        Ok(rows)
    }

    fn table(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match fs::File::open(self.inside.first().join("net").join(name)) {
            // By the process's own folder, which shows its network namespace, not this one.
            Ok(file) => drop(file.take(TABLE).read_to_end(&mut bytes)?),
            // A kernel without IPv6 has no such table.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    && self.inside.first().join("net").exists() => {}
            Err(error) => return Err(error),
        }
        Ok(bytes)
    }

    /// Looks up which sockets belong to the container. This reads `/proc/PID/fd` of every process, so it is done only for
    /// sockets that are new.
    fn look_up(&mut self, rows: &[SocketRow]) -> io::Result<()> {
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
        for pid in self.inside.pids()? {
            // A process that has ended meanwhile holds nothing any more.
            found.extend(held_sockets(pid).unwrap_or_default());
        }
        for inode in inodes {
            self.held.insert(inode, (found.contains(&inode), now));
        }
        Ok(())
    }
}

fn held_sockets(pid: u32) -> io::Result<Vec<u64>> {
    let mut inodes = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
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

    fn of_this_process(diag: Option<SockDiag>) -> Listeners {
        Listeners::new(ContainerProcesses::new(std::process::id()).unwrap(), diag)
    }

    #[test]
    fn sockets_of_this_process_are_found_with_and_without_sock_diag() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        for diag in [Some(SockDiag::open().unwrap()), None] {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut listeners = of_this_process(diag);
            let read = listeners.read().unwrap();
            let address = tcp.local_addr().unwrap();
            assert!(read.contains(&Listener::Inet(Protocol::Tcp, address)));
            assert!(read.contains(&Listener::Inet(Protocol::Udp, udp.local_addr().unwrap())));
            drop(tcp);
            let read = listeners.read().unwrap();
            assert!(!read.contains(&Listener::Inet(Protocol::Tcp, address)));
        }
    }
}
