//! `minifier copy`: an image from any place to any other, nothing changed but how it is stored.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::build::errors;
use super::error::CliError;
use super::exit::Exit;
use super::printer::Printer;
use crate::image::{Platform, TaggedName};
use crate::rootfs::tar::Compression;
use crate::transport::{
    Control, LayerCompression, Limits, Location, OpenOptions, Place, WriteOptions, open_image,
    write_image,
};

/// Copy an image from one place to another
///
/// Every blob is checked against its digest and size on the way. The digest of the manifest as it stands at the
/// destination is printed on stdout. Nothing half-written is left behind, whatever happens.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CopyArgs {
    /// Where the image is
    ///
    /// A name (of the Docker daemon), docker-daemon:REF, docker-archive:FILE[:REF], oci:DIR[:TAG],
    /// oci-archive:FILE[:TAG], docker://REGISTRY/REPO[:TAG|@DIGEST], containers-storage:REF (Podman), or - for an
    /// archive on standard input
    #[arg(value_name = "SRC")]
    source: Location,

    /// Where it shall be, in the same words; - writes an archive for `docker load` to standard output
    #[arg(value_name = "DST")]
    destination: Location,

    #[command(flatten)]
    open: OpenArgs,

    /// How layers are compressed in OCI layouts, OCI archives and registries
    ///
    /// Layers that are compressed so already are kept as they are. Without this, the layers of an image that comes
    /// from a daemon or a docker-archive are compressed with gzip where they are not compressed, and those of any
    /// other are kept.
    #[arg(long, value_enum)]
    compression: Option<CompressionArg>,

    /// 1 to 9 for gzip (default 6), 1 to 19 for zstd (default 3)
    #[arg(long, value_name = "LEVEL", requires = "compression")]
    compression_level: Option<i32>,

    /// Time of an archive's entries, seconds since 1970
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
    minifier copy app:1 oci:layout:app-1                    from the Docker daemon into an OCI layout
    minifier copy oci:layout:app-1 docker-archive:app.tar:app:1
    minifier copy --compression zstd oci:layout:app-1 oci-archive:app.oci.tar:1
    docker save app:1 | minifier copy - oci:layout:app-1";

/// What `copy` and `validate` say about reading.
#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// The platform to take where there are several, OS/ARCHITECTURE[/VARIANT] [default: this host's]
    #[arg(long)]
    platform: Option<Platform>,

    /// What the layers may come to uncompressed, in place of 64 GB; lifts the limit on their ratio of compression too
    #[arg(long, value_name = "SIZE")]
    max_uncompressed: Option<ByteSize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompressionArg {
    Gzip,
    Zstd,
    None,
}

impl OpenArgs {
    pub(super) fn options(&self, control: Control) -> OpenOptions {
        OpenOptions {
            platform: self.platform.clone(),
            scratch: scratch(),
            limits: match self.max_uncompressed {
                None => Limits::default(),
                Some(size) => Limits {
                    uncompressed: size.as_u64(),
                    ratio: None,
                },
            },
            control,
        }
    }
}

fn scratch() -> PathBuf {
    std::env::temp_dir()
}

/// Shows bytes on the way.
pub(super) fn control(
    printer: &Printer,
    name: &'static str,
    cancel: &CancellationToken,
) -> Control {
    let stage = printer.stage(name);
    let progress = move |bytes| stage.at(format!("{}", ByteSize::b(bytes).display().si()));
    Control::new(cancel.clone(), Arc::new(progress))
}

pub(super) async fn exec(
    args: &CopyArgs,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Exit, CliError> {
    let compression = args.compression()?;
    let to_stdout = *args.destination.place() == Place::Stdio;
    if to_stdout && std::io::stdout().is_terminal() {
        let error = anyhow::anyhow!("write an archive to a terminal");
        return Err(CliError::new(Exit::Usage, error).hint("redirect standard output"));
    }
    let open = args.open.options(control(printer, "copy", cancel));
    let stored = open_image(&args.source, &open)
        .await
        .map_err(errors::transport)?;
    for note in &stored.notes {
        printer.note(format_args!("note: {note}"));
    }
    let options = WriteOptions {
        names: args.names(&stored.names),
        mtime: args.source_date_epoch,
        compression,
        scratch: open.scratch.clone(),
        limits: open.limits,
        control: open.control.clone(),
    };
    let written = write_image(&stored, &args.destination, &options)
        .await
        .map_err(errors::transport)?;
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
    /// What Docker stores uncompressed is not sent around like that.
    fn compression(&self) -> Result<Option<LayerCompression>, CliError> {
        let from_docker = matches!(
            self.source.place(),
            Place::Plain(_)
                | Place::DockerDaemon(_)
                | Place::DockerArchive { .. }
                | Place::ContainersStorage(_)
                | Place::Stdio
        );
        let kind = match self.compression {
            Some(CompressionArg::Gzip) => Compression::Gzip,
            Some(CompressionArg::Zstd) => Compression::Zstd,
            Some(CompressionArg::None) => Compression::None,
            None if from_docker => Compression::Gzip,
            None => return Ok(None),
        };
        LayerCompression::new(kind, self.compression_level)
            .map(Some)
            .map_err(|e| CliError::new(Exit::Usage, e))
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
