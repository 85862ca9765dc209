//! [`Manifest`], [`ImageIndex`] and [`Descriptor`]: the documents that connect blobs. Their bytes are kept as stored,
//! since a digest is computed from bytes; the typed view is for reading.
//!
//! Source: OCI image spec, `manifest.md`, `image-index.md`, `descriptor.md`; Docker's schema 2 has the same fields.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::media_type::{self, DocumentKind};
use super::{Digest, Platform};

/// Maximum length of a document, in bytes. Registries accept, and skopeo and Podman read, as much.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// Maximum number of image indexes that refer to one another, wherever the image is stored. In practice there is one,
/// two in a layout; the bound keeps a hostile chain from costing a request or a stack frame for each level.
pub const MAX_INDEXES: usize = 8;

/// A reference to a blob by digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the blob.
    #[serde(default)]
    pub media_type: String,
    /// Digest of the blob as stored.
    pub digest: Digest,
    /// Length of the blob in bytes.
    pub size: u64,
    /// URLs from which the blob can be downloaded, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free-form properties, such as the names of an image in a layout.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The platform of the image that it refers to; only in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Kind of artifact, if it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor without annotations and platform.
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

/// The reason why bytes are neither a manifest nor an index.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field has the wrong type.
    #[error("parse the {what}: {source}")]
    Json {
        /// `image manifest` or `image index`.
        what: &'static str,
        /// The place and the cause.
        source: serde_json::Error,
    },
    /// Docker's schema 1.
    #[error("read the image manifest: schema 1 has no config and is not supported")]
    Schema1,
    /// The document is an image to one reader and an index to another (CVE-2021-41190).
    #[error("read the image manifest: it is ambiguous: {0}")]
    Ambiguous(String),
    /// The document is not an image.
    #[error("read the image manifest: its media type {0:?} is not that of an image")]
    NotAnImage(String),
}

/// The fields that distinguish a manifest from an index, since the media type is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outline {
    /// The media type that the document states for itself; `None` if it is missing or empty.
    #[serde(default, deserialize_with = "filled")]
    pub media_type: Option<String>,
    /// Kind of artifact, if it is not an image.
    pub artifact_type: Option<String>,
    #[serde(default)]
    schema_version: u32,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
}

fn filled<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

impl Outline {
    /// Reads the outline of a document, which may have fields of both kinds.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether the document has a config, as every manifest does.
    pub fn has_config(&self) -> bool {
        self.config.is_some()
    }

    /// The kind of the document, by its own media type, by those that its descriptor and its server `declared`, and by
    /// its fields. All of them must agree, since a digest identifies bytes but not their interpretation.
    pub fn kind(&self, declared: &[&str]) -> Result<DocumentKind, ManifestError> {
        let mut said: Vec<(DocumentKind, String)> = Vec::new();
        // Schema 1 has no media type of its own, and may be served as `application/json`.
        if self.schema_version == 1 {
            return Ok(DocumentKind::Schema1);
        }
        let types = self.media_type.as_deref().into_iter();
        for media_type in types.chain(declared.iter().copied()) {
            said.push((
                DocumentKind::of(media_type),
                format!("has the media type {media_type:?}"),
            ));
        }
        for (kind, field, name) in [
            (DocumentKind::Manifest, &self.config, "config"),
            (DocumentKind::Manifest, &self.layers, "layers"),
            (DocumentKind::Index, &self.manifests, "manifests"),
        ] {
            if field.is_some() {
                said.push((kind, format!("holds {name}")));
            }
        }
        let what = |kind| said.iter().find(|(other, _)| *other == kind);
        let (manifest, index) = (what(DocumentKind::Manifest), what(DocumentKind::Index));
        if what(DocumentKind::Schema1).is_some() {
            return Ok(DocumentKind::Schema1);
        }
        match (manifest, index) {
            (Some((_, manifest)), Some((_, index))) => Err(ManifestError::Ambiguous(format!(
                "it {manifest} like a manifest, and it {index} like an image index"
            ))),
            // A document's own unknown type outweighs fields that look like a manifest's: an artifact has those too.
            _ if self
                .media_type
                .as_deref()
                .is_some_and(|own| DocumentKind::of(own) == DocumentKind::Other) =>
            {
                Ok(DocumentKind::Other)
            }
            (Some(_), None) => Ok(DocumentKind::Manifest),
            (None, Some(_)) => Ok(DocumentKind::Index),
            (None, None) => Ok(DocumentKind::Other),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestView {
    media_type: Option<String>,
    config: Descriptor,
    // Go writes no layers as `null`.
    #[serde(default, deserialize_with = "or_empty")]
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn or_empty<'de, D>(deserializer: D) -> Result<Vec<Descriptor>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let list: Option<Vec<Descriptor>> = Option::deserialize(deserializer)?;
    Ok(list.unwrap_or_default())
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
    /// Reads a manifest. `media_type` comes from its descriptor or its server; the media type in the document takes
    /// precedence.
    pub fn parse(bytes: Vec<u8>, media_type: &str) -> Result<Self, ManifestError> {
        let json = |source| ManifestError::Json {
            what: "image manifest",
            source,
        };
        // Before the fields are read: a document of both kinds must be refused whichever of them a caller expects.
        let outline = Outline::parse(&bytes).map_err(json)?;
        if outline.kind(&[media_type])? == DocumentKind::Schema1 {
            return Err(ManifestError::Schema1);
        }
        let view: ManifestView = serde_json::from_slice(&bytes).map_err(json)?;
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
        // In the order of the struct's fields, so that the digest is the same everywhere.
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

    /// The digest of the document.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The media type of the document.
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

    /// A descriptor for the document.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            self.digest(),
            self.bytes.len() as u64,
        )
    }
}

/// Several images under one name, or the contents of an OCI layout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// Manifests and further indexes, in the order of the document.
    #[serde(default, deserialize_with = "or_empty")]
    pub manifests: Vec<Descriptor>,
    /// Free-form properties of the index.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

impl ImageIndex {
    /// Reads an index.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let json = |source| ManifestError::Json {
            what: "image index",
            source,
        };
        Outline::parse(bytes)
            .map_err(json)?
            .kind(&[media_type::OCI_INDEX])?;
        serde_json::from_slice(bytes).map_err(json)
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
    fn a_document_that_is_image_and_index_is_refused_as_either() {
        let digest = Digest::of(b"x");
        let both = |media_type: &str| {
            format!(
                r#"{{"schemaVersion":2{media_type},"config":{{"digest":"{digest}","size":1}},"layers":[],"manifests":[]}}"#
            )
            .into_bytes()
        };
        let ambiguous = |error| matches!(error, Some(ManifestError::Ambiguous(_)));
        for own in ["", media_type::OCI_MANIFEST, media_type::OCI_INDEX] {
            let own = match own {
                "" => String::new(),
                own => format!(r#","mediaType":"{own}""#),
            };
            for declared in ["", media_type::OCI_MANIFEST, media_type::OCI_INDEX] {
                let parsed = Manifest::parse(both(&own), declared);
                assert!(ambiguous(parsed.err()), "{own} {declared}");
            }
            assert!(ambiguous(ImageIndex::parse(&both(&own)).err()), "{own}");
        }
        // A manifest that is called an index, and the other way round.
        let parsed = Manifest::parse(text(""), media_type::OCI_INDEX);
        assert!(ambiguous(parsed.err()));
        assert!(ambiguous(ImageIndex::parse(&text("")).err()));
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        let parsed = Manifest::parse(index.to_vec(), media_type::DOCKER_MANIFEST);
        assert!(ambiguous(parsed.err()));
    }

    #[test]
    fn null_in_place_of_a_list_is_an_empty_one() {
        let json = String::from_utf8(text("")).unwrap();
        let null = json.replace(r#""layers":[]"#, r#""layers":null"#);
        assert_ne!(json, null);
        assert!(
            Manifest::parse(null.into_bytes(), "")
                .unwrap()
                .layers()
                .is_empty()
        );
        assert!(
            ImageIndex::parse(br#"{"manifests":null}"#)
                .unwrap()
                .manifests
                .is_empty()
        );
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let index = format!(r#""mediaType":"{}","#, media_type::OCI_INDEX);
        assert!(matches!(
            Manifest::parse(text(&index), ""),
            Err(ManifestError::Ambiguous(_))
        ));
        let other = r#""mediaType":"application/x","#;
        assert!(matches!(
            Manifest::parse(text(other), ""),
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
