//! From the errors of the stages to exit codes and hints: `?` does it, and functions for errors that mean more than their
//! type says.

use std::io;
use std::time::Duration;

use super::error::CliError;
use super::exit::Exit;
use crate::plan::PlanError;
use crate::probe::ProbeError;
use crate::rebuild::RebuildError;
use crate::rootfs::MergeError;
use crate::runtime::RuntimeError;
use crate::runtime::destination::DestinationError;
use crate::trace::{Trace, TraceError};
use crate::transport::registry::RegistryError;
use crate::transport::{LayoutError, TransportError};
use crate::xray::XrayError;

/// Sets the hint if there is one.
fn with(exit: Exit, source: impl Into<anyhow::Error>, hint: Option<impl Into<String>>) -> CliError {
    CliError {
        hint: hint.map(Into::into),
        ..CliError::new(exit, source)
    }
}

impl From<TransportError> for CliError {
    fn from(error: TransportError) -> Self {
        let exit = match &error {
            TransportError::DaemonAbsent { .. }
            | TransportError::PodmanAbsent { .. }
            | TransportError::PermissionDenied { .. }
            | TransportError::Api { .. }
            | TransportError::Answer { .. } => Exit::EngineUnavailable,
            TransportError::Endpoint { .. }
            | TransportError::Reference(_)
            | TransportError::PlatformText(_)
            | TransportError::Location(_)
            | TransportError::Unsupported { .. } => Exit::Usage,
            TransportError::ImageNotFound { .. } | TransportError::Platform { .. } => {
                Exit::ImageNotFound
            }
            TransportError::Read { source, .. } => reading(source),
            TransportError::Layout { source, .. } => layout(source),
            TransportError::Archive(_)
            | TransportError::Config(_)
            | TransportError::InPlace { .. }
            | TransportError::Compression { .. }
            | TransportError::WrongKind { .. }
            | TransportError::Tar { .. }
            | TransportError::Layer { .. }
            | TransportError::LayerTar { .. }
            | TransportError::DiffId { .. } => Exit::ImageInvalid,
            TransportError::Io { .. } => Exit::Failure,
            TransportError::WrongImage { .. }
            | TransportError::Scratch { .. }
            | TransportError::Write { .. }
            | TransportError::WriteArchive(_) => Exit::OutputFailed,
            TransportError::Cancelled { .. } | TransportError::Unanswered { .. } => {
                Exit::Interrupted
            }
            TransportError::Registry(error) => registry(error),
        };
        let hint = error.hint();
        with(exit, error, hint)
    }
}

/// Opening or reading what a location names in files of this host.
fn reading(error: &io::Error) -> Exit {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => Exit::ImageNotFound,
        Kind::NotADirectory | Kind::IsADirectory => Exit::ImageInvalid,
        // The system did what it was asked; what came of it is no image.
        _ if error.raw_os_error().is_none() => Exit::ImageInvalid,
        _ => Exit::Failure,
    }
}

fn layout(error: &LayoutError) -> Exit {
    match error {
        LayoutError::NoImage { .. }
        | LayoutError::Platform { .. }
        | LayoutError::Ambiguous { .. }
        | LayoutError::Empty => Exit::ImageNotFound,
        LayoutError::Read { .. }
        | LayoutError::Missing { .. }
        | LayoutError::Json { .. }
        | LayoutError::NoJson { .. }
        | LayoutError::Manifest { .. }
        | LayoutError::Digest { .. }
        | LayoutError::Size { .. }
        | LayoutError::MediaType { .. }
        | LayoutError::TooLong { .. }
        | LayoutError::TooMuchJson { .. }
        | LayoutError::TooMany { .. }
        | LayoutError::Link { .. }
        | LayoutError::Config { .. }
        | LayoutError::LayerCount { .. }
        | LayoutError::ForeignLayer { .. }
        | LayoutError::EncryptedLayer { .. }
        | LayoutError::NoManifest => Exit::ImageInvalid,
    }
}

fn registry(error: &RegistryError) -> Exit {
    match error {
        RegistryError::Reference { .. } | RegistryError::Insecure { .. } => Exit::Usage,
        RegistryError::NotFound { .. } | RegistryError::Platform { .. } => Exit::ImageNotFound,
        RegistryError::Digest { .. }
        | RegistryError::Size { .. }
        | RegistryError::Manifest { .. }
        | RegistryError::Config { .. } => Exit::ImageInvalid,
        RegistryError::Connect { .. }
        | RegistryError::Tls { .. }
        | RegistryError::LeadsInside { .. }
        | RegistryError::Certificates { .. }
        | RegistryError::Broken { .. }
        | RegistryError::Unauthorized { .. }
        | RegistryError::Denied { .. }
        | RegistryError::Answer { .. }
        | RegistryError::Protocol { .. }
        | RegistryError::Credentials { .. }
        | RegistryError::Source { .. }
        | RegistryError::Cancelled { .. } => Exit::Failure,
    }
}

/// No daemon, for a name without a transport, which needs one.
pub(crate) fn no_daemon(error: TransportError) -> CliError {
    let absent = error.is_absent();
    let error = CliError::from(error);
    if absent {
        error.hint(
            "start the daemon, or set DOCKER_HOST to its address; to do without one, give a location with a \
             transport: oci:DIR[:TAG], docker-archive:FILE, oci-archive:FILE, docker://REGISTRY/REPO",
        )
    } else {
        error
    }
}

/// No daemon, for tags, which need one.
pub(crate) fn no_daemon_for_tags(error: TransportError) -> CliError {
    let absent = error.is_absent();
    let error = load(error);
    if absent {
        error.hint("start the daemon, which --tag needs, or use --output oci:DIR:TAG without --tag")
    } else {
        error
    }
}

/// Everything together took too long.
pub(crate) fn timeout(limit: Duration) -> CliError {
    let limit = limit.as_secs_f64();
    CliError::new(
        Exit::ProbeFailed,
        anyhow::anyhow!("build the image: it was not finished after {limit} s"),
    )
    .hint("allow more time with --timeout DURATION")
}

/// The same error while the result is written: then it is a failure of the output.
pub(crate) fn load(error: TransportError) -> CliError {
    match CliError::from(error) {
        error if error.exit == Exit::Interrupted => error,
        error => CliError {
            exit: Exit::OutputFailed,
            ..error
        },
    }
}

impl From<TraceError> for CliError {
    fn from(error: TraceError) -> Self {
        let hint = error.hint();
        with(Exit::CannotTrace, error, hint)
    }
}

pub(crate) fn incomplete(trace: &Trace) -> CliError {
    let gaps: Vec<String> = trace.gaps.iter().map(ToString::to_string).collect();
    // Several gaps may have the same remedy.
    let mut hints: Vec<&str> = Vec::new();
    for gap in &trace.gaps {
        if !hints.contains(&gap.hint()) {
            hints.push(gap.hint());
        }
    }
    hints.push("build anyway with --allow-incomplete-trace");
    CliError::new(
        Exit::TraceIncomplete,
        anyhow::anyhow!(
            "build the image: the trace is incomplete: {}",
            gaps.join("; ")
        ),
    )
    .hint(hints.join("; "))
}

impl From<RuntimeError> for CliError {
    fn from(error: RuntimeError) -> Self {
        let hint = error.hint();
        let exit = match &error {
            full if full.is_disk_full() => Exit::OutputFailed,
            RuntimeError::Daemon { .. }
            | RuntimeError::NotLocal { .. }
            | RuntimeError::Lost { .. }
            | RuntimeError::NoRuntime(_)
            | RuntimeError::BrokenRuntime(_)
            | RuntimeError::Program { .. }
            | RuntimeError::Host { .. }
            | RuntimeError::CacheFolder { .. }
            | RuntimeError::LeftBehind { .. } => Exit::EngineUnavailable,
            RuntimeError::Privilege(_) => Exit::CannotTrace,
            RuntimeError::Interrupted => Exit::Interrupted,
            RuntimeError::Destination {
                source: DestinationError::Look { .. },
                ..
            } => Exit::EngineUnavailable,
            RuntimeError::Destination { by_image: true, .. } => Exit::ImageInvalid,
            RuntimeError::Option { .. }
            | RuntimeError::Destination { .. }
            | RuntimeError::NoCommand => Exit::Usage,
            RuntimeError::NoImage(_) | RuntimeError::Architecture { .. } => Exit::ImageNotFound,
            RuntimeError::Layers(_)
            | RuntimeError::LayerCount { .. }
            | RuntimeError::Unpack { .. }
            | RuntimeError::TooLarge { .. }
            | RuntimeError::VolumeTooLarge { .. }
            | RuntimeError::ImageFile { .. } => Exit::ImageInvalid,
            RuntimeError::CommandNotFound { .. }
            | RuntimeError::CommandNotExecutable { .. }
            | RuntimeError::NoUser(_)
            | RuntimeError::Start(_)
            | RuntimeError::StartedBefore(_)
            | RuntimeError::NotRunning(_)
            | RuntimeError::NotKilled(_) => Exit::ProbeFailed,
        };
        with(exit, error, hint)
    }
}

impl From<ProbeError> for CliError {
    fn from(error: ProbeError) -> Self {
        let error = match error {
            ProbeError::Runtime(error) => return error.into(),
            error => error,
        };
        let hint = error.hint();
        let exit = match &error {
            ProbeError::Failed { .. }
            | ProbeError::Exited { .. }
            | ProbeError::NotReady { .. }
            | ProbeError::Idle { .. }
            | ProbeError::StillRunning { .. } => Exit::ProbeFailed,
            ProbeError::Cancelled => Exit::Interrupted,
            ProbeError::NoInput => Exit::Usage,
            ProbeError::Namespace { .. }
            | ProbeError::Sockets { .. }
            | ProbeError::Client(_)
            | ProbeError::Signal(_)
            | ProbeError::Runtime(_) => Exit::Failure,
        };
        with(exit, error, hint)
    }
}

impl From<MergeError> for CliError {
    fn from(error: MergeError) -> Self {
        CliError::new(Exit::ImageInvalid, error)
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let exit = match &error {
            PlanError::Pattern { .. } => Exit::Usage,
            PlanError::Read(_) => Exit::ImageInvalid,
        };
        CliError::new(exit, error)
    }
}

impl From<RebuildError> for CliError {
    fn from(error: RebuildError) -> Self {
        let exit = match &error {
            RebuildError::Write { .. } => Exit::OutputFailed,
            RebuildError::SourceDateEpoch(_) => Exit::Usage,
            RebuildError::Cancelled => Exit::Interrupted,
            RebuildError::NotInImage { .. }
            | RebuildError::NoSuchLayer { .. }
            | RebuildError::WhiteoutName { .. }
            | RebuildError::Header { .. }
            | RebuildError::Read { .. }
            | RebuildError::Length { .. } => Exit::ImageInvalid,
        };
        let full = matches!(exit, Exit::OutputFailed);
        with(
            exit,
            error,
            full.then_some("choose another folder for temporary files with TMPDIR"),
        )
    }
}

impl From<XrayError> for CliError {
    fn from(error: XrayError) -> Self {
        let exit = match &error {
            XrayError::TooManyEntries { .. } => Exit::ImageInvalid,
            XrayError::Cancelled { .. } => Exit::Interrupted,
        };
        let hint = error.hint();
        with(exit, error, hint)
    }
}

pub(crate) fn io(doing: &str, error: std::io::Error) -> CliError {
    CliError::new(
        Exit::Failure,
        anyhow::Error::new(error).context(doing.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::ImagePath;
    use crate::trace::Gap;

    #[test]
    fn a_full_disk_is_not_a_damaged_image() {
        let unpack = |kind: io::ErrorKind| {
            CliError::from(RuntimeError::Unpack {
                layer: 0,
                path: ImagePath::new("/a"),
                source: kind.into(),
            })
        };
        assert_eq!(unpack(io::ErrorKind::StorageFull).exit, Exit::OutputFailed);
        assert_eq!(unpack(io::ErrorKind::InvalidData).exit, Exit::ImageInvalid);
        let host = CliError::from(RuntimeError::Host {
            action: "make a volume".into(),
            source: io::ErrorKind::QuotaExceeded.into(),
        });
        assert_eq!(host.exit, Exit::OutputFailed);
    }

    #[test]
    fn unreadable_files_and_files_that_are_no_image_have_different_codes() {
        use io::ErrorKind as Kind;
        for (source, exit) in [
            (Kind::NotFound.into(), Exit::ImageNotFound),
            (Kind::NotADirectory.into(), Exit::ImageInvalid),
            (io::Error::new(Kind::InvalidData, "xz"), Exit::ImageInvalid),
            (io::Error::from_raw_os_error(13), Exit::Failure),
            (io::Error::from_raw_os_error(5), Exit::Failure),
        ] {
            let location = "docker-archive:a".to_owned();
            let error = CliError::from(TransportError::Read { location, source });
            assert_eq!(error.exit, exit, "{:?}", error.source);
        }
    }

    #[test]
    fn giving_up_is_no_failure_of_the_output() {
        let cancelled = || TransportError::Cancelled {
            doing: "write",
            location: "oci:a".into(),
        };
        assert_eq!(load(cancelled()).exit, Exit::Interrupted);
        let unanswered = TransportError::Unanswered { name: "a".into() };
        assert_eq!(load(unanswered).exit, Exit::Interrupted);
        assert_eq!(
            CliError::from(ProbeError::Cancelled).exit,
            Exit::Interrupted
        );
    }

    fn hint_for(gaps: &[Gap]) -> String {
        let trace = Trace {
            gaps: gaps.to_vec(),
            ..Trace::default()
        };
        let error = incomplete(&trace);
        assert_eq!(error.exit, Exit::TraceIncomplete);
        error.hint.expect("a hint")
    }

    #[test]
    fn an_incomplete_trace_has_the_remedy_of_each_gap_once() {
        let hint = hint_for(&[Gap::Foreign(2)]);
        assert!(!hint.contains("--trace-buffer"), "{hint}");
        assert!(hint.contains("int 0x80"), "{hint}");
        let full = |hook: &str| Gap::BufferFull {
            hook: hook.into(),
            lost: 1,
        };
        let hint = hint_for(&[full("sys_exit"), full("sched_process_exec"), Gap::NeverSeen]);
        assert_eq!(hint.matches("--trace-buffer").count(), 1, "{hint}");
        assert!(hint.contains("control groups"), "{hint}");
        assert!(hint.ends_with("build anyway with --allow-incomplete-trace"));
    }
}
