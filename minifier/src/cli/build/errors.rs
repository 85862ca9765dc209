//! From the errors of the stages to exit codes and hints.

use std::io;
use std::time::Duration;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::plan::PlanError;
use crate::probe::ProbeError;
use crate::rebuild::RebuildError;
use crate::rootfs::MergeError;
use crate::runtime::RuntimeError;
use crate::trace::{Trace, TraceError};
use crate::transport::registry::RegistryError;
use crate::transport::{LayoutError, TransportError};

/// Sets the hint where there is one.
fn with(exit: Exit, source: impl Into<anyhow::Error>, hint: Option<impl Into<String>>) -> CliError {
    CliError {
        hint: hint.map(Into::into),
        ..CliError::new(exit, source)
    }
}

pub(in crate::cli) fn transport(error: TransportError) -> CliError {
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
        TransportError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Exit::ImageNotFound
        }
        TransportError::Layout { source, .. } => match &**source {
            LayoutError::NoImage { .. }
            | LayoutError::Platform { .. }
            | LayoutError::Ambiguous { .. }
            | LayoutError::Empty => Exit::ImageNotFound,
            _ => Exit::ImageInvalid,
        },
        TransportError::Archive(_)
        | TransportError::Config(_)
        | TransportError::InPlace { .. }
        | TransportError::Tar { .. }
        | TransportError::Layer { .. }
        | TransportError::LayerTar { .. }
        | TransportError::DiffId { .. } => Exit::ImageInvalid,
        TransportError::Io { .. } | TransportError::Read { .. } => Exit::Failure,
        TransportError::WrongImage { .. }
        | TransportError::Scratch { .. }
        | TransportError::Write { .. }
        | TransportError::WriteArchive(_) => Exit::OutputFailed,
        TransportError::Cancelled { .. } => Exit::Interrupted,
        TransportError::Registry(error) => registry(error),
    };
    let hint = error.hint();
    with(exit, error, hint)
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

/// No daemon, where a name without a transport needs one.
pub(super) fn no_daemon(error: TransportError) -> CliError {
    let absent = error.is_absent();
    let error = transport(error);
    match absent {
        true => error.hint(
            "start the daemon or name it by DOCKER_HOST; without one, say where the image is: \
             oci:DIR[:TAG], docker-archive:FILE, oci-archive:FILE, docker://REGISTRY/REPO",
        ),
        false => error,
    }
}

/// No daemon, where tags need one.
pub(super) fn no_daemon_for_tags(error: TransportError) -> CliError {
    let absent = error.is_absent();
    let error = load(error);
    match absent {
        true => error.hint(
            "--tag names an image in the Docker daemon; without one, use --output oci:DIR:TAG",
        ),
        false => error,
    }
}

/// The container ran for too long.
pub(super) fn timeout(limit: Duration) -> CliError {
    let limit = limit.as_secs_f64();
    CliError::new(
        Exit::ProbeFailed,
        anyhow::anyhow!("run the container: it was not done after {limit} s"),
    )
    .hint("--timeout says how long it may take")
}

/// The same where the result is being handed over.
pub(super) fn load(error: TransportError) -> CliError {
    CliError {
        exit: Exit::OutputFailed,
        ..transport(error)
    }
}

pub(super) fn trace(error: TraceError) -> CliError {
    let hint = error.hint();
    with(Exit::CannotTrace, error, hint)
}

pub(super) fn incomplete(trace: &Trace) -> CliError {
    let gaps: Vec<String> = trace.gaps.iter().map(ToString::to_string).collect();
    // Several gaps may have the same remedy.
    let mut hints: Vec<&str> = Vec::new();
    for gap in &trace.gaps {
        if !hints.contains(&gap.hint()) {
            hints.push(gap.hint());
        }
    }
    hints.push("--allow-incomplete-trace builds all the same");
    CliError::new(
        Exit::TraceIncomplete,
        anyhow::anyhow!("the trace is incomplete: {}", gaps.join("; ")),
    )
    .hint(hints.join("; "))
}

pub(super) fn runtime(error: RuntimeError) -> CliError {
    let hint = error.hint();
    let exit = match &error {
        RuntimeError::Daemon { .. }
        | RuntimeError::NotLocal { .. }
        | RuntimeError::Lost { .. }
        | RuntimeError::NoRuntime(_)
        | RuntimeError::Program { .. }
        | RuntimeError::Host { .. }
        | RuntimeError::CacheFolder { .. }
        | RuntimeError::LeftBehind { .. } => Exit::EngineUnavailable,
        RuntimeError::Privilege(_) => Exit::CannotTrace,
        RuntimeError::Interrupted => Exit::Interrupted,
        RuntimeError::Option { .. } => Exit::Usage,
        RuntimeError::Layers(_)
        | RuntimeError::LayerCount { .. }
        | RuntimeError::Unpack { .. }
        | RuntimeError::TooLarge { .. } => Exit::ImageInvalid,
        _ => Exit::ProbeFailed,
    };
    with(exit, error, hint)
}

pub(super) fn probe(error: ProbeError) -> CliError {
    let error = match error {
        ProbeError::Runtime(error) => return runtime(error),
        error => error,
    };
    let hint = error.hint();
    with(Exit::ProbeFailed, error, hint)
}

pub(super) fn merge(error: MergeError) -> CliError {
    CliError::new(Exit::ImageInvalid, error)
}

pub(super) fn plan(error: PlanError) -> CliError {
    let exit = match &error {
        PlanError::Pattern { .. } => Exit::Usage,
        PlanError::Read(_) => Exit::ImageInvalid,
    };
    CliError::new(exit, error)
}

pub(super) fn rebuild(error: RebuildError) -> CliError {
    let exit = match &error {
        RebuildError::Write { .. } => Exit::OutputFailed,
        RebuildError::SourceDateEpoch(_) => Exit::Usage,
        RebuildError::Cancelled => Exit::Interrupted,
        _ => Exit::ImageInvalid,
    };
    let full = matches!(exit, Exit::OutputFailed);
    with(
        exit,
        error,
        full.then_some("TMPDIR names the folder for temporary files"),
    )
}

pub(super) fn io(doing: &str, error: std::io::Error) -> CliError {
    CliError::new(
        Exit::Failure,
        anyhow::Error::new(error).context(doing.to_owned()),
    )
}
