//! Handing the new image over: files first, then the daemon, since only a file can be half-written.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use super::shared::Build;
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::storage;
use crate::image::{Bundle, Digest};
use crate::rebuild::Rebuilt;
use crate::report::{OutputReport, Stage};
use crate::rootfs::tar::Compression;
use crate::tasks::joined;
use crate::transport::{
    ArchiveBody, Control, Daemon, LayerCompression, StoredImage, TransportError, WriteOptions,
    bundle_to_stored, write_archive,
};

/// The manifest and the outputs of the image that was written.
pub(crate) struct WrittenOutputs {
    /// Digest of the manifest with uncompressed layers, as the daemon gets it.
    pub(crate) manifest: Digest,
    /// Every place, with the digest of the manifest there.
    pub(crate) outputs: Vec<OutputReport>,
}

/// Writes the image to every place that was asked for, and into the daemon under its tags.
pub(crate) async fn write(
    build: &Build<'_>,
    rebuilt: &Rebuilt,
    annotations: BTreeMap<String, String>,
    scratch: &Path,
) -> Result<WrittenOutputs, CliError> {
    let started = Instant::now();
    let bundle = rebuilt.bundle();
    let stored = plain(build, &bundle, annotations, scratch).await?;
    let mut written = WrittenOutputs {
        manifest: stored.manifest.digest(),
        outputs: Vec::new(),
    };
    let result = match write_outputs(build, &stored, scratch, &mut written.outputs).await {
        Ok(()) if !build.options.tags.is_empty() => tag(build, rebuilt, bundle).await,
        result => result,
    };
    // A failure after the first output leaves an image behind that the user has to know of.
    result.map_err(|error| CliError {
        written: written
            .outputs
            .iter()
            .map(|output| output.location.clone())
            .collect(),
        ..error
    })?;
    build.took(Stage::Write, started);
    Ok(written)
}

/// Writes to one place after the other, and notes each in `outputs` when it is complete.
async fn write_outputs(
    build: &Build<'_>,
    stored: &StoredImage,
    scratch: &Path,
    outputs: &mut Vec<OutputReport>,
) -> Result<(), CliError> {
    for location in &build.options.outputs {
        let options = WriteOptions {
            names: build.options.tags.clone(),
            mtime: build.options.mtime(),
            compression: build.options.compression,
            scratch: scratch.to_owned(),
            limits: build.options.limits,
            registry: build.options.registry.clone(),
            control: storage::control(build.printer, "write", &build.cancel),
        };
        let there = storage::write(stored, location, &options, build.left)
            .await
            .map_err(errors::load)?;
        for note in &there.notes {
            build.printer.note(format_args!("note: {note}"));
        }
        outputs.push(OutputReport {
            location: location.to_string(),
            manifest: there.manifest,
        });
    }
    Ok(())
}

/// The image as it was rebuilt; its layers stay in their files.
async fn plain(
    build: &Build<'_>,
    bundle: &Bundle,
    annotations: BTreeMap<String, String>,
    scratch: &Path,
) -> Result<StoredImage, CliError> {
    let none = LayerCompression::new(Compression::None, None)
        .unwrap_or_else(|e| unreachable!("it has no levels: {e}"));
    let (bundle, scratch) = (bundle.clone(), scratch.to_owned());
    let control = Control::new(build.cancel.clone(), Arc::new(|_| {}));
    let making =
        spawn_blocking(move || bundle_to_stored(&bundle, annotations, none, &scratch, &control));
    joined(making).await.map_err(errors::load)
}

/// Loads the image into the daemon under all its tags. If no daemon answers, the tags have served as names in the
/// other places, if there are any.
async fn tag(build: &Build<'_>, rebuilt: &Rebuilt, bundle: Bundle) -> Result<(), CliError> {
    let stage = Arc::new(build.printer.stage("write"));
    let daemon = match build.unless_cancelled(Daemon::connect()).await? {
        Ok(daemon) => daemon,
        Err(error) if !build.options.outputs.is_empty() && error.is_absent() => {
            build.printer.warning(
                format_args!("{error}; the tags are used only as names in the other outputs"),
                None,
            );
            return Ok(());
        }
        Err(error) => return Err(errors::no_daemon_for_tags(error)),
    };
    stage.at("loading into the Docker daemon");
    let noted = build.left.note(format_args!(
        "possibly the image, in the Docker daemon as {}",
        build
            .options
            .tags
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    ));
    let (tags, mtime) = (build.options.tags.clone(), build.options.mtime());
    let body = ArchiveBody::written_by(move |out| {
        write_archive(&bundle, &tags, mtime, out, &mut |_| {
            ControlFlow::Continue(())
        })
        .map(|_| ())
        .map_err(io::Error::other)
    });
    let loaded = daemon
        .load(body, &rebuilt.config, &build.options.tags, &build.cancel)
        .await;
    if !matches!(loaded, Err(TransportError::Unanswered { .. })) {
        noted.gone();
    }
    loaded
        .map_err(errors::load)?
        .ok_or_else(CliError::interrupted)?;
    Ok(())
}
