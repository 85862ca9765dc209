//! Identifiers of documents and of packages in them, and which package needs which by these.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::image::TaggedName;
use crate::xray::model::{PackageInfo, Xray};

/// A UUID (version 8, RFC 9562) of the image, the program and the `format`.
pub(crate) fn uuid(xray: &Xray, format: &str) -> String {
    let hash = hash(&[
        format,
        &xray.minifier,
        &xray.image.id,
        &xray.image.reference,
    ]);
    // The digits of the version and of the variant are fixed.
    let (third, fourth) = (&hash[13..16], &hash[17..20]);
    format!(
        "{}-{}-8{third}-8{fourth}-{}",
        &hash[..8],
        &hash[8..12],
        &hash[20..32]
    )
}

/// 16 hexadecimal digits that identify a package within an image; `index` distinguishes packages that are otherwise
/// equal.
pub(crate) fn of_package(package: &PackageInfo, index: usize) -> String {
    hash(&[&package.id, &package.location, &index.to_string()])[..16].to_owned()
}

/// The image as a package URL (type `oci`), if it has a manifest's digest and a name.
pub(crate) fn image_purl(xray: &Xray) -> Option<String> {
    let digest = xray.image.manifest.as_deref()?;
    let reference = &xray.image.reference;
    // A location such as `oci:DIR` is not the name of a repository.
    let _: TaggedName = reference.parse().ok()?;
    let (repository, tag) = match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (reference.as_str(), None),
    };
    let name = repository.rsplit('/').next()?.to_ascii_lowercase();
    let tag = tag.map(|tag| format!("&tag={tag}")).unwrap_or_default();
    Some(format!(
        "pkg:oci/{name}@{}?repository_url={repository}{tag}",
        digest.replace(':', "%3A")
    ))
}

pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With their lengths, or `ab` + `c` would hash like `a` + `bc`.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// Identifiers of packages by their package URLs. Of packages that have the same one, in several places, the first
/// stands for all.
pub(crate) struct References<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> References<'a> {
    /// `ids` are the identifiers of all packages, in their order.
    pub(crate) fn new(xray: &'a Xray, ids: &'a [String]) -> Self {
        let mut references = BTreeMap::new();
        for (info, id) in xray.packages.packages.iter().zip(ids) {
            references.entry(info.id.as_str()).or_insert(id.as_str());
        }
        Self(references)
    }

    /// Identifiers of the packages that a package needs.
    pub(crate) fn of(&self, info: &'a PackageInfo) -> impl Iterator<Item = &'a str> {
        info.depends_on
            .iter()
            .filter_map(|id| self.0.get(id.as_str()).copied())
    }
}
