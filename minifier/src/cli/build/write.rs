//! Handing the new image over: archives first, then the daemon, since only an archive can be half-written.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytesize::ByteSize;
use tokio::task::spawn_blocking;

use super::errors;
use super::pipeline::{Build, cancelled};
use crate::cli::error::CliError;
use crate::image::{Bundle, Digest, TaggedName};
use crate::rebuild::Rebuilt;
use crate::report::Stage;
use crate::transport::{ArchiveBody, Daemon, WriteError, write_archive, write_archive_file};

/// Writes every archive and loads the image into the daemon; gives the digest of the OCI manifest.
pub(super) async fn write(
    build: &Build<'_>,
    daemon: &Daemon,
    rebuilt: &Rebuilt,
) -> Result<Digest, CliError> {
    let stage = Arc::new(build.printer.stage("write"));
    let started = Instant::now();
    let bundle = rebuilt.bundle();
    let mtime = build.options.rebuild.source_date_epoch.unwrap_or(0);
    let mtime = u64::try_from(mtime).unwrap_or(0);
    let mut manifest = None;
    for to in &build.options.archives {
        let (bundle, file, cancel) = (bundle.clone(), to.file.clone(), build.cancel.clone());
        let names: Vec<TaggedName> = match &to.name {
            Some(name) => vec![name.clone()],
            None => build.options.tags.clone(),
        };
        let stage = stage.clone();
        let task = spawn_blocking(move || {
            let mut watch = |bytes| {
                stage.at(format!("{}", ByteSize::b(bytes).display().si()));
                match cancel.is_cancelled() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            write_archive_file(&bundle, &names, mtime, &file, &mut watch)
        });
        let info = match task.await {
            Ok(Err(WriteError::Cancelled)) => return Err(cancelled()),
            Ok(result) => result.map_err(errors::archive)?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        manifest = Some(info.manifest);
    }
    if !build.options.tags.is_empty() {
        manifest = Some(load(build, daemon, rebuilt, bundle.clone(), mtime).await?);
    }
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => dry(bundle, mtime)?,
    };
    build.took(Stage::Write, started);
    Ok(manifest)
}

async fn load(
    build: &Build<'_>,
    daemon: &Daemon,
    rebuilt: &Rebuilt,
    bundle: Bundle,
    mtime: u64,
) -> Result<Digest, CliError> {
    let tags = build.options.tags.clone();
    let written = Arc::new(OnceLock::new());
    let slot = written.clone();
    let body = ArchiveBody::written_by(move |out| {
        let info = write_archive(&bundle, &tags, mtime, out, &mut |_| {
            ControlFlow::Continue(())
        });
        slot.get_or_init(|| info.as_ref().ok().map(|info| info.manifest));
        info.map(|_| ()).map_err(io::Error::other)
    });
    let loading = daemon.load(body, &rebuilt.config, &build.options.tags);
    build
        .unless_cancelled(loading)
        .await?
        .map_err(errors::load)?;
    let manifest = written.get().copied().flatten();
    manifest.ok_or_else(|| {
        let missing = anyhow::anyhow!("load the image: the daemon did not read all of it");
        CliError::new(crate::cli::exit::Exit::OutputFailed, missing)
    })
}

/// With nothing to write to, the manifest is still part of the report.
fn dry(bundle: Bundle, mtime: u64) -> Result<Digest, CliError> {
    let watch: &mut dyn FnMut(u64) -> ControlFlow<()> = &mut |_| ControlFlow::Continue(());
    write_archive(&bundle, &[], mtime, io::sink(), watch)
        .map(|info| info.manifest)
        .map_err(errors::archive)
}
