//! The guard: a process that outlives `minify build` only if that was killed, to remove what it could not.
//!
//! `minify guard` is started by a build and not by people. Its standard input is a pipe from the build; the kernel
//! closes it however the build ends. A word on it before that means that there is nothing to do.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::exit::Exit;
use crate::runtime::{DockerRuntime, LayerCache, RunId};
use crate::transport::Daemon;

/// Written by a build before it closes the pipe, if it has cleaned up itself.
pub(crate) const DONE: &[u8] = b".";

/// The kernel's name of the process; it keeps 15 bytes.
const NAME: &std::ffi::CStr = c"minifier-guard";

/// When the guard removes what it finds, in seconds after the end of the build. A daemon goes on for some time with what
/// it was asked last, so that there is more to be found later; one that does not answer at first may do so then.
const PASSES: [u64; 5] = [0, 1, 4, 15, 60];

/// How long one pass may take.
const PASS: Duration = Duration::from_secs(60);

/// Remove what a killed build leaves behind
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// The run whose containers and images are in the Docker daemon
    #[arg(long)]
    docker: Option<String>,

    /// The cache in which containers of an OCI runtime are
    #[arg(long)]
    cache: Option<PathBuf>,

    /// The folder for temporary files
    #[arg(long)]
    scratch: PathBuf,
}

/// The arguments of a guard, as [`GuardArgs`] has them.
pub(crate) fn arguments(
    docker: Option<&RunId>,
    cache: Option<&Path>,
    scratch: &Path,
) -> Vec<std::ffi::OsString> {
    let mut arguments = vec!["guard".into(), "--scratch".into(), scratch.into()];
    if let Some(run) = docker {
        arguments.extend(["--docker".into(), run.to_string().into()]);
    }
    if let Some(cache) = cache {
        arguments.extend(["--cache".into(), cache.into()]);
    }
    arguments
}

/// Waits for the end of the build and cleans up after it.
pub(crate) fn run(args: &GuardArgs) -> ExitCode {
    // The name of a file without one of its own is no help to whoever reads a list of processes.
    let _ = rustix::thread::set_name(NAME);
    close_inherited();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Exit::Failure.into();
    };
    runtime.block_on(async {
        // Whoever ends the build may send its signals to all of its processes. Held until the end, they do nothing.
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let _held: Vec<_> = kinds.map(signal).into_iter().flatten().collect();
        let mut word = [0; DONE.len()];
        // Nothing else is to be done meanwhile, so it may block.
        let said = loop {
            match io::stdin().lock().read(&mut word) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                said => break said,
            }
        };
        match said {
            Ok(1..) => Exit::Success,
            _ => clean_up(args).await,
        }
        .into()
    })
}

async fn clean_up(args: &GuardArgs) -> Exit {
    let (mut waited, mut exit) = (0, Exit::Failure);
    for pass in PASSES {
        sleep(Duration::from_secs(pass - waited)).await;
        waited = pass;
        exit = match timeout(PASS, clean(args)).await {
            Ok(Ok(())) => Exit::Success,
            _ => Exit::Failure,
        };
        // Nothing comes to be after that long by itself.
        if exit == Exit::Success && waited >= PASSES[2] {
            break;
        }
    }
    exit
}

/// Removes everything of the run that is there; as much as can be.
async fn clean(args: &GuardArgs) -> Result<()> {
    let cached = match &args.cache {
        None => Ok(0),
        Some(folder) => LayerCache::open(folder).and_then(|cache| cache.sweep()),
    };
    let in_docker = match &args.docker {
        None => Ok(()),
        Some(run) => docker(run).await,
    };
    let scratch = match fs::remove_dir_all(&args.scratch) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    cached?;
    in_docker?;
    Ok(scratch?)
}

async fn docker(run: &str) -> Result<()> {
    let run = RunId::parse(run).context("read the name of the run")?;
    let daemon = Daemon::connect().await?;
    let runtime = DockerRuntime::new(daemon.client().clone(), &run);
    runtime.sweep().await?;
    runtime.remove_image(&runtime.image_name()).await?;
    Ok(())
}

/// Closes what the build was given by whoever started it and has handed on: a reader of such a pipe waits until all have
/// closed it.
fn close_inherited() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let inherited: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    // Among them was the folder that was just read.
    let open = |fd: &i32| fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_ok();
    for fd in inherited.into_iter().filter(open) {
        // SAFETY: this process has just begun, and nothing in it knows any of these but by its number.
        unsafe { rustix::io::close(fd) };
    }
}
