//! [`write_image`]: an image to any location.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::archive::{ArchiveInfo, Form, WriteError, write_stored};
use super::archive_file::write_file;
use super::blocks::LayerCompression;
#[cfg(feature = "engines")]
use super::into_daemon::{loaded, reached};
#[cfg(feature = "registry")]
use super::into_registry::pushed;
use super::layout::write_layout;
use super::media_types::with_right_types;
use super::oci::LayoutName;
use super::recompress::recompress;
use crate::image::{Digest, TaggedName};
use crate::rootfs::tar::Compression;
use crate::tasks::joined;
use crate::transport::control::Control;
#[cfg(feature = "engines")]
use crate::transport::docker::Daemon;
use crate::transport::error::TransportError;
use crate::transport::limits::Limits;
use crate::transport::location::{Location, OciImage, Place};
use crate::transport::registry::RegistryOptions;
use crate::transport::stored::StoredImage;

/// How to write an image.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// The names that it gets where the location gives none.
    pub names: Vec<TaggedName>,
    /// Time of an archive's entries, seconds since the epoch.
    pub mtime: u64,
    /// How layers is to be compressed in OCI layouts, OCI archives and registries; none leaves them as they are.
    /// Docker's archives and daemon always get them uncompressed.
    pub compression: Option<LayerCompression>,
    /// A folder for temporary files. They have no names.
    pub scratch: PathBuf,
    /// What the layers may come to.
    pub limits: Limits,
    /// Credentials and certificates for registries.
    pub registry: RegistryOptions,
    /// Who watches.
    pub control: Control,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Digest of the manifest as it stands there.
    pub manifest: Digest,
    /// Digest of the config: Docker's image ID.
    pub image_id: Digest,
    /// Bytes that were written.
    pub bytes: u64,
    /// What is worth knowing about it, a sentence each.
    pub notes: Vec<String>,
}

/// Writes an image; a plain name is taken for one of the Docker daemon. The image is there completely or not at all:
/// errors and cancellation leave nothing that is half-written.
pub async fn write_image(
    stored: &StoredImage,
    location: &Location,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    // Between registries blobs stay where they are, and nobody looks into them.
    let looks =
        !matches!(location.place(), Place::Registry(_)) || stored.blobs.repository().is_none();
    let (stored, notes) = match looks {
        true => {
            let (stored, control) = (stored.clone(), options.control.clone());
            let looking = spawn_blocking(move || with_right_types(&stored, &control));
            match joined(looking).await {
                Err(_) if options.control.is_cancelled() => return Err(cancelled(location)),
                looked => looked?,
            }
        }
        false => (stored.clone(), Vec::new()),
    };
    let stored = &stored;
    let written = match location.place() {
        #[cfg(feature = "engines")]
        Place::Plain(reference) | Place::DockerDaemon(reference) => {
            let daemon = reached(Daemon::connect(), location, options).await?;
            loaded(stored, &daemon, reference, location, options).await
        }
        #[cfg(feature = "engines")]
        Place::ContainersStorage(reference) => {
            let podman = reached(Daemon::podman(), location, options).await?;
            loaded(stored, &podman, reference, location, options).await
        }
        #[cfg(not(feature = "engines"))]
        Place::Plain(_) | Place::DockerDaemon(_) | Place::ContainersStorage(_) => {
            Err(TransportError::left_out("write", location, "engines"))
        }
        #[cfg(feature = "registry")]
        Place::Registry(reference) => pushed(stored, reference, options).await,
        #[cfg(not(feature = "registry"))]
        Place::Registry(_) => Err(TransportError::left_out("write", location, "registry")),
        Place::DockerArchive { .. }
        | Place::OciArchive { .. }
        | Place::OciLayout { .. }
        | Place::Stdio => {
            let (stored, location, options) = (stored.clone(), location.clone(), options.clone());
            joined(spawn_blocking(move || local(&stored, &location, &options))).await
        }
    };
    match written {
        Err(error @ TransportError::Unanswered { .. }) => Err(error),
        Err(_) if options.control.is_cancelled() => Err(cancelled(location)),
        Err(error) => Err(error),
        Ok(mut written) => {
            written.notes.splice(..0, notes);
            Ok(written)
        }
    }
}

pub(crate) fn cancelled(location: &Location) -> TransportError {
    TransportError::Cancelled {
        doing: "write",
        location: location.to_string(),
    }
}

/// The image with its layers compressed as the options have it.
pub(crate) fn compressed(
    stored: &StoredImage,
    options: &WriteOptions,
) -> Result<StoredImage, TransportError> {
    match options.compression {
        None => Ok(stored.clone()),
        Some(compression) => recompress(
            stored,
            compression,
            &options.scratch,
            options.limits,
            &options.control,
        ),
    }
}

/// The image as Docker's archives have it.
pub(crate) fn uncompressed(
    stored: &StoredImage,
    options: &WriteOptions,
) -> Result<StoredImage, TransportError> {
    let options = WriteOptions {
        compression: LayerCompression::new(Compression::None, None).ok(),
        ..options.clone()
    };
    compressed(stored, &options)
}

/// Files of this host, and standard output. Blocks.
fn local(
    stored: &StoredImage,
    location: &Location,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    let names = |image: &Option<OciImage>| match image {
        None => Ok(options.names.iter().map(LayoutName::from_name).collect()),
        Some(OciImage::Tag(tag)) => Ok(vec![LayoutName::from_location(tag)]),
        Some(OciImage::Digest(_)) => Err(TransportError::Unsupported {
            doing: "write",
            location: location.to_string(),
            what: "an image is written under a tag, its digest follows from its bytes".into(),
        }),
    };
    match location.place() {
        Place::OciLayout { dir, image } => {
            let names: Vec<LayoutName> = names(image)?;
            let image = compressed(stored, options)?;
            let text = location.as_str();
            let info = write_layout(&image, dir, &names, text, &options.control)?;
            let reused =
                (info.reused > 0).then(|| format!("{} layers were there already", info.reused));
            Ok(Written {
                manifest: info.manifest,
                image_id: image.config.digest(),
                bytes: info.bytes,
                notes: reused.into_iter().collect(),
            })
        }
        Place::OciArchive { file, image } => {
            let names: Vec<LayoutName> = names(image)?;
            let image = compressed(stored, options)?;
            let info = to_file(file, |out| archive(&image, Form::Oci, &names, options, out))?;
            Ok(written(info))
        }
        Place::DockerArchive { file, name } => {
            let tags = match name {
                Some(name) => std::slice::from_ref(name),
                None => &options.names,
            };
            let image = uncompressed(stored, options)?;
            let info = to_file(file, |out| docker_archive(&image, tags, options, out))?;
            Ok(written(info))
        }
        _ => {
            let image = uncompressed(stored, options)?;
            let mut out = io::BufWriter::with_capacity(256 << 10, io::stdout().lock());
            let info = docker_archive(&image, &options.names, options, &mut out)?;
            Ok(written(info))
        }
    }
}

pub(crate) fn written(info: ArchiveInfo) -> Written {
    Written {
        manifest: info.manifest,
        image_id: info.image_id,
        bytes: info.size,
        notes: Vec::new(),
    }
}

fn to_file(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<ArchiveInfo, WriteError>,
) -> Result<ArchiveInfo, TransportError> {
    write_file(file, write).map_err(plainly)
}

/// A blob's own error, without the archive around it.
pub(crate) fn plainly(error: WriteError) -> TransportError {
    match error {
        WriteError::Blob(error) => *error,
        error => error.into(),
    }
}

pub(crate) fn docker_archive(
    image: &StoredImage,
    tags: &[TaggedName],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> Result<ArchiveInfo, WriteError> {
    let names: Vec<LayoutName> = tags.iter().map(LayoutName::from_name).collect();
    archive(image, Form::DockerToo(tags), &names, options, out)
}

fn archive(
    image: &StoredImage,
    form: Form<'_>,
    names: &[LayoutName],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> Result<ArchiveInfo, WriteError> {
    let mut before = 0;
    let mut watch = |written| {
        let result = options.control.advance(written - before);
        before = written;
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    write_stored(image, form, names, options.mtime, out, &mut watch)
}
