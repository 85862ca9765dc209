//! Features that only some kernels have, each with its fallback. Nothing here is decided by version: distributions backport
//! features, so each is looked for in the running kernel. docs/kernels.md shows the same table (a test compares them).

use super::layout::KernelLayout;

/// A kernel feature and its fallback.
#[derive(Debug, Clone, Copy)]
pub struct Fallback {
    /// The kernel feature, in a few words.
    pub what: &'static str,
    /// The first version that has it.
    pub since: &'static str,
    /// Its purpose in tracing.
    pub why: &'static str,
    /// The fallback on a kernel without it, or with it if the text says so.
    pub instead: &'static str,
    /// Whether the fallback is used on the running kernel; `None` if that is known only when it happens.
    is_taken: Option<fn(&KernelLayout) -> bool>,
}

/// All rows, oldest first.
pub const FALLBACKS: [Fallback; 10] = [
    Fallback {
        what: "fentry at `security_file_open`",
        since: "5.5, on arm64 after 6.1 and by 6.12",
        why: "a second source of opens: by io_uring, by file handles, by the kernel itself",
        instead: "an LSM program if `bpf` is an active security module, otherwise only system calls; doctor says why",
        is_taken: None,
    },
    Fallback {
        what: "memory of eBPF maps counted by control group",
        since: "5.11",
        why: "maps of several MiB",
        instead: "the limit on locked memory is raised; if that is refused, creating the maps fails and the error says why",
        is_taken: None,
    },
    Fallback {
        what: "helper `bpf_get_current_task_btf`",
        since: "5.11",
        why: "reads fields of the task directly",
        instead: "fields are read with `bpf_probe_read_kernel`, which is slower; nothing is lost",
        is_taken: Some(|layout| !layout.typed_task),
    },
    Fallback {
        what: "count of skipped programs (`recursion_misses`)",
        since: "5.12",
        why: "shows that the kernel skipped a program that was already running on that processor",
        instead: "not counted; on these kernels, programs run with preemption off, so none is skipped",
        is_taken: None,
    },
    Fallback {
        what: "helper `bpf_task_pt_regs`",
        since: "5.15",
        why: "names calls that never return, and the call during which the second source saw an open",
        instead: "`exit` and `exit_group` are missing from the list of system calls, and opens of the second source have no call",
        is_taken: Some(|layout| !layout.task_registers),
    },
    Fallback {
        what: "tracepoint with the io_uring request (`io_uring_submit_sqe`, from 6.3 `io_uring_submit_req`)",
        since: "by 6.1",
        why: "paths in io_uring requests, which are not system calls",
        instead: "if a container uses io_uring, its trace has a gap that says so; the second source still sees its opens",
        is_taken: Some(|layout| layout.uring_hook.is_none()),
    },
    Fallback {
        what: "separate mounts for the files behind an overlay",
        since: "6.5",
        why: "the second source can distinguish the file behind an overlay from the overlay's file",
        instead: "both have the same path, so one of them is left out as a duplicate",
        is_taken: None,
    },
    Fallback {
        what: "an empty path has length 1 in `bpf_probe_read_user_str`",
        since: "6.13",
        why: "an empty path can be distinguished from an unreadable one",
        instead: "length 0 counts as an empty path, too",
        is_taken: None,
    },
    Fallback {
        what: "wrapped io_uring paths (`struct delayed_filename`)",
        since: "after 6.18 and by 7.2",
        why: "paths in io_uring requests",
        instead: "with it: the pointer is read from inside the wrapper",
        is_taken: None,
    },
    Fallback {
        what: "preemptible programs at tracepoints",
        since: "after 6.18 and by 7.2",
        why: "the kernel skips a program for other tasks while a preempted task is running it",
        instead: "with it: copies of each program take turns (four in hot programs, two in the others); an event that all of \
                  them missed is counted as lost",
        is_taken: Some(|layout| layout.preemptible),
    },
];

/// The fallbacks that are known to be used on the running kernel.
pub(crate) fn taken(layout: &KernelLayout) -> impl Iterator<Item = &'static Fallback> {
    FALLBACKS
        .iter()
        .filter(|row| row.is_taken.is_some_and(|is_taken| is_taken(layout)))
}

/// The table in Markdown.
pub fn markdown() -> String {
    let mut text = String::from("| Kernel has | Since | For | Otherwise |\n|---|---|---|---|\n");
    for row in FALLBACKS {
        text += &format!(
            "| {} | {} | {} | {} |\n",
            row.what, row.since, row.why, row.instead
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_show_every_row() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.md");
        let docs = std::fs::read_to_string(docs).expect("docs/kernels.md");
        assert!(
            docs.contains(&markdown()),
            "docs/kernels.md must have this table:\n{}",
            markdown()
        );
    }
}
