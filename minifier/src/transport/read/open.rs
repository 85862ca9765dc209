//! [`open_image`]: an image from any location, as it is stored.

use tokio::task::spawn_blocking;

use super::documented::documents;
#[cfg(feature = "engines")]
use super::exported::exported;
use super::image::Reading;
use super::options::OpenOptions;
use crate::tasks::joined;
#[cfg(feature = "engines")]
use crate::transport::docker::Daemon;
use crate::transport::error::TransportError;
use crate::transport::location::{Location, Place};
use crate::transport::stored::StoredImage;
#[cfg(feature = "registry")]
use crate::transport::{registry, select::check_layers};

/// Opens the image at a location; a plain name refers to the Docker daemon.
///
/// Manifest and config are read and checked now; layers later, and are checked then. An image of a daemon is exported
/// to a temporary file first.
///
/// # Errors
///
/// - [`TransportError::Read`], [`TransportError::WrongKind`], [`TransportError::Tar`] and
///   [`TransportError::Compression`] if the file or folder is not a readable archive or layout;
/// - [`TransportError::Layout`] if it does not hold exactly one image that fits, or its documents contradict each
///   other;
/// - [`TransportError::DaemonAbsent`], [`TransportError::PodmanAbsent`], [`TransportError::ImageNotFound`] and
///   [`TransportError::Platform`] from daemons, `Registry` from registries;
/// - [`TransportError::Unsupported`] if the crate was built without the feature for the location's transport;
/// - [`TransportError::Cancelled`] if the options' control asked to stop.
///
/// # Examples
///
/// ```
/// # use std::collections::BTreeMap;
/// # use minifier::image::{Bundle, ImageConfig};
/// # use minifier::transport::{LayerCompression, WriteOptions, bundle_to_stored, write_image};
/// use minifier::transport::registry::RegistryOptions;
/// use minifier::transport::{Control, Limits, Location, OpenOptions, open_image};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let folder = scratch.path().join("layout").display().to_string();
/// # let config = br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}"#;
/// # let bundle = Bundle { config: ImageConfig::parse(config)?, layers: Vec::new() };
/// # let image = bundle_to_stored(&bundle, BTreeMap::new(), LayerCompression::GZIP, scratch.path(), &Control::none())?;
/// # let write_options = WriteOptions {
/// #     names: Vec::new(),
/// #     mtime: 0,
/// #     compression: None,
/// #     scratch: scratch.path().to_owned(),
/// #     limits: Limits::default(),
/// #     registry: RegistryOptions::from_env(),
/// #     control: Control::none(),
/// # };
/// let location: Location = format!("oci:{folder}:latest").parse()?;
/// let options = OpenOptions {
///     platform: None,
///     scratch: std::env::temp_dir(),
///     limits: Limits::default(),
///     registry: RegistryOptions::from_env(),
///     control: Control::none(),
/// };
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # write_image(&image, &location, &write_options).await?;
/// let image = open_image(&location, &options).await?;
/// assert_eq!(image.config.platform().to_string(), "linux/amd64");
/// for layer in image.manifest.layers() {
///     // Reading fails at the end if the bytes do not have the layer's digest.
///     std::io::copy(&mut image.open(layer)?, &mut std::io::sink())?;
/// }
/// # Ok(()) })
/// # }
/// ```
pub async fn open_image(
    location: &Location,
    options: &OpenOptions,
) -> Result<StoredImage, TransportError> {
    // The blocking tasks watch the control themselves; this also ends the waiting for a daemon or registry.
    let opened = tokio::select! {
        opened = open(location, options) => opened,
        () = options.control.cancelled() => Err(cancelled(location)),
    };
    match opened {
        Err(_) if options.control.is_cancelled() => Err(cancelled(location)),
        opened => opened,
    }
}

fn cancelled(location: &Location) -> TransportError {
    TransportError::Cancelled {
        doing: "read",
        location: location.to_string(),
    }
}

async fn open(location: &Location, options: &OpenOptions) -> Result<StoredImage, TransportError> {
    match location.place() {
        #[cfg(feature = "engines")]
        Place::Plain(reference) | Place::DockerDaemon(reference) => {
            let daemon = Daemon::connect().await?;
            exported(&daemon, reference, location, options).await
        }
        #[cfg(feature = "engines")]
        Place::ContainersStorage(reference) => {
            let podman = Daemon::podman().await?;
            exported(&podman, reference, location, options).await
        }
        #[cfg(not(feature = "engines"))]
        Place::Plain(_) | Place::DockerDaemon(_) | Place::ContainersStorage(_) => {
            Err(TransportError::left_out("read", location, "engines"))
        }
        #[cfg(feature = "registry")]
        Place::Registry(reference) => {
            let platform = options.platform.as_ref();
            let cancel = options.control.token();
            let image = registry::pull(reference, platform, &options.registry, cancel).await?;
            // Now, and not when the layer is opened after hundreds of megabytes of others.
            check_layers(&image.manifest).map_err(|source| TransportError::Layout {
                location: location.to_string(),
                source: Box::new(source),
            })?;
            Ok(image)
        }
        #[cfg(not(feature = "registry"))]
        Place::Registry(_) => Err(TransportError::left_out("read", location, "registry")),
        Place::DockerArchive { .. }
        | Place::OciArchive { .. }
        | Place::OciLayout { .. }
        | Place::Stdio => {
            let (location, options) = (location.clone(), options.clone());
            joined(spawn_blocking(move || local(&location, &options))).await
        }
    }
}

/// Opens an image in files of this host. Blocks.
fn local(location: &Location, options: &OpenOptions) -> Result<StoredImage, TransportError> {
    let reading = Reading {
        location: location.as_str(),
        control: &options.control,
    };
    match documents(location, options)? {
        Some((documented, select)) => documented.open(&select, &reading),
        None => unreachable!("{location} is not in files of this host"),
    }
}

#[cfg(all(test, not(any(feature = "engines", feature = "registry"))))]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::transport::{Control, Limits, registry::RegistryOptions};

    #[tokio::test]
    async fn a_transport_that_was_left_out_is_named_with_its_feature() {
        let scratch = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            platform: None,
            scratch: scratch.path().to_owned(),
            limits: Limits::default(),
            registry: RegistryOptions::from_env(),
            control: Control::new(CancellationToken::new(), std::sync::Arc::new(|_| {})),
        };
        for (text, feature) in [
            ("app:1", "engines"),
            ("docker-daemon:app:1", "engines"),
            ("containers-storage:app:1", "engines"),
            ("docker://localhost:5000/app:1", "registry"),
        ] {
            let location = text.parse().unwrap();
            let error = open_image(&location, &options).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("read {text}: minify was built without the feature {feature:?}")
            );
        }
    }
}
