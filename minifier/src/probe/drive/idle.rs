//! Recognising a worker (cron, a consumer of a queue) that has started and waits for something to do: it will never listen.
//!
//! A process that is still starting, however slowly, uses the processor, or waits for it or for a disk. So a container is idle
//! if, for some time, no look at it found a thread that was ready to run or waited for a disk, and all threads together used
//! at most a fiftieth of one processor. That leaves room for programs that poll a queue.

use std::io;
use std::time::{Duration, Instant};

use procfs::process::Process;
use tokio::time::sleep;

use crate::probe::sockets::ContainerProcesses;

/// How often the processes are looked at.
const POLL: Duration = Duration::from_millis(250);
/// The part of one processor that an idle container may use.
const SHARE: u32 = 50;

/// Returns once the container has been idle for the time `idle`.
pub(crate) async fn until_idle(inside: &ContainerProcesses, idle: Duration) -> io::Result<()> {
    let mut meter = Meter::new(idle);
    loop {
        let begin = Instant::now();
        let looked = look(inside)?;
        if meter.is_idle(begin, looked) {
            return Ok(());
        }
        // On a host with many processes a look takes longer. Then there are fewer, so that looking takes a fifth of one
        // processor at most.
        sleep(POLL.max(4 * begin.elapsed())).await;
    }
}

/// The activity of a container's processes at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Processor time of the processes, and of the ended children that they waited for, in clock ticks.
    ticks: u64,
    /// Whether a thread runs, could run, or waits for a disk.
    busy: bool,
}

/// Looks at all processes of the container; those that end meanwhile are not counted.
fn look(inside: &ContainerProcesses) -> io::Result<Look> {
    let mut looked = Look {
        ticks: 0,
        busy: false,
    };
    for pid in inside.pids()? {
        let Ok(process) = i32::try_from(pid).map_or(Err(()), |pid| Process::new(pid).map_err(drop))
        else {
            continue;
        };
        let Ok(stat) = process.stat() else { continue };
        let children = stat.cutime.saturating_add(stat.cstime);
        let ticks = (stat.utime.saturating_add(stat.stime))
            .saturating_add(u64::try_from(children).unwrap_or(0));
        looked.ticks = looked.ticks.saturating_add(ticks);
        let tasks = process.tasks().into_iter().flatten().flatten();
        let mut states = tasks.filter_map(|task| Some(task.stat().ok()?.state));
        looked.busy |= states.any(|state| matches!(state, 'R' | 'D'));
    }
    Ok(looked)
}

/// Decides from several looks.
#[derive(Debug)]
struct Meter {
    idle: Duration,
    /// Clock ticks that may be used in that time.
    allowed: u64,
    /// When the container was last busy, and the ticks that it had used then.
    since: Option<(Instant, u64)>,
}

impl Meter {
    fn new(idle: Duration) -> Self {
        let a_second = rustix::param::clock_ticks_per_second();
        let allowed = idle / SHARE;
        Self {
            idle,
            allowed: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX) * a_second / 1000,
            since: None,
        }
    }

    fn is_idle(&mut self, now: Instant, look: Look) -> bool {
        let (since, ticks) = *self.since.get_or_insert((now, look.ticks));
        // A difference in either direction: the sum falls if a process ends whose parent does not wait for it, and that is
        // activity too.
        if look.busy || look.ticks.abs_diff(ticks) > self.allowed {
            self.since = Some((now, look.ticks));
            return false;
        }
        now.duration_since(since) >= self.idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(8);

    /// Seconds until a container counts as idle that is looked at four times a second for a minute; `None` if it does
    /// not.
    fn after(look: impl Fn(u64) -> Look) -> Option<u64> {
        let (begin, mut meter) = (Instant::now(), Meter::new(IDLE));
        let quarter = (0..240).find(|quarter| {
            let now = begin + Duration::from_millis(250 * quarter);
            meter.is_idle(now, look(*quarter))
        });
        quarter.map(|quarter| quarter / 4)
    }

    fn ticks(ticks: u64) -> Look {
        Look { ticks, busy: false }
    }

    #[test]
    fn a_process_that_sleeps_is_idle_after_the_time() {
        assert_eq!(after(|_| ticks(70)), Some(8));
    }

    #[test]
    fn a_process_that_asks_a_queue_now_and_then_is_idle() {
        assert_eq!(after(|quarter| ticks(70 + quarter / 4)), Some(8));
    }

    #[test]
    fn a_process_that_starts_slowly_is_not_idle() {
        // A tenth of a processor.
        assert_eq!(after(|quarter| ticks(quarter * 5 / 2)), None);
        // Never gets one, or waits for a disk.
        assert_eq!(
            after(|_| Look {
                ticks: 7,
                busy: true
            }),
            None
        );
        // Started after 20 s.
        assert_eq!(after(|quarter| ticks(quarter.min(80) * 10)), Some(28));
    }

    #[tokio::test]
    async fn this_process_is_seen_to_be_busy_or_not() {
        let inside = ContainerProcesses::new(std::process::id()).unwrap();
        let looked = look(&inside).unwrap();
        // The thread that looks runs.
        assert!(looked.busy);
        let spent = std::hint::black_box((0..100_000_000u64).fold(0, |a, b| a ^ b));
        assert!(look(&inside).unwrap().ticks >= looked.ticks, "{spent}");
    }
}
