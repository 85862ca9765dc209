//! From the errors of the stages to exit codes and hints.

use std::io;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::plan::PlanError;
use crate::probe::ProbeError;
use crate::rebuild::RebuildError;
use crate::rootfs::MergeError;
use crate::runtime::RuntimeError;
use crate::trace::{Trace, TraceError};
use crate::transport::{LayoutError, TransportError, WriteError};

/// Sets the hint where there is one.
fn with(exit: Exit, source: impl Into<anyhow::Error>, hint: Option<impl Into<String>>) -> CliError {
    CliError {
        exit,
        source: source.into(),
        hint: hint.map(Into::into),
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
    };
    let hint = error.hint();
    with(exit, error, hint)
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
    CliError::new(
        Exit::TraceIncomplete,
        anyhow::anyhow!("the trace is incomplete: {}", trace.gaps.join("; ")),
    )
    .hint("a larger --trace-buffer loses less; --allow-incomplete-trace builds all the same")
}

pub(super) fn runtime(error: RuntimeError) -> CliError {
    let hint = error.hint();
    let exit = match &error {
        RuntimeError::Daemon { .. }
        | RuntimeError::NotLocal { .. }
        | RuntimeError::Lost { .. }
        | RuntimeError::LeftBehind { .. } => Exit::EngineUnavailable,
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

pub(super) fn archive(error: WriteError) -> CliError {
    CliError::new(Exit::OutputFailed, error)
}

pub(super) fn io(doing: &str, error: std::io::Error) -> CliError {
    CliError::new(
        Exit::Failure,
        anyhow::Error::new(error).context(doing.to_owned()),
    )
}
