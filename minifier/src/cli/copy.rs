//! `minify copy`: an image from any place to any other, nothing changed but how it is stored.

use std::io::IsTerminal;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::error::CliError;
use super::exit::Exit;
use super::left::Left;
use super::printer::Printer;
use super::storage::{self, StorageArgs, control};
use crate::image::{Platform, TaggedName};
use crate::transport::{LayerCompression, Location, Place, WriteOptions};

/// Copy an image from one location to another
///
/// The digest and size of every blob are checked during the copy. The digest of the manifest at the destination is
/// printed on stdout. A failed copy leaves nothing half-written behind.
///
/// Layers that Docker stores uncompressed are compressed with gzip at level 1 unless --compression says otherwise.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CopyArgs {
    /// Image to copy
    ///
    /// A name in the Docker daemon, docker-daemon:REF, docker-archive:FILE[:REF], oci:DIR[:TAG],
    /// oci-archive:FILE[:TAG], docker://REGISTRY/REPO[:TAG|@DIGEST], containers-storage:REF (Podman), or - for an
    /// archive on standard input
    #[arg(value_name = "SRC", value_parser = storage::source)]
    source: Location,

    /// Destination, in the same syntax; `-` writes a `docker load` archive to stdout
    #[arg(value_name = "DST")]
    destination: Location,

    /// Platform to choose if there are several: OS/ARCHITECTURE[/VARIANT] [default: this host's]
    #[arg(long)]
    platform: Option<Platform>,

    #[command(flatten)]
    storage: StorageArgs,

    /// Modification time of entries in archives, in seconds since 1970
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SOURCE_DATE_EPOCH",
        default_value_t = 0
    )]
    source_date_epoch: u64,
}

const EXAMPLES: &str = "\
Examples:
    minify copy app:1 oci:layout:app-1                    from the Docker daemon into an OCI layout
    minify copy oci:layout:app-1 docker-archive:app.tar:app:1
    minify copy --compression zstd oci:layout:app-1 oci-archive:app.oci.tar:1
    docker save app:1 | minify copy - oci:layout:app-1";

pub(crate) async fn exec(
    args: &CopyArgs,
    printer: &Printer,
    cancel: &CancellationToken,
    left: &Left,
) -> Result<Exit, CliError> {
    let compression = args.compression()?;
    let to_stdout = *args.destination.place() == Place::Stdio;
    if to_stdout && std::io::stdout().is_terminal() {
        let error = anyhow::anyhow!("write an archive to a terminal");
        return Err(CliError::new(Exit::Usage, error).hint("redirect standard output"));
    }
    let open = args
        .storage
        .read
        .open(args.platform.as_ref(), control(printer, "copy", cancel));
    let stored = storage::open(&args.source, &open, printer).await?;
    let options = WriteOptions {
        names: args.names(&stored.names),
        mtime: args.source_date_epoch,
        compression,
        scratch: open.scratch.clone(),
        limits: open.limits,
        registry: open.registry.clone(),
        control: open.control.clone(),
    };
    let written = storage::write(&stored, &args.destination, &options, left).await?;
    for note in &written.notes {
        printer.note(format_args!("note: {note}"));
    }
    if to_stdout {
        printer.note(written.manifest);
        return Ok(Exit::Success);
    }
    printer
        .result(&format!("{}\n", written.manifest))
        .map_err(|e| CliError::new(Exit::OutputFailed, e))?;
    Ok(Exit::Success)
}

impl CopyArgs {
    /// Docker stores layers uncompressed. They are compressed quickly, as nobody asked for the smallest result.
    fn compression(&self) -> Result<Option<LayerCompression>, CliError> {
        let from_docker = matches!(
            self.source.place(),
            Place::Plain(_)
                | Place::DockerDaemon(_)
                | Place::DockerArchive { .. }
                | Place::ContainersStorage(_)
                | Place::Stdio
        );
        self.storage
            .compression(from_docker.then_some(LayerCompression::QUICK_GZIP))
    }

    /// Archives for Docker keep the names that the image has.
    fn names(&self, names: &[String]) -> Vec<TaggedName> {
        match self.destination.place() {
            Place::DockerArchive { .. } | Place::Stdio => names
                .iter()
                .filter(|name| name.contains([':', '/']))
                .filter_map(|name| name.parse().ok())
                .collect(),
            _ => Vec::new(),
        }
    }
}
