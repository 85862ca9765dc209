//! [`Run`]: the folder of one container, and the removal of everything that belongs to it, even after this process was
//! killed.
//!
//! The folder `runs/<id>` of the cache is locked while its process lives. A later start cleans up after folders that are
//! not locked: processes, the runtime's state, control groups, files. Mounts need no cleaning: their namespace disappears
//! with its last process.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Dir as Entries, Mode, mkdirat};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use serde::{Deserialize, Serialize};

use super::cgroup;
use super::program::OciRuntime;
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::cache::{Folders, Hold, try_lock};
use crate::runtime::oci::tree::remove_tree;
use crate::runtime::shared::Sweep;

const RECORD: &str = "run.json";

/// Everything that a later process needs in order to clean up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RunRecord {
    /// Path of the OCI runtime.
    program: PathBuf,
    /// The container's control group; its last part is the container's id.
    cgroup: PathBuf,
    /// Whether the parent of that group was created for it.
    made_parent: bool,
}

/// The folder of a container. Dropping it removes everything that belongs to the container.
#[derive(Debug)]
pub(crate) struct Run {
    id: String,
    folders: Arc<Folders>,
    record: RunRecord,
    /// Handle of the first process, once there is one.
    init: OnceLock<OwnedFd>,
    /// `None` once everything is removed.
    lock: Mutex<Option<OwnedFd>>,
}

impl Run {
    /// Creates a folder for a new container with a random id.
    pub(crate) fn new(
        folders: &Arc<Folders>,
        runtime: &OciRuntime,
        cgroup_parent: Option<&str>,
    ) -> Result<Self, RuntimeError> {
        let (runs, path) = folders.runs();
        let doing = || format!("make a folder in {}", path.display());
        let parent = Path::new("/").join(cgroup_parent.unwrap_or("/"));
        let made_parent = parent != Path::new("/") && !cgroup::exists(&parent);
        loop {
            let id = random_id().map_err(host("read /dev/urandom"))?;
            mkdirat(runs, id.as_str(), Mode::RWXU).map_err(host(doing()))?;
            // The sweep of another process may have taken the folder for an abandoned one before it was locked.
            let lock = try_lock(runs, &id, Hold::Alone).map_err(host(doing()))?;
            let Some(lock) = lock else { continue };
            let record = RunRecord {
                program: runtime.program.clone(),
                cgroup: parent.join(&id),
                made_parent,
            };
            let run = Self {
                id,
                folders: folders.clone(),
                record,
                init: OnceLock::new(),
                lock: Mutex::new(Some(lock)),
            };
            let text = serde_json::to_vec(&run.record)
                .map_err(|error| host(doing())(io::Error::from(error)))?;
            // Before anything else is created, so that there is never something to remove without a record of it.
            fs::write(run.path().join(RECORD), text).map_err(host(doing()))?;
            return Ok(run);
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folders.runs().1.join(&self.id)
    }

    pub(crate) fn cgroup(&self) -> &Path {
        &self.record.cgroup
    }

    /// Keeps the handle of the first process, which is a child of this one.
    pub(crate) fn set_init(&self, init: OwnedFd) -> &OwnedFd {
        self.init.get_or_init(|| init)
    }

    pub(crate) fn init(&self) -> Option<&OwnedFd> {
        self.init.get()
    }

    /// Kills the container and removes everything that belongs to it. A second call does nothing. Blocks.
    pub(crate) fn clean(&self) -> Result<(), RuntimeError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_some() {
            clean(&self.folders, &self.id, &self.record)?;
            // Released only after the folder is removed: otherwise another process would start to clean it.
            *lock = None;
        }
        Ok(())
    }

    /// Whether everything is removed.
    pub(crate) fn is_clean(&self) -> bool {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        lock.is_none()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(error) = self.clean() {
            tracing::warn!("failed to {error}");
        }
        // The task that waited for it is gone. A child that is not waited for stays as a zombie.
        if let Some(init) = self.init.get() {
            use std::os::fd::AsFd;
            let second = rustix::time::Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            let mut ended = [PollFd::new(init, PollFlags::IN)];
            let _ = poll(&mut ended, Some(&second));
            let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // ECHILD if it was waited for before.
            let _ = waitid(WaitId::PidFd(init.as_fd()), how);
        }
    }
}

/// Cleans up after containers whose minifier process is gone; returns how many there were.
pub(crate) fn sweep(folders: &Folders) -> Result<usize, RuntimeError> {
    let (runs, path) = folders.runs();
    let doing = || format!("sweep folder {}", path.display());
    let mut ids = Vec::new();
    for entry in Entries::read_from(runs).map_err(host(doing()))? {
        let entry = entry.map_err(host(doing()))?;
        if let Ok(name) = entry.file_name().to_str()
            && is_id(name)
        {
            ids.push(name.to_owned());
        }
    }
    ids.sort();
    let mut sweep = Sweep::default();
    for id in ids {
        let lock = try_lock(runs, &id, Hold::Alone).map_err(host(doing()))?;
        let Some(_lock) = lock else { continue };
        let cleaned = match read_record(&path.join(&id), &id) {
            Some(record) => clean(folders, &id, &record),
            // Killed before the record was written: only the folder exists.
            None => remove_tree(runs, &id).map_err(host(doing())),
        };
        sweep.note(id, cleaned);
    }
    sweep.finish()
}

fn read_record(folder: &Path, id: &str) -> Option<RunRecord> {
    let record: RunRecord = serde_json::from_slice(&fs::read(folder.join(RECORD)).ok()?).ok()?;
    // The folder may be damaged. Only a control group that has the container's id as its name is ever removed.
    (record.cgroup.file_name()? == id && record.cgroup.is_absolute()).then_some(record)
}

fn clean(folders: &Folders, id: &str, record: &RunRecord) -> Result<(), RuntimeError> {
    let (runs, path) = folders.runs();
    let doing = |what: &str| format!("{what} of container {id}");
    cgroup::kill_all(&record.cgroup, id).map_err(host(doing("kill the processes")))?;
    let state = path.join(id).join("state");
    if state.join(id).exists() {
        // It may fail, for example if the program was uninstalled: its control groups and files are removed below anyway.
        let deleted = Command::new(&record.program)
            .arg("--root")
            .arg(&state)
            .args(["delete", "--force", id])
            .output();
        match deleted {
            Ok(output) if output.status.success() => {}
            Ok(output) => tracing::debug!(
                "{}: {}",
                record.program.display(),
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => tracing::debug!("{}: {error}", record.program.display()),
        }
    }
    // Once more: `delete` of a container that was only half created can leave its first process.
    cgroup::kill_all(&record.cgroup, id).map_err(host(doing("kill the processes")))?;
    cgroup::remove(&record.cgroup).map_err(host(doing("remove the control groups")))?;
    if record.made_parent
        && let Some(parent) = record.cgroup.parent()
    {
        // It is not empty if another container uses it by now.
        let _ = cgroup::remove(parent);
    }
    remove_tree(runs, id).map_err(host(doing("remove the files")))
}

fn random_id() -> io::Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
}
