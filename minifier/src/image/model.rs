//! What an image is, wherever it lives.

use std::fmt;

use serde::Serialize;

use super::{DiffId, ImageConfig};

/// An image: its config, and the name it was asked for by. Layers are named by the config's diff IDs; their
/// bytes are read through the transport that the image came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The reference as the user wrote it.
    pub reference: String,
    /// The config as stored.
    pub config: ImageConfig,
}

impl Image {
    /// Diff IDs of the layers, lowest first.
    pub fn layers(&self) -> &[DiffId] {
        self.config.diff_ids()
    }
}

/// Operating system and architecture of an image, in Go's words (`linux`, `amd64`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// `linux`
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|v| write!(f, "/{v}"))
    }
}
