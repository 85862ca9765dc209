//! Running other programs: with their output shown, or captured for an error message.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs, io, thread};

use anyhow::{Context, Result, bail};

/// Runs `command` with its output shown; fails unless it exits with 0.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start {}", describe(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs `command` without showing its output; a failure carries the last lines of it.
///
/// Returns what it printed on standard output.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", describe(command)))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let printed = format!("{stdout}{stderr}");
        bail!(
            "{} ended with {}:\n{}",
            describe(command),
            output.status,
            tail(&printed, 30)
        );
    }
    Ok(stdout)
}

/// Whether `command` can be started and exits with 0; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program of that name on `PATH`, or where Debian keeps the system's programs.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    program_in(
        env::split_paths(&path).chain(["/usr/bin", "/usr/sbin"].map(PathBuf::from)),
        program,
    )
}

fn program_in(mut folders: impl Iterator<Item = PathBuf>, program: &str) -> Option<PathBuf> {
    folders.find_map(|folder| {
        let file = folder.join(program);
        let meta = file.metadata().ok()?;
        (meta.is_file() && meta.mode() & 0o111 != 0).then_some(file)
    })
}

/// Waits for the end of `child`; how it ended and its largest resident set, bytes.
pub fn wait_with_peak(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let mut peak = 0;
    loop {
        // The kernel keeps the peak: only what grows after the last look is missed.
        peak = largest_resident_set(child.id()).unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// `VmHWM` of a process, bytes.
fn largest_resident_set(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The last `lines` lines of `text`.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The command as somebody would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn failing_command_is_named_with_its_last_lines() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo cause >&2; exit 3"]);
        let message = capture(&mut command).unwrap_err().to_string();
        assert!(message.starts_with("sh -c echo out"), "{message}");
        assert!(message.contains("exit status: 3"), "{message}");
        assert!(message.ends_with("out\ncause"), "{message}");
    }

    #[test]
    fn what_cannot_be_executed_is_no_program() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = || [first.path().to_owned(), second.path().to_owned()].into_iter();
        for (folder, mode) in [(&first, 0o644), (&second, 0o755)] {
            let file = folder.path().join("tool");
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(
            program_in(folders(), "tool"),
            Some(second.path().join("tool"))
        );
        assert_eq!(program_in(folders(), "other"), None);
    }

    #[test]
    fn tail_keeps_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
