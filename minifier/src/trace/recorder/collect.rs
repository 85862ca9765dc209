//! The thread that empties the ring buffer while the container runs, and makes the [`Trace`] in the end.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use minifier_common::record::{counter, hook};

use super::assemble::Assembler;
use super::backlog::Backlog;
use super::calls;
use super::error::TraceError;
use super::load::Kernel;
use super::scope::Guess;
use crate::trace::gap::Gap;
use crate::trace::model::{HookStatus, Trace};

/// Time between two looks at the ring buffer. At this pace, a buffer of 8 MiB lost nothing of six parallel storms (560,000
/// events). Polling costs less than a wake-up for each record.
const PACE: Duration = Duration::from_millis(10);

/// Nice value of the collecting thread: on a busy host it must not wait for the workload.
const PRIORITY: i32 = -10;

/// Time for the programs that are still running when their hooks are removed.
const LAST_PROGRAMS: Duration = Duration::from_millis(5);

/// Collects until `stop` gets a message, then makes the trace. Returns `None` if the other end of `stop` is dropped.
/// `memory`: bytes that the trace may take.
pub(crate) fn run(
    mut kernel: Kernel,
    memory: u64,
    stop: &Receiver<Guess>,
) -> Option<Result<Trace, TraceError>> {
    // The workload may use every processor. Without CAP_SYS_NICE this fails, which is no reason not to trace.
    if let Err(error) =
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), PRIORITY)
    {
        tracing::debug!(%error, "the collecting thread has no priority");
    }
    let mut assembler = Assembler::new(kernel.start, memory);
    let mut backlog = Backlog::default();
    let guess = loop {
        fill(&mut backlog, &mut kernel);
        let done = assemble(&mut backlog, &mut assembler, Some(Instant::now() + PACE));
        let pause = if done { PACE } else { Duration::ZERO };
        match stop.recv_timeout(pause) {
            Ok(guess) => break guess,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                kernel.detach();
                return None;
            }
        }
    };
    kernel.detach();
    // Detaching does not wait for programs that are running, and their records count as well.
    std::thread::sleep(LAST_PROGRAMS);
    // Several times if there is more than the backlog takes.
    loop {
        assemble(&mut backlog, &mut assembler, None);
        if !fill(&mut backlog, &mut kernel) {
            break;
        }
    }
    Some(trace(&kernel, assembler, guess))
}

/// Takes records out of the ring buffer as long as there is room; returns false if there were none.
fn fill(backlog: &mut Backlog, kernel: &mut Kernel) -> bool {
    let mut filled = false;
    while !backlog.is_full()
        && let Some(record) = kernel.events.next()
    {
        backlog.push(&record);
        filled = true;
    }
    filled
}

/// Assembles records in their order until `deadline`; returns true if none is left.
fn assemble(backlog: &mut Backlog, assembler: &mut Assembler, deadline: Option<Instant>) -> bool {
    while backlog.take(|record| assembler.push(record)) {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
    }
    true
}

/// Index of a counter that must be 0, and the gap if it is not.
type Counted = (u32, fn(u64) -> Gap);

fn trace(kernel: &Kernel, mut assembler: Assembler, guess: Guess) -> Result<Trace, TraceError> {
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
        // Counted by the kernel itself, and not by the programs, which did not run.
        let skipped = kernel.skipped(index, total(kernel, counter::CROWDED + index)?);
        let unwritten = total(kernel, counter::LOST + index)?;
        if unwritten > 0 {
            gaps.push(Gap::BufferFull {
                hook: name.to_owned(),
                lost: unwritten,
            });
        }
        // The second source sees opens that no call shows, but a trace is complete without it.
        if skipped > 0 && index != hook::OPENED {
            gaps.push(Gap::Busy {
                hook: name.to_owned(),
                skipped,
            });
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
    if assembler.budget.is_spent() {
        gaps.push(Gap::Memory {
            bytes: assembler.budget.total(),
            left_out: assembler.budget.refused(),
        });
    }
    let counted: [Counted; 5] = [
        (counter::UNFOLLOWED, Gap::Unfollowed),
        (counter::PATH_LOST, Gap::PathsLost),
        (counter::WALK_LOST, Gap::WalksLost),
        (counter::FOREIGN, Gap::Foreign),
        (counter::URING_LOST, Gap::UringLost),
    ];
    for (index, gap) in counted {
        let count = total(kernel, index)?;
        if count > 0 {
            gaps.push(gap(count));
        }
    }
    // Only if the container uses it: on older kernels, every other trace is complete without the hook.
    if uring_used && !uring_hook {
        gaps.push(Gap::UringUnseen);
    }
    if assembler.undecodable > 0 {
        gaps.push(Gap::Undecodable(assembler.undecodable));
    }
    if !assembler.seeded {
        gaps.push(Gap::NeverSeen);
    }
    let namesakes = total(kernel, counter::NAMESAKE)?;
    match guess {
        Guess::Right => {}
        Guess::Wrong => gaps.push(Gap::OtherGroup),
        // A container that ended at once could not be asked. It is only a gap if there was another candidate.
        Guess::Unknown if namesakes > 0 => gaps.push(Gap::Namesakes(namesakes)),
        Guess::Unknown => {}
    }
    let mut accesses = assembler.accesses;
    // By time: the records of several processors can be out of order by a little. In place, since there may be many.
    accesses.sort_unstable_by_key(|access| access.time);
    Ok(Trace {
        accesses,
        processes: assembler.processes,
        syscalls: assembler.syscalls,
        hooks,
        second_source,
        gaps,
    })
}
