//! [`Manifest`], [`ImageIndex`] and [`Descriptor`]: the documents that tie blobs together. The bytes stay as they were
//! stored, since a digest is of bytes; the typed view is for reading.
//!
//! Source: OCI image spec, `manifest.md`, `image-index.md`, `descriptor.md`; Docker's schema 2 has the same fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::media_type::{self, DocumentKind};
use super::{Digest, Platform};

/// Documents longer than this are not read: registries refuse manifests above 4 MiB.
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// A blob by digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform of the image behind it; in an index only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Kind of artifact, where it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Without annotations and platform.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }
}

/// Why bytes are no manifest and no index.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field has the wrong type.
    #[error("parse the {what}: {source}")]
    Json {
        /// `image manifest` or `image index`.
        what: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Docker's schema 1.
    #[error("read the image manifest: schema 1 has no config and is not supported")]
    Schema1,
    /// Something else than an image.
    #[error("read the image manifest: its media type is {0:?}, which is no image")]
    NotAnImage(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestView {
    media_type: Option<String>,
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewManifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// The manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    bytes: Vec<u8>,
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest. `media_type` is what its descriptor or its server says; the document's own word goes first.
    pub fn parse(bytes: Vec<u8>, media_type: &str) -> Result<Self, ManifestError> {
        if DocumentKind::of(media_type) == DocumentKind::Schema1 {
            return Err(ManifestError::Schema1);
        }
        let view: ManifestView =
            serde_json::from_slice(&bytes).map_err(|source| ManifestError::Json {
                what: "image manifest",
                source,
            })?;
        let media_type = match view.media_type {
            Some(own) if !own.is_empty() => own,
            _ if media_type.is_empty() => media_type::OCI_MANIFEST.to_owned(),
            _ => media_type.to_owned(),
        };
        match DocumentKind::of(&media_type) {
            DocumentKind::Manifest => Ok(Self {
                bytes,
                media_type,
                config: view.config,
                layers: view.layers,
                annotations: view.annotations,
            }),
            DocumentKind::Schema1 => Err(ManifestError::Schema1),
            DocumentKind::Index | DocumentKind::Other => Err(ManifestError::NotAnImage(media_type)),
        }
    }

    /// A new OCI manifest.
    pub fn new(
        config: Descriptor,
        layers: Vec<Descriptor>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        let new = NewManifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST,
            config: &config,
            layers: &layers,
            annotations: &annotations,
        };
        let bytes = serde_json::to_vec(&new)
            .unwrap_or_else(|e| unreachable!("strings and numbers become JSON: {e}"));
        Self {
            bytes,
            media_type: media_type::OCI_MANIFEST.to_owned(),
            config,
            layers,
            annotations,
        }
    }

    /// The document as stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the document.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Media type of the document.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The config's blob.
    pub fn config(&self) -> &Descriptor {
        &self.config
    }

    /// The layers' blobs, lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// Annotations of the image.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// A descriptor of the document.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            self.digest(),
            self.bytes.len() as u64,
        )
    }
}

/// Several images under one name, or what an OCI layout holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Manifests and further indexes, in their order.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// Annotations of the whole.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl ImageIndex {
    /// Reads an index.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        serde_json::from_slice(bytes).map_err(|source| ManifestError::Json {
            what: "image index",
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(media_type: &str) -> Vec<u8> {
        let digest = Digest::of(b"x");
        format!(
            r#"{{"schemaVersion":2,{media_type}"config":{{"mediaType":"c","digest":"{digest}","size":1}},"layers":[]}}"#
        )
        .into_bytes()
    }

    #[test]
    fn the_documents_own_media_type_goes_first() {
        let own = format!(r#""mediaType":"{}","#, media_type::DOCKER_MANIFEST);
        let manifest = Manifest::parse(text(&own), media_type::OCI_MANIFEST).unwrap();
        assert_eq!(manifest.media_type(), media_type::DOCKER_MANIFEST);
        let manifest = Manifest::parse(text(""), "").unwrap();
        assert_eq!(manifest.media_type(), media_type::OCI_MANIFEST);
        assert_eq!(manifest.digest(), Digest::of(&text("")));
    }

    #[test]
    fn a_new_manifest_reads_back_as_it_is() {
        let config = Descriptor::new(media_type::OCI_CONFIG, Digest::of(b"config"), 6);
        let layer = Descriptor::new(media_type::OCI_LAYER, Digest::of(b"layer"), 5);
        let annotations = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let new = Manifest::new(config, vec![layer], annotations);
        assert_eq!(Manifest::parse(new.bytes().to_vec(), "").unwrap(), new);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let index = format!(r#""mediaType":"{}","#, media_type::OCI_INDEX);
        assert!(matches!(
            Manifest::parse(text(&index), ""),
            Err(ManifestError::NotAnImage(_))
        ));
        let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert!(matches!(
            Manifest::parse(text(""), schema1),
            Err(ManifestError::Schema1)
        ));
        assert!(Manifest::parse(b"[]".to_vec(), "").is_err());
    }
}
