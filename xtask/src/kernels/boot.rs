//! Starting one kernel in an emulated machine, with a time limit.

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::console::{self, Row};
use super::emulator::Emulator;
use super::kernel::Kernel;
use crate::cache;

/// Longest time of a machine, from its start to its end.
const PATIENCE: Duration = Duration::from_secs(900);
const PAUSE: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The rows, or why there are none.
    pub(crate) rows: Result<Vec<Row>>,
    /// From the machine's start to its end.
    pub(crate) took: Duration,
    /// All that it printed.
    pub(crate) log: PathBuf,
}

/// Starts `kernel` with that initramfs, so many MiB of memory, and further words on its command line.
pub(crate) fn boot(
    emulator: &Emulator,
    kernel: &Kernel,
    initramfs: &[u8],
    memory: u64,
    words: &str,
) -> Result<Outcome> {
    let folder = tempfile::tempdir_in(cache::subdir("kernels")?)?;
    let archive = folder.path().join("initramfs");
    std::fs::write(&archive, initramfs)?;
    let name = format!("{}{}.log", kernel.release, words.replace([' ', '/'], "_"));
    let log = cache::subdir("kernels/console")?.join(name);
    let nonce = nonce()?;
    let mut command = emulator.command();
    let memory = memory.to_string();
    command.args([
        "-accel", "tcg", "-m", &memory, "-smp", "2", "-display", "none",
    ]);
    command.args(["-monitor", "none", "-nic", "none", "-no-reboot"]);
    command
        .arg("-serial")
        .arg("stdio")
        .args(kernel.arch.machine());
    command
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(&archive);
    command.arg("-append").arg(format!(
        "console={} quiet loglevel=4 panic=-1 minifier.nonce={nonce} {words}",
        kernel.arch.console()
    ));
    let started = Instant::now();
    let output = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output);
    let mut machine = command.spawn().context("start QEMU")?;
    let ended = loop {
        if machine.try_wait()?.is_some() {
            break true;
        }
        if started.elapsed() > PATIENCE {
            machine.kill()?;
            machine.wait()?;
            break false;
        }
        thread::sleep(PAUSE);
    };
    let printed = std::fs::read(&log).with_context(|| format!("read {}", log.display()))?;
    let mut rows = console::rows(&String::from_utf8_lossy(&printed), &nonce);
    if !ended {
        rows = rows.with_context(|| format!("it was stopped after {} s", PATIENCE.as_secs()));
    }
    Ok(Outcome {
        rows,
        took: started.elapsed(),
        log,
    })
}

/// Something that no guest can print by chance.
fn nonce() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex::encode(bytes))
}
