//! What newer kernels have and older ones do without, or the other way round: one row each, with what is done instead.
//! Nothing here is decided by version: what a row needs is looked for in the running kernel. docs/kernels.md shows the
//! same table (a test compares).

use super::layout::Layout;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Fallback {
    /// What a kernel may have, in a few words.
    pub what: &'static str,
    /// The first version that has it.
    pub since: &'static str,
    /// What it is for.
    pub why: &'static str,
    /// What is done on a kernel without it (or, where that is said, with it).
    pub instead: &'static str,
    /// True where the running kernel takes the other way; none where that shows only when it happens.
    is_taken: Option<fn(&Layout) -> bool>,
}

/// All rows, oldest first.
pub const FALLBACKS: [Fallback; 10] = [
    Fallback {
        what: "fentry at `security_file_open`",
        since: "5.5, on arm64 after 6.1 and by 6.12",
        why: "a second source of opens: io_uring, file handles, what the kernel loads",
        instead: "an LSM program where `bpf` is an active security module, else system calls alone; doctor says why",
        is_taken: None,
    },
    Fallback {
        what: "memory of eBPF maps counted by control group",
        since: "5.11",
        why: "maps of some MiB",
        instead: "the limit on locked memory is raised; where that is refused, creating the maps fails with that reason",
        is_taken: None,
    },
    Fallback {
        what: "helper `bpf_get_current_task_btf`",
        since: "5.11",
        why: "loads fields of the task directly",
        instead: "reads them through `bpf_probe_read_kernel`: slower, nothing is lost",
        is_taken: Some(|layout| !layout.typed_task),
    },
    Fallback {
        what: "count of skipped programs (`recursion_misses`)",
        since: "5.12",
        why: "tells that the kernel did not run a program because it ran already on that processor",
        instead: "not counted; programs run with preemption off on these kernels, so that it does not come to that",
        is_taken: None,
    },
    Fallback {
        what: "helper `bpf_task_pt_regs`",
        since: "5.15",
        why: "names the calls that never return, and the call under way at an open of the second source",
        instead: "`exit` and `exit_group` are missing in the list of system calls; those opens have no call",
        is_taken: Some(|layout| !layout.task_registers),
    },
    Fallback {
        what: "tracepoint with the io_uring request (`io_uring_submit_sqe`, from 6.3 `io_uring_submit_req`)",
        since: "by 6.1",
        why: "paths in requests of io_uring, which are no system calls",
        instead: "a trace of a container that uses io_uring has a gap that says so; the second source still sees its opens",
        is_taken: Some(|layout| layout.uring_hook.is_none()),
    },
    Fallback {
        what: "own mounts behind an overlay's files",
        since: "6.5",
        why: "tells the file behind an overlay's from the overlay's own in the second source",
        instead: "both have the same path, and one of them is left out as repeated",
        is_taken: None,
    },
    Fallback {
        what: "an empty path has length 1 in `bpf_probe_read_user_str`",
        since: "6.13",
        why: "an empty path is told from one that cannot be read",
        instead: "length 0 counts as empty too",
        is_taken: None,
    },
    Fallback {
        what: "paths of io_uring wrapped (`struct delayed_filename`)",
        since: "after 6.18 and by 7.2",
        why: "paths in requests of io_uring",
        instead: "with it: the pointer is read from inside the wrapper",
        is_taken: None,
    },
    Fallback {
        what: "programs at tracepoints that may be preempted",
        since: "after 6.18 and by 7.2",
        why: "the kernel skips a program for other tasks while a preempted task is inside it",
        instead: "with it: copies of each program take turns (four where tasks are all the time, two elsewhere); an event that all of \
                  them missed is counted as lost",
        is_taken: Some(|layout| layout.preemptible),
    },
];

/// The rows that the running kernel is known to take.
pub(super) fn taken(layout: &Layout) -> impl Iterator<Item = &'static Fallback> {
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
