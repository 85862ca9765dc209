//! [`BuildGuard`]: the other end of `minify guard`, held while there is something that it would have to remove.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::Timespec;

use super::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::guard::{DONE, arguments};
use crate::runtime::RunId;

/// How long a guard may take to end that has nothing to do.
const END: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};

/// A process that cleans up after this one if this one is killed. When it is dropped, it does so at once.
pub(crate) struct BuildGuard(Child);

impl BuildGuard {
    /// Starts one for what `run` makes with `engine` and in the folder `scratch`.
    pub(crate) fn start(engine: &Engine, run: &RunId, scratch: &Path) -> Result<Self, CliError> {
        let (docker, cache) = match engine {
            Engine::Docker { .. } => (Some(run), None),
            Engine::Oci { cache, .. } => (None, Some(cache.folder())),
        };
        // The program that runs, whatever has become of its file.
        let mut guard = Command::new("/proc/self/exe");
        guard
            // What lists of processes show.
            .arg0(format!("minify guard of run {run}"))
            .args(arguments(docker, cache, scratch))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // SAFETY: one system call, nothing is allocated.
        unsafe {
            // Out of reach of the terminal's signals, and no reason for the terminal to stay.
            guard.pre_exec(|| {
                rustix::process::setsid()?;
                Ok(())
            });
        }
        let child = guard.spawn();
        child
            .map(Self)
            .map_err(|error| errors::io("start the process that guards the container", error))
    }

    /// Everything is gone: it has nothing to do, and ends.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // EPIPE if it was killed: then there is nobody to dismiss.
            let _ = pipe.write_all(DONE);
        }
        if !self.has_ended().unwrap_or(false) {
            // It may be stopped (SIGSTOP). Killed, it removes nothing, which is right: everything is gone already.
            let _ = self.0.kill();
        }
        // One that does not even end now must not keep the build.
        let _ = self.0.try_wait();
    }

    /// Waits for its end, but not for long; whether it came.
    fn has_ended(&self) -> rustix::io::Result<bool> {
        let handle = pidfd_open(Pid::from_child(&self.0), PidfdFlags::empty())?;
        let ended = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&END))?;
        Ok(ended > 0)
    }
}
