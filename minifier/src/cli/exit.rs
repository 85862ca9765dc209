//! Exit codes: one list, documented, shown by `minify --help`, stable across releases.

use std::process::ExitCode;

/// Why the program ends. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command did what it was asked to do.
    Success = 0,
    /// Something went wrong that no other code names.
    Failure = 1,
    /// The command line, or a file that it names, is wrong.
    Usage = 2,
    /// There is no such image, or none for the platform that was asked for.
    ImageNotFound = 3,
    /// The host cannot trace: kernel, BTF, capabilities.
    CannotTrace = 4,
    /// The workload did not get ready or crashed, a probe failed, or `--timeout` was reached.
    ProbeFailed = 5,
    /// The trace is incomplete: events were lost or a hook is missing.
    TraceIncomplete = 6,
    /// No container engine answers.
    EngineUnavailable = 7,
    /// The result could not be written, or a disk is full.
    OutputFailed = 8,
    /// The image is damaged or cannot be understood.
    ImageInvalid = 9,
    /// The check itself worked, and found something wrong.
    CheckFailed = 10,
    /// Ctrl-C (128 + SIGINT).
    Interrupted = 130,
    /// SIGTERM (128 + SIGTERM).
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The list for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  success
    1  unexpected failure
    2  invalid command line or options file
    3  image not found, or not for this platform
    4  host cannot trace (see `minify doctor`)
    5  workload not ready or crashed, a probe failed, or the time limit was reached
    6  trace incomplete
    7  container engine unavailable
    8  result could not be written, or a disk is full
    9  image damaged or in an unknown format
   10  a check failed: a rule of `xray --ci`, a mismatch of `validate`
  130  interrupted (Ctrl-C)
  143  terminated (SIGTERM)";
