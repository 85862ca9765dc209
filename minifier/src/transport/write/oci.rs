//! The documents around the blobs of an OCI layout: manifests in OCI's media types, and the descriptors of
//! `index.json`.
//!
//! Source: OCI image spec, `image-layout.md`, `media-types.md` (compatibility); containerd's annotation for names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::image::media_type::{self, DOCKER_CONFIG, DOCKER_LAYER, OCI_CONFIG, OCI_LAYER};
use crate::image::{Manifest, Platform, TaggedName};

/// The name of an image in a layout, as people say it after the colon.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Its full name, as containerd and Docker write it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Content of the file `oci-layout`, as the spec gives it.
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The manifest in OCI's types: the very same bytes if it has them already. Blobs are the same in both.
pub(crate) fn oci_manifest(manifest: &Manifest) -> Manifest {
    if manifest.media_type() == media_type::OCI_MANIFEST {
        return manifest.clone();
    }
    let mut config = manifest.config().clone();
    if config.media_type == DOCKER_CONFIG {
        config.media_type = OCI_CONFIG.to_owned();
    }
    let layers = manifest.layers().iter().cloned().map(|mut layer| {
        // Docker writes `.tar.gzip`, OCI `.tar+gzip`.
        if let Some(compression) = layer.media_type.strip_prefix(DOCKER_LAYER) {
            layer.media_type = format!("{OCI_LAYER}{}", compression.replace('.', "+"));
        }
        layer
    });
    Manifest::new(config, layers.collect(), manifest.annotations().clone())
}

/// The annotations that are still true of an image that was made smaller. Those about the base image are not: its
/// layers are no longer the lowest ones.
pub fn kept_annotations(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut annotations = manifest.annotations().clone();
    annotations.retain(|key, _| !key.starts_with("org.opencontainers.image.base."));
    annotations
}

/// A name in `index.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayoutName {
    pub(crate) tag: String,
    full: Option<String>,
}

impl LayoutName {
    /// From the text after the colon of a location: a tag, or a full name.
    pub(crate) fn from_location(text: &str) -> Self {
        let full: Option<TaggedName> = text.parse().ok().filter(|_| text.contains([':', '/']));
        Self {
            tag: text.to_owned(),
            full: full.map(|name| name.full().to_owned()),
        }
    }

    /// As containerd and Docker write a full name.
    pub(crate) fn from_name(name: &TaggedName) -> Self {
        Self {
            tag: name.tag().to_owned(),
            full: Some(name.full().to_owned()),
        }
    }
}

/// One descriptor for each name; without names, one descriptor that has none.
pub(crate) fn descriptors(
    manifest: &Manifest,
    platform: &Platform,
    names: &[LayoutName],
) -> Vec<Value> {
    let descriptor = json!({
        "mediaType": manifest.media_type(),
        "digest": manifest.digest(),
        "size": manifest.bytes().len(),
        "platform": platform,
    });
    if names.is_empty() {
        return vec![descriptor];
    }
    let named = |name: &LayoutName| {
        let mut named = descriptor.clone();
        named["annotations"] = match &name.full {
            Some(full) => json!({IMAGE_NAME: full, REF_NAME: name.tag}),
            None => json!({REF_NAME: name.tag}),
        };
        named
    };
    names.iter().map(named).collect()
}

pub(crate) fn index(descriptors: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": descriptors,
    })
}

/// Puts descriptors into an index that exists: the same tag is replaced, everything else stays.
pub(crate) fn merge(index: &mut Value, descriptors: Vec<Value>) -> Result<(), &'static str> {
    let index = index.as_object_mut().ok_or("it is not a JSON object")?;
    let manifests = index.entry("manifests").or_insert_with(|| json!([]));
    // Go writes an empty list as `null`.
    if manifests.is_null() {
        *manifests = json!([]);
    }
    let manifests = manifests
        .as_array_mut()
        .ok_or("its manifests are not a list")?;
    let tag = |descriptor: &Value| {
        descriptor["annotations"][REF_NAME]
            .as_str()
            .map(str::to_owned)
    };
    for new in descriptors {
        let name = tag(&new);
        match name {
            // A tag names one image. The old image's blobs stay, since other descriptors may share them.
            Some(_) => manifests.retain(|old| tag(old) != name),
            None => manifests.retain(|old| tag(old).is_some() || old["digest"] != new["digest"]),
        }
        manifests.push(new);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Descriptor, Digest};

    #[test]
    fn docker_manifests_get_oci_types_and_oci_ones_keep_their_bytes() {
        let digest = Digest::of(b"x");
        let text = json!({
            "schemaVersion": 2,
            "mediaType": media_type::DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, "digest": digest, "size": 1},
            "layers": [
                {"mediaType": format!("{DOCKER_LAYER}.gzip"), "digest": digest, "size": 2},
                {"mediaType": DOCKER_LAYER, "digest": digest, "size": 3},
            ],
        });
        let docker = Manifest::parse(text.to_string().into_bytes(), "").unwrap();
        let oci = oci_manifest(&docker);
        assert_eq!(oci.media_type(), media_type::OCI_MANIFEST);
        assert_eq!(oci.config(), &Descriptor::new(OCI_CONFIG, digest, 1));
        let gzip = format!("{OCI_LAYER}+gzip");
        let layers = [
            Descriptor::new(gzip, digest, 2),
            Descriptor::new(OCI_LAYER, digest, 3),
        ];
        assert_eq!(oci.layers(), layers);
        assert_eq!(oci_manifest(&oci), oci);
    }

    #[test]
    fn a_tag_is_replaced_and_everything_else_of_an_index_stays() {
        let mut index = json!({"schemaVersion": 2, "x-unknown": 1, "manifests": [
            {"digest": "old", "annotations": {REF_NAME: "a"}},
            {"digest": "other", "annotations": {REF_NAME: "b"}, "x": 1},
            {"digest": "unnamed"},
        ]});
        let named = json!({"digest": "new", "annotations": {REF_NAME: "a"}});
        let unnamed = json!({"digest": "unnamed", "size": 1});
        merge(&mut index, vec![named.clone(), unnamed.clone()]).unwrap();
        assert_eq!(index["x-unknown"], 1);
        let other = json!({"digest": "other", "annotations": {REF_NAME: "b"}, "x": 1});
        assert_eq!(index["manifests"], json!([other, named, unnamed]));
        assert!(merge(&mut json!([]), vec![]).is_err());
        assert!(merge(&mut json!({"manifests": 1}), vec![]).is_err());
    }

    #[test]
    fn what_is_said_of_the_base_image_is_not_kept() {
        let annotations = BTreeMap::from(
            [
                "org.opencontainers.image.base.digest",
                "org.opencontainers.image.base.name",
                "org.opencontainers.image.version",
            ]
            .map(|key| (key.to_owned(), String::new())),
        );
        let config = Descriptor::new(OCI_CONFIG, Digest::of(b""), 0);
        let manifest = Manifest::new(config, vec![], annotations);
        let kept: Vec<String> = kept_annotations(&manifest).into_keys().collect();
        assert_eq!(kept, ["org.opencontainers.image.version"]);
    }
}
