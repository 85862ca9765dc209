//! [`Validation`]: the result of a check, and each [`Mismatch`] in it.

use std::fmt;

use serde::Serialize;

use crate::image::{Digest, Manifest};
use crate::rootfs::shorten;

/// A contradiction within an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mismatch {
    /// The object: `config DIGEST`, `layer DIGEST`, `documents` or `structure`.
    pub object: String,
    /// The fault, a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shorten(&self.object), shorten(&self.message))
    }
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The location as the user wrote it.
    pub source: String,
    /// Digest of the manifest, computed from its bytes; `None` if no manifest can be read.
    pub manifest: Option<Digest>,
    /// Digest of the config, from the manifest.
    pub config: Option<Digest>,
    /// Digests of the layers, from the manifest, lowest first.
    pub layers: Vec<Digest>,
    /// All contradictions, sorted; empty if the image is valid.
    pub mismatches: Vec<Mismatch>,
}

impl Validation {
    /// A validation without mismatches.
    pub(crate) fn of(source: &str, manifest: Option<&Manifest>) -> Self {
        Self {
            source: source.to_owned(),
            manifest: manifest.map(Manifest::digest),
            config: manifest.map(|manifest| manifest.config().digest),
            layers: manifest
                .map(|manifest| manifest.layers().iter().map(|l| l.digest).collect())
                .unwrap_or_default(),
            mismatches: Vec::new(),
        }
    }
}
