//! [`OpenOptions`]: how to read an image.

use std::path::PathBuf;

use crate::image::Platform;
use crate::transport::control::Control;
use crate::transport::limits::Limits;
use crate::transport::registry::RegistryOptions;

/// How to read an image.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The platform that the image must be for; `None` takes the only image, or the host's platform of several.
    pub platform: Option<Platform>,
    /// A folder for temporary files. They have no names and vanish with the image.
    pub scratch: PathBuf,
    /// Limits on the uncompressed size of the layers.
    pub limits: Limits,
    /// Credentials and certificates for registries.
    pub registry: RegistryOptions,
    /// Observes and stops the work.
    pub control: Control,
}
