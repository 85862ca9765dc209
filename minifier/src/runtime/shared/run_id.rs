//! [`RunId`]: names what a run makes outside its own process, so that a later run can see whether that run is over.
//!
//! It is a part of the names of containers, images and folders. So there is no list that a killed process could leave out
//! of step.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use procfs::ProcError;
use procfs::process::Process;

/// Digits of the boot's id that are kept; two boots of one machine do not share them.
const BOOT: usize = 12;

/// After this time, the things of a run of another boot count as left behind.
const ELSEWHERE: Duration = Duration::from_secs(24 * 3600);

/// `BOOT-NAMESPACE-PID-START-RANDOM`: letters, digits and `-` only, as the names of containers and tags allow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId {
    /// The first digits of the kernel's id of this boot.
    boot: String,
    /// Inode of the namespace in which the pid counts.
    namespace: u64,
    pid: i32,
    /// When the process started, in ticks since the boot: another one may have its pid later.
    start: u64,
    /// For several runs of one process.
    random: u32,
}

impl RunId {
    /// A new name for a run of this process.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read.
    pub fn new() -> io::Result<Self> {
        let stat = Process::myself().and_then(|process| process.stat());
        let stat = stat.map_err(io::Error::other)?;
        // The standard library's hasher is seeded by the system: a random number without a dependency.
        let random = RandomState::new().hash_one(stat.pid);
        Ok(Self {
            boot: this_boot()?,
            namespace: this_namespace()?,
            pid: stat.pid,
            start: stat.starttime,
            random: (random >> 32) as u32,
        })
    }

    /// Reads a name; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let run = Self {
            boot: parts.next()?.to_owned(),
            namespace: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
            random: u32::from_str_radix(parts.next()?, 16).ok()?,
        };
        // Refuses other spellings of the same numbers, such as `+1` or `01`: a name must have one reading.
        (run.boot.len() == BOOT && run.to_string() == text).then_some(run)
    }

    /// The process of the run, in its own namespace.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether a thing that the run made at that time is left behind: the run is over, and if it belongs to another boot,
    /// the thing is old. A run of another boot may be one of another machine that uses the same daemon or folder.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read.
    pub fn has_left(&self, made: SystemTime) -> io::Result<bool> {
        let is_old = || made.elapsed().is_ok_and(|age| age > ELSEWHERE);
        Ok(self.is_over()? && (self.boot == this_boot()? || is_old()))
    }

    /// Whether the process of the run has ended. One that cannot be seen from here, because its pid belongs to another
    /// namespace, counts as running.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read.
    fn is_over(&self) -> io::Result<bool> {
        if self.boot != this_boot()? {
            return Ok(true);
        }
        if self.namespace != this_namespace()? {
            return Ok(false);
        }
        match Process::new(self.pid).and_then(|process| process.stat()) {
            // The same pid with another start time is another process. A zombie has ended and only waits for its parent.
            Ok(stat) => Ok(stat.starttime != self.start || matches!(stat.state, 'Z' | 'X')),
            Err(ProcError::NotFound(_)) => Ok(true),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            boot,
            namespace,
            pid,
            start,
            random,
        } = self;
        write!(f, "{boot}-{namespace}-{pid}-{start}-{random:08x}")
    }
}

fn this_boot() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits = text.chars().filter(char::is_ascii_hexdigit);
    Ok(digits.take(BOOT).collect())
}

fn this_namespace() -> io::Result<u64> {
    // Not `symlink_metadata`: the inode of the link belongs to `/proc`, that of its target is the namespace's.
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_says_whether_its_run_goes_on() {
        let run = RunId::new().unwrap();
        let read = RunId::parse(&run.to_string()).unwrap();
        assert_eq!(read, run);
        assert!(!read.is_over().unwrap());
        assert_ne!(RunId::new().unwrap(), run, "two runs of one process");
        let over = |change: fn(&mut RunId)| {
            let mut other = run.clone();
            change(&mut other);
            other.is_over().unwrap()
        };
        assert!(over(|run| run.boot = "000000000000".into()));
        assert!(over(|run| run.start += 1), "another process with its pid");
        assert!(!over(|run| run.namespace += 1), "nobody can tell from here");
    }

    #[test]
    fn what_runs_of_another_boot_made_is_left_behind_after_a_day() {
        let own = RunId::new().unwrap();
        let ended = RunId {
            start: own.start + 1,
            ..own.clone()
        };
        let elsewhere = RunId {
            boot: "000000000000".into(),
            ..own.clone()
        };
        let (now, before) = (SystemTime::now(), SystemTime::now() - 2 * ELSEWHERE);
        for (run, made, left) in [
            (&own, before, false),
            (&ended, now, true),
            (&elsewhere, now, false),
            (&elsewhere, before, true),
        ] {
            assert_eq!(run.has_left(made).unwrap(), left, "{run} {made:?}");
        }
    }

    #[test]
    fn a_process_that_has_ended_is_over_even_if_nobody_waited_for_it() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let start = Process::new(pid).unwrap().stat().unwrap().starttime;
        let run = RunId {
            pid,
            start,
            ..RunId::new().unwrap()
        };
        while !run.is_over().unwrap() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(run.is_over().unwrap());
    }

    #[test]
    fn what_another_program_named_is_not_a_name() {
        let run = RunId::new().unwrap().to_string();
        for text in [
            "",
            "latest",
            "0123456789abcdef",
            &run[1..],
            &format!("{run}-1"),
            &format!("0{run}"),
        ] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
        assert!(run.len() < 100, "a tag has at most 128 characters: {run}");
    }
}
