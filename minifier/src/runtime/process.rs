//! What /proc says of a container's processes.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// True where process `pid` of this host runs in the cgroup of container `id`; false also where it has ended.
pub(super) fn belongs_to(pid: u32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains(id))
}

/// Kills a process of container `id`; it may have ended already.
pub(super) fn kill(pid: i64, id: &str) {
    let process = u32::try_from(pid).ok().filter(|pid| belongs_to(*pid, id));
    let process = process.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(process) = process {
        // Gone between the look and the signal is what was wanted.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// True where the kernel throws `signal` away: `pid` is the first process of a pid namespace, has no handler for it
/// and blocks it in no thread (a blocked one could still be waited for).
///
/// Source: `sig_task_ignored` in the kernel's kernel/signal.c; proc_pid_status(5).
pub(super) fn discards(pid: u32, signal: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    let mut any = false;
    for task in tasks {
        let status = task.and_then(|task| {
            fs::read_to_string(
                [task.path(), PathBuf::from("status")]
                    .iter()
                    .collect::<PathBuf>(),
            )
        });
        if !status.is_ok_and(|status| task_discards(&status, signal)) {
            return false;
        }
        any = true;
    }
    any
}

/// The same of the text of one `status` file.
fn task_discards(status: &str, signal: u32) -> bool {
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    let has = |name: &str| {
        let mask = field(name).and_then(|text| u64::from_str_radix(text, 16).ok());
        Some(mask? >> signal.checked_sub(1)? & 1 == 1)
    };
    let nested: Vec<&str> = field("NSpid")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let leader = field("Tgid").is_some()
        && field("NStgid")
            .map(str::split_whitespace)
            .is_some_and(|ids| ids.last() == Some("1"));
    leader && nested.len() > 1 && has("SigCgt") == Some(false) && has("SigBlk") == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(ids: &str, blocked: &str, caught: &str) -> String {
        format!(
            "Name:\tx\nTgid:\t77\nPid:\t77\nNStgid:\t{ids}\nNSpid:\t{ids}\n\
             SigBlk:\t{blocked}\nSigIgn:\t0000000000000000\nSigCgt:\t{caught}\n"
        )
    }

    #[test]
    fn only_a_first_process_without_handler_discards_a_signal() {
        const NONE: &str = "0000000000000000";
        const TERM: &str = "0000000000004000";
        assert!(task_discards(&status("77\t1", NONE, NONE), 15));
        assert!(task_discards(&status("77\t1", NONE, TERM), 3));
        assert!(!task_discards(&status("77\t1", NONE, TERM), 15), "handled");
        assert!(!task_discards(&status("77\t1", TERM, NONE), 15), "blocked");
        assert!(
            !task_discards(&status("77\t5", NONE, NONE), 15),
            "not the first process"
        );
        assert!(
            !task_discards(&status("1", NONE, NONE), 15),
            "the host's first process"
        );
        assert!(!task_discards("", 15) && !task_discards(&status("77\t1", NONE, NONE), 0));
    }
}
