//! [`Validation`]: the result of a check, and each [`Mismatch`] in it.

use std::fmt;

use serde::Serialize;

use crate::image::{Digest, Manifest};
use crate::rootfs::shorten;

/// One thing that is not as the image says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mismatch {
    /// What is wrong: a document by its path, a config or a layer by its digest.
    pub object: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shorten(&self.object), shorten(&self.message))
    }
}

/// What was checked and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The location as the user wrote it.
    pub source: String,
    /// Digest of the manifest, as its bytes are; `None` if there is no manifest that can be read.
    pub manifest: Option<Digest>,
    /// Digest of the config, as the manifest says.
    pub config: Option<Digest>,
    /// Digests of the layers, as the manifest says, lowest first.
    pub layers: Vec<Digest>,
    /// Everything that is not as it says, sorted; empty if all is.
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
