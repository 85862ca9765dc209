//! Pulling and pushing from tests.

use minifier::image::ImageReference;
use minifier::transport::StoredImage;
use minifier::transport::registry::{Pushed, RegistryError, RegistryOptions, pull, push};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A runtime and options; pulled images live as long.
pub(crate) struct Client {
    pub(crate) runtime: Runtime,
    pub(crate) options: RegistryOptions,
}

impl Client {
    /// With options that look at nothing of this host.
    pub(crate) fn new() -> Self {
        Self::with(minifier_tests::registry::options())
    }

    pub(crate) fn with(options: RegistryOptions) -> Self {
        Self {
            runtime: Runtime::new().expect("a runtime"),
            options,
        }
    }

    pub(crate) fn pull(&self, name: &str) -> Result<StoredImage, RegistryError> {
        let name: ImageReference = name.parse().unwrap();
        self.runtime.block_on(sendable(pull(
            &name,
            None,
            &self.options,
            &CancellationToken::new(),
        )))
    }

    pub(crate) fn push(&self, image: &StoredImage, name: &str) -> Result<Pushed, RegistryError> {
        let name: ImageReference = name.parse().unwrap();
        let cancel = CancellationToken::new();
        let pushing = push(image, &name, &self.options, &cancel, None);
        self.runtime.block_on(sendable(pushing))
    }
}

/// What can be given to another thread, as `tokio::spawn` does.
fn sendable<F: Future + Send>(future: F) -> F {
    future
}
