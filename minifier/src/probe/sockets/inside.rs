//! [`ContainerProcesses`]: the processes of one container, as this host's `/proc` shows them.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Recognises a container's processes among all others of the host, by their namespaces.
#[derive(Debug, Clone)]
pub(crate) struct ContainerProcesses {
    process: PathBuf,
    namespaces: [OsString; 2],
}

impl ContainerProcesses {
    /// The processes of the container whose first one is `pid`.
    pub(crate) fn new(pid: u32) -> io::Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let namespaces = namespaces(&process)?;
        Ok(Self {
            process,
            namespaces,
        })
    }

    /// The folder of the first process.
    pub(crate) fn first(&self) -> &Path {
        &self.process
    }

    /// The pids of the container's processes. One that ends meanwhile is left out.
    pub(crate) fn pids(&self) -> io::Result<Vec<u32>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
            pids.extend(pid.filter(|pid| self.is_inside(*pid)));
        }
        Ok(pids)
    }

    /// Whether a process shares the mount or the pid namespace of the first one. A sandbox in the container may unshare one
    /// of them.
    fn is_inside(&self, pid: u32) -> bool {
        namespaces(Path::new(&format!("/proc/{pid}")))
            .is_ok_and(|other| other.iter().zip(&self.namespaces).any(|(a, b)| a == b))
    }
}

fn namespaces(process: &Path) -> io::Result<[OsString; 2]> {
    let read = |name: &str| fs::read_link(process.join("ns").join(name)).map(OsString::from);
    Ok([read("mnt")?, read("pid")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(ContainerProcesses::new(pid).is_err());
    }

    #[test]
    fn this_process_is_inside_itself() {
        let pid = std::process::id();
        assert!(
            ContainerProcesses::new(pid)
                .unwrap()
                .pids()
                .unwrap()
                .contains(&pid)
        );
    }
}
