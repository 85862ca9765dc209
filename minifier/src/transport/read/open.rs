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

/// Opens the image at a location; a plain name is taken for one of the Docker daemon. Layers are read later, and
/// checked then. Ends early with [`TransportError::Cancelled`] where the control says so.
pub async fn open_image(
    location: &Location,
    options: &OpenOptions,
) -> Result<StoredImage, TransportError> {
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

/// What is in files of this host. Blocks.
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
                format!("read {text}: minifier was built without its feature {feature:?}")
            );
        }
    }
}
