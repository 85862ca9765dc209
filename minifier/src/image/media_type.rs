//! Media types of manifests, configs and layers in both families: those of OCI and those of Docker (schema 2).
//!
//! Source: OCI image spec, `media-types.md`; distribution, "Image Manifest Version 2, Schema 2".

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// OCI layer, to which `+gzip` or `+zstd` is added.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Docker's image manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's name for an image index.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker's image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker's layer, to which `.gzip` or `.zstd` is added.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// Manifest of Docker's schema 1, which has no config; refused.
const DOCKER_SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];

/// The kind of document that a descriptor in an index or a layout refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// The manifest of one image.
    Manifest,
    /// An index of several images.
    Index,
    /// A manifest of Docker's schema 1.
    Schema1,
    /// Anything else.
    Other,
}

impl DocumentKind {
    /// The kind for a media type.
    pub fn of(media_type: &str) -> Self {
        match media_type {
            OCI_MANIFEST | DOCKER_MANIFEST => Self::Manifest,
            OCI_INDEX | DOCKER_MANIFEST_LIST => Self::Index,
            other if DOCKER_SCHEMA_1.contains(&other) => Self::Schema1,
            _ => Self::Other,
        }
    }
}

/// The meaning of a layer's media type. The compression is detected from the bytes themselves, since some builders
/// write a wrong media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// A tar file, which may be compressed.
    Tar,
    /// The bytes are elsewhere and may not be distributed.
    Foreign,
    /// Encrypted (`+encrypted`, ocicrypt).
    Encrypted,
    /// Not a file system layer.
    Other,
}

impl LayerKind {
    /// The kind for a media type.
    pub fn of(media_type: &str) -> Self {
        // Before the others: the base type of an encrypted layer is a tar's.
        if media_type.ends_with("+encrypted") {
            return Self::Encrypted;
        }
        // Docker says "foreign", OCI "nondistributable".
        let foreign = media_type.contains(".nondistributable.") || media_type.contains(".foreign.");
        let layer = [
            OCI_LAYER,
            DOCKER_LAYER,
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
        ];
        if !layer.iter().any(|start| media_type.starts_with(start)) {
            Self::Other
        } else if foreign {
            Self::Foreign
        } else {
            Self::Tar
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_layers_are_recognised() {
        for (media_type, kind) in [
            ("application/vnd.oci.image.layer.v1.tar", LayerKind::Tar),
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                LayerKind::Tar,
            ),
            (
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                LayerKind::Tar,
            ),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                LayerKind::Encrypted,
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                LayerKind::Foreign,
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                LayerKind::Foreign,
            ),
            ("application/vnd.in-toto+json", LayerKind::Other),
        ] {
            assert_eq!(LayerKind::of(media_type), kind, "{media_type}");
        }
    }
}
