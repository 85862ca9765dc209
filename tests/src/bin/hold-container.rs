//! Holds a container of a fixture until it is killed: `hold-container CACHE FIXTURE created|running`. Tells its id.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use minifier::runtime::{LayerCache, OciRuntime, RunOptions};
use minifier::transport::{Daemon, ReadMode, ReadRequest};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().context("CACHE FIXTURE created|running");
    let (cache, fixture, state) = (next()?, next()?, next()?);
    let daemon = Daemon::connect().await?;
    let scratch = tempfile::tempdir()?;
    let source = daemon
        .open(ReadRequest {
            reference: &format!("minifier-fixture/{fixture}:latest").parse()?,
            platform: None,
            mode: ReadMode::Auto,
            scratch: scratch.path(),
            progress: &|_| {},
        })
        .await?;
    scratch.close()?;
    let cache = LayerCache::open(Path::new(&cache))?;
    let config = &source.image.config;
    let cancel = CancellationToken::new();
    let image = cache.unpack(config, &source.layers, &*source.content, &cancel)?;
    let runtime = OciRuntime::find(Some("runc"))?;
    let options = RunOptions::default();
    let container = runtime.create(&image, config, &options, &cancel).await?;
    if state == "running" {
        container.start().await?;
    }
    println!("{}", container.id());
    tokio::time::sleep(Duration::from_secs(600)).await;
    Ok(())
}
