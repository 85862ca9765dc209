//! [`write_image`]: an image to any location.

use std::io;

use tokio::task::spawn_blocking;

use super::archive::{docker_archive, oci_archive};
use super::archive_file::write_file;
#[cfg(feature = "engines")]
use super::into_daemon::{loaded, reached};
#[cfg(feature = "registry")]
use super::into_registry::pushed;
use super::layout::write_layout;
use super::media_types::with_right_types;
use super::oci::LayoutName;
use super::options::{WriteOptions, Written, cancelled};
use crate::tasks::joined;
#[cfg(feature = "engines")]
use crate::transport::docker::Daemon;
use crate::transport::error::TransportError;
use crate::transport::location::{Location, OciImage, Place};
use crate::transport::stored::StoredImage;

/// Writes an image to any location; a plain name refers to the Docker daemon.
///
/// The image is there completely or not at all: errors and cancellation leave nothing that is half-written. The one
/// exception is [`TransportError::Unanswered`].
///
/// # Errors
///
/// - [`TransportError::Layer`], [`TransportError::LayerTar`] and [`TransportError::DiffId`] if a layer of `stored` is
///   not what its descriptor and the config say, or exceeds the limits;
/// - [`TransportError::Write`] and [`TransportError::WriteArchive`] if the file or folder cannot be written,
///   [`TransportError::Scratch`] if a temporary file cannot;
/// - [`TransportError::Unsupported`] if nothing can be written there, such as an image under a digest;
/// - [`TransportError::DaemonAbsent`], `Api` and [`TransportError::WrongImage`] from daemons, `Registry` from
///   registries;
/// - [`TransportError::Cancelled`] if the options' control asked to stop; [`TransportError::Unanswered`] if the daemon
///   had received the whole image by then, and may keep it.
///
/// # Examples
///
/// Writes an image without layers into a new OCI layout:
///
/// ```
/// # use std::collections::BTreeMap;
/// use minifier::image::{Bundle, ImageConfig};
/// use minifier::transport::{
///     Control, LayerCompression, Limits, Location, WriteOptions, bundle_to_stored,
///     registry::RegistryOptions, write_image,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let config = br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}"#;
/// let bundle = Bundle {
///     config: ImageConfig::parse(config)?,
///     layers: Vec::new(),
/// };
/// let compression = LayerCompression::GZIP;
/// let image = bundle_to_stored(&bundle, BTreeMap::new(), compression, folder.path(), &Control::none())?;
///
/// let layout = folder.path().join("layout");
/// let location: Location = format!("oci:{}:latest", layout.display()).parse()?;
/// let options = WriteOptions {
///     names: Vec::new(),
///     mtime: 0,
///     compression: None,
///     scratch: folder.path().to_owned(),
///     limits: Limits::default(),
///     registry: RegistryOptions::from_env(),
///     control: Control::none(),
/// };
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let written = write_image(&image, &location, &options).await?;
/// assert_eq!(written.image_id, bundle.config.digest());
/// assert!(layout.join("index.json").exists());
/// # Ok(()) })
/// # }
/// ```
pub async fn write_image(
    stored: &StoredImage,
    location: &Location,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    // From registry to registry, blobs are mounted or passed on unread; opening each one to look at its first bytes
    // would cost a request for every layer.
    let looks =
        !matches!(location.place(), Place::Registry(_)) || stored.blobs.repository().is_none();
    let (stored, notes) = if looks {
        let (stored, control) = (stored.clone(), options.control.clone());
        let looking = spawn_blocking(move || with_right_types(&stored, &control));
        match joined(looking).await {
            Err(_) if options.control.is_cancelled() => return Err(cancelled(location)),
            looked => looked?,
        }
    } else {
        (stored.clone(), Vec::new())
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
        // Cancelled too, but "cancelled" alone would say that the daemon has no image.
        Err(error @ TransportError::Unanswered { .. }) => Err(error),
        // Whatever broke first, it broke because the control stopped the reads and writes.
        Err(_) if options.control.is_cancelled() => Err(cancelled(location)),
        Err(error) => Err(error),
        Ok(mut written) => {
            written.notes.splice(..0, notes);
            Ok(written)
        }
    }
}

/// Writes to files of this host or to standard output. Blocks.
fn local(
    stored: &StoredImage,
    location: &Location,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    let names = |image: &Option<OciImage>| match image {
        None => Ok(options.names.iter().map(LayoutName::from_name).collect()),
        Some(OciImage::Tag(tag)) => Ok(vec![LayoutName::from_location(tag)]),
        // Also if the digest would fit: the manifest is written anew when its types or its compression change.
        Some(OciImage::Digest(_)) => Err(TransportError::Unsupported {
            doing: "write",
            location: location.to_string(),
            what: "an image is written under a tag, its digest follows from its bytes".into(),
        }),
    };
    match location.place() {
        Place::OciLayout { dir, image } => {
            let names: Vec<LayoutName> = names(image)?;
            let image = options.compressed(stored)?;
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
            let image = options.compressed(stored)?;
            let info = write_file(file, |out| oci_archive(&image, &names, options, out))?;
            Ok(info.into())
        }
        Place::DockerArchive { file, name } => {
            let tags = match name {
                Some(name) => std::slice::from_ref(name),
                None => &options.names,
            };
            let image = options.uncompressed(stored)?;
            let info = write_file(file, |out| docker_archive(&image, tags, options, out))?;
            Ok(info.into())
        }
        _ => {
            let image = options.uncompressed(stored)?;
            let mut out = io::BufWriter::with_capacity(256 << 10, io::stdout().lock());
            let info = docker_archive(&image, &options.names, options, &mut out)?;
            Ok(info.into())
        }
    }
}
