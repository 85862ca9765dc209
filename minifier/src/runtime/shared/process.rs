//! A container's processes, by this host's `/proc`.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Whether process `pid` of this host is in the control group of container `id`; false if it has ended.
pub(crate) fn belongs_to(pid: u32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains(id))
}

/// Kills a process of container `id`, if it is still one: its number may belong to another process by now.
pub(crate) fn kill(pid: i64, id: &str) {
    let process = u32::try_from(pid).ok().filter(|pid| belongs_to(*pid, id));
    let process = process.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(process) = process {
        // It may have ended in between, which is what was wanted.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Whether the kernel throws `signal` away: `pid` is the first process of a pid namespace, and no thread of it has a
/// handler for it, blocks it or waits for it.
///
/// Source: `sig_task_ignored` in the kernel's kernel/signal.c; proc_pid_status(5), proc_pid_syscall(5).
pub(crate) fn discards(pid: u32, signal: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    // A signal to the process may be taken by any of its threads.
    let mut any = false;
    for task in tasks {
        let Ok(task) = task else { return false };
        let read = |name: &str| fs::read_to_string(task.path().join(name));
        let (Ok(before), Ok(status), Ok(after)) =
            (read("syscall"), read("status"), read("syscall"))
        else {
            return false;
        };
        // Before and after: a thread in a loop of `sigtimedwait` is out of the call for a moment only.
        if waits_for_signals(&before)
            || waits_for_signals(&after)
            || !task_discards(&status, signal)
        {
            return false;
        }
        any = true;
    }
    any
}

/// Whether a thread is in `rt_sigtimedwait`. The kernel takes the signals that it waits for out of `SigBlk` meanwhile, so
/// that its status does not show them.
fn waits_for_signals(syscall: &str) -> bool {
    #[cfg(target_arch = "x86_64")]
    const SIGTIMEDWAIT: &str = "128";
    #[cfg(not(target_arch = "x86_64"))]
    const SIGTIMEDWAIT: &str = "137";
    syscall.split(' ').next() == Some(SIGTIMEDWAIT)
}

/// The same for one thread, by the text of its `status` file.
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
    // `NStgid` has its number in each pid namespace, the host's first. Only the first process of a namespace is protected
    // from signals without a handler.
    let numbers: Vec<&str> = field("NStgid")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    numbers.len() > 1
        && numbers.last() == Some(&"1")
        && has("SigCgt") == Some(false)
        && has("SigBlk") == Some(false)
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

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_thread_that_waits_for_signals_is_known_by_its_system_call() {
        assert!(waits_for_signals(
            "128 0x7ffd 0x7ffe 0x7fff 0x8 0x0 0x0 0x7ffc 0x7fab"
        ));
        assert!(!waits_for_signals("running"));
        assert!(!waits_for_signals("1280 0x0") && !waits_for_signals(""));
    }
}
