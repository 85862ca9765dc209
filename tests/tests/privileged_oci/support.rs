//! Images read from the daemon and unpacked into a cache of the tests' own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use minifier::image::{ImageConfig, ImageReference};
use minifier::runtime::{LayerCache, OciContainer, OciRuntime, RunOptions, Unpacked};
use minifier::transport::{Daemon, ReadMode, ReadRequest, Source};
use tokio_util::sync::CancellationToken;

/// The cache that tests of fixtures share; it stays, so that the next run is quicker.
pub(crate) fn cache_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("oci-cache")
}

/// runc, which works on every host that these tests run on.
pub(crate) fn runc() -> OciRuntime {
    OciRuntime::find(Some("runc")).expect("runc is installed")
}

/// A fixture's image, read from the daemon.
pub(crate) async fn source(fixture: &str) -> Result<Source> {
    let daemon = Daemon::connect().await?;
    let reference: ImageReference = format!("minifier-fixture/{fixture}:latest").parse()?;
    let scratch = tempfile::tempdir()?;
    let source = daemon
        .open(ReadRequest {
            reference: &reference,
            platform: None,
            mode: ReadMode::Auto,
            scratch: scratch.path(),
            progress: &|_| {},
        })
        .await?;
    Ok(source)
}

/// A fixture's image, unpacked.
pub(crate) async fn unpacked(fixture: &str) -> Result<(ImageConfig, Unpacked)> {
    let source = Arc::new(source(fixture).await?);
    let config = source.image.config.clone();
    let cache = LayerCache::open(&cache_folder())?;
    let unpacked = tokio::task::spawn_blocking(move || {
        let cancel = CancellationToken::new();
        cache.unpack(
            &source.image.config,
            &source.layers,
            &*source.content,
            &cancel,
        )
    });
    Ok((config, unpacked.await??))
}

/// A container of a fixture.
pub(crate) async fn create(
    fixture: &str,
    options: &RunOptions,
) -> Result<(ImageConfig, OciContainer)> {
    let (config, image) = unpacked(fixture).await?;
    let cancel = CancellationToken::new();
    let container = runc().create(&image, &config, options, &cancel).await?;
    Ok((config, container))
}

/// Words as options take them.
pub(crate) fn words(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// Runs a script with an image's shell.
pub(crate) fn script(text: &str) -> RunOptions {
    RunOptions {
        entrypoint: words(&["/bin/sh", "-c", text]),
        ..RunOptions::default()
    }
}
