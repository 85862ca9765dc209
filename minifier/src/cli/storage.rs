//! Options of several commands about how images are stored: compression, limits of what is read, temporary files.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::error::CliError;
use super::exit::Exit;
use super::left::Left;
use super::printer::Printer;
use crate::image::Platform;
use crate::rootfs::shorten;
use crate::rootfs::tar::Compression;
use crate::transport::registry::RegistryOptions;
use crate::transport::{
    Control, LayerCompression, Limits, Location, LocationError, OpenOptions, Place, StoredImage,
    TransportError, WriteOptions, Written, open_image, suggest, write_image,
};
use crate::units::Size;

/// How layers are stored.
#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StorageArgs {
    /// Compression of layers in OCI layouts, OCI archives and registries
    #[arg(long, value_enum)]
    pub(crate) compression: Option<CompressionArg>,

    /// Compression level: 1 to 9 for gzip [default: 6], 1 to 19 for zstd [default: 3]
    #[arg(long, value_name = "LEVEL", requires = "compression")]
    pub(crate) compression_level: Option<i32>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// Limits and registries for reading an image.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Maximum size of all layers, uncompressed, such as 100GB [default: 64GiB]
    ///
    /// This also raises the limits on the compression ratio and on the memory for the list of files.
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_uncompressed: Option<Size>,

    /// Registry to access over plain HTTP, or over TLS with any certificate (repeatable) [always: 127.0.0.0/8]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) insecure_registry: Vec<String>,
}

/// A compression, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressionArg {
    Gzip,
    Zstd,
    None,
}

impl StorageArgs {
    /// The compression that was asked for, else `default`.
    pub(crate) fn compression(
        &self,
        default: Option<LayerCompression>,
    ) -> Result<Option<LayerCompression>, CliError> {
        let kind = match self.compression {
            Some(CompressionArg::Gzip) => Compression::Gzip,
            Some(CompressionArg::Zstd) => Compression::Zstd,
            Some(CompressionArg::None) => Compression::None,
            None => return Ok(default),
        };
        LayerCompression::new(kind, self.compression_level)
            .map(Some)
            .map_err(|e| CliError::new(Exit::Usage, e))
    }
}

impl ReadArgs {
    /// The limits on what is read.
    pub(crate) fn limits(&self) -> Limits {
        match self.max_uncompressed {
            None => Limits::default(),
            Some(size) => Limits {
                uncompressed: size.0,
                ratio: None,
            },
        }
    }

    /// Credentials from where Docker and Podman have them.
    pub(crate) fn registry(&self) -> RegistryOptions {
        RegistryOptions {
            insecure: self.insecure_registry.clone(),
            ..RegistryOptions::from_env()
        }
    }

    /// Options for opening an image, with temporary files in the system's folder for them.
    pub(crate) fn open(&self, platform: Option<&Platform>, control: Control) -> OpenOptions {
        OpenOptions {
            platform: platform.cloned(),
            scratch: scratch(),
            limits: self.limits(),
            registry: self.registry(),
            control,
        }
    }
}

/// Notes that are printed; an index can name thousands of images.
const NOTES: usize = 20;

/// Opens an image and prints what there is to note about it.
pub(crate) async fn open(
    location: &Location,
    options: &OpenOptions,
    printer: &Printer,
) -> Result<StoredImage, CliError> {
    let stored = open_image(location, options)
        .await
        .map_err(|error| about(location, CliError::from(error)))?;
    for note in stored.notes.iter().take(NOTES) {
        printer.note(format_args!("note: {}", shorten(note)));
    }
    if let Some(more @ 1..) = stored.notes.len().checked_sub(NOTES) {
        printer.note(format_args!("note: {more} more notes were left out"));
    }
    Ok(stored)
}

/// Writes an image, and notes what is left of it while that goes on.
pub(crate) async fn write(
    stored: &StoredImage,
    location: &Location,
    options: &WriteOptions,
    left: &Left,
) -> Result<Written, TransportError> {
    let note = match location.place() {
        Place::Plain(_) | Place::DockerDaemon(_) | Place::ContainersStorage(_) => {
            left.note(format_args!("possibly the image, at {location}"))
        }
        Place::Registry(_) => left.note(format_args!(
            "possibly blobs, at {location} (the registry removes blobs that no manifest names)"
        )),
        Place::DockerArchive { .. } | Place::OciArchive { .. } | Place::OciLayout { .. } => left
            .note(format_args!(
                "unfinished files, beside or in {location} (their names begin with .minifier-; the next image that is \
                 written there removes them)"
            )),
        Place::Stdio => left.note("a part of the archive, on standard output"),
    };
    let written = write_image(stored, location, options).await;
    // One that a daemon has in full and does not speak of may come to be there.
    if !matches!(written, Err(TransportError::Unanswered { .. })) {
        note.gone();
    }
    written
}

/// Parses the location of an image to read. Text that is no location may be the name of a file.
pub(crate) fn source(text: &str) -> Result<Location, String> {
    text.parse()
        .map_err(|error: LocationError| match suggest(text) {
            Some(location) => format!("{error}; for the image in {text}, write {location}"),
            None => error.to_string(),
        })
}

/// An error about the image at `location`; if the name is that of a file of this host too, the hint says how to name it.
pub(crate) fn about(location: &Location, error: CliError) -> CliError {
    let suggested = match location.place() {
        Place::Plain(_) => suggest(location.as_str()),
        _ => None,
    };
    match suggested {
        Some(suggested) => error.hint(format!(
            "{location} was taken for the name of an image; for the file or folder of that name, write {suggested}"
        )),
        None => error,
    }
}

/// The folder for temporary files.
pub(crate) fn scratch() -> PathBuf {
    std::env::temp_dir()
}

/// Shows bytes on the way.
pub(crate) fn control(
    printer: &Printer,
    name: &'static str,
    cancel: &CancellationToken,
) -> Control {
    let stage = printer.stage(name);
    let progress = move |bytes| stage.at(Size(bytes).to_string());
    Control::new(cancel.clone(), Arc::new(progress))
}
