//! The thread that empties the ring buffer, so that nothing else has to be fast.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use minifier_common::record::{counter, hook};
use tokio::sync::watch;

use super::assemble::Assembler;
use super::load::Kernel;
use super::{HookStatus, Trace, TraceError, calls};

/// Time between two looks at the ring buffer. At this pace 8 MiB took six parallel storms without a loss.
const PACE: Duration = Duration::from_millis(10);

/// Bytes that an empty backlog keeps.
const KEPT: usize = 1 << 20;

/// Nice value of the collecting thread.
const PRIORITY: i32 = -10;

/// How long a program that was running when its hook was taken away may need to end.
const LAST_PROGRAMS: Duration = Duration::from_millis(5);

/// Collects until the other end of `stop` says so or is gone; none in the second case.
pub(super) fn run(
    mut kernel: Kernel,
    stop: &Receiver<()>,
    seen: &watch::Sender<bool>,
) -> Option<Result<Trace, TraceError>> {
    // The workload may take every processor for itself.
    if let Err(error) =
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), PRIORITY)
    {
        tracing::debug!(%error, "the collecting thread has no priority");
    }
    let mut assembler = Assembler::new(kernel.start);
    let mut backlog = Backlog::default();
    loop {
        backlog.fill(&mut kernel);
        let done = backlog.assemble(&mut assembler, Some(Instant::now() + PACE));
        if assembler.seeded && !*seen.borrow() {
            seen.send_replace(true);
        }
        let pause = if done { PACE } else { Duration::ZERO };
        match stop.recv_timeout(pause) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                kernel.detach();
                return None;
            }
        }
    }
    kernel.detach();
    std::thread::sleep(LAST_PROGRAMS);
    backlog.fill(&mut kernel);
    backlog.assemble(&mut assembler, None);
    Some(trace(&kernel, assembler))
}

/// Records taken out of the ring buffer and not yet looked at: taking them is quick, looking at them is not.
#[derive(Default)]
struct Backlog {
    /// Each record behind its length.
    bytes: Vec<u8>,
    /// Where the next one starts.
    next: usize,
}

impl Backlog {
    fn fill(&mut self, kernel: &mut Kernel) {
        while let Some(record) = kernel.events.next() {
            self.bytes.extend_from_slice(&record.len().to_ne_bytes());
            self.bytes.extend_from_slice(&record);
        }
    }

    /// Looks at the records in their order, until `deadline`; true where none is left.
    fn assemble(&mut self, assembler: &mut Assembler, deadline: Option<Instant>) -> bool {
        while let Some((length, rest)) = self
            .bytes
            .get(self.next..)
            .and_then(<[u8]>::split_first_chunk::<{ size_of::<usize>() }>)
        {
            let length = usize::from_ne_bytes(*length);
            assembler.push(rest.get(..length).unwrap_or(rest));
            self.next += size_of::<usize>() + length;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.next = 0;
        true
    }
}

fn trace(kernel: &Kernel, mut assembler: Assembler) -> Result<Trace, TraceError> {
    let total = |kernel: &Kernel, index: u32| -> Result<u64, TraceError> {
        kernel
            .counters
            .get(&index, 0)
            .map(|values| values.iter().sum())
            .map_err(|source| TraceError::Map {
                map: "COUNTERS",
                source: Box::new(source),
            })
    };
    let mut hooks = Vec::new();
    let mut gaps = Vec::new();
    for (name, index) in kernel.all_hooks() {
        let skipped = kernel.skipped(index, total(kernel, counter::CROWDED + index)?);
        let unwritten = total(kernel, counter::LOST + index)?;
        if unwritten > 0 {
            gaps.push(format!(
                "{unwritten} records of {name} were lost because the buffer was full; trace with a larger one"
            ));
        }
        // The second source sees more than calls tell, but a trace is complete without it.
        if skipped > 0 && index != hook::OPENED {
            gaps.push(format!(
                "up to {skipped} events of {name} were lost because the kernel was busy with others; trace on a host \
                 with less load"
            ));
        }
        hooks.push(HookStatus {
            name: name.to_owned(),
            seen: total(kernel, counter::SEEN + index)?,
            lost: unwritten + skipped,
        });
    }
    let mut second_source = assembler.join_sources();
    match &kernel.opens {
        Ok(opens) => second_source.hook = Some(opens.hook.to_owned()),
        Err(reason) => second_source.reason = Some(reason.clone()),
    }
    let uring_hook = kernel.hooks.iter().any(|one| one.counter == hook::URING);
    let uring_used = calls::number("io_uring_setup")
        .is_some_and(|number| assembler.syscalls.contains(&number.into()));
    let counted = [
        (
            counter::PATH_LOST,
            "paths given to system calls could not be read",
        ),
        (
            counter::WALK_LOST,
            "files could not be followed up to the root directory",
        ),
        (
            counter::FOREIGN,
            "system calls of 32-bit programs were not looked at",
        ),
        (
            counter::URING_LOST,
            "io_uring requests with a path could not be read",
        ),
    ];
    for (index, what) in counted {
        let count = total(kernel, index)?;
        if count > 0 {
            gaps.push(format!("{count} {what}"));
        }
    }
    if uring_used && !uring_hook {
        gaps.push(
            "the container uses io_uring, whose requests cannot be traced on this kernel".into(),
        );
    }
    if assembler.undecodable > 0 {
        gaps.push(format!(
            "{} records could not be understood",
            assembler.undecodable
        ));
    }
    if !assembler.seeded {
        gaps.push("the container was never seen to execute anything".into());
    }
    let mut accesses = assembler.accesses;
    accesses.sort_by_key(|access| access.time);
    Ok(Trace {
        accesses,
        processes: assembler.processes,
        syscalls: assembler.syscalls,
        hooks,
        second_source,
        gaps,
    })
}
