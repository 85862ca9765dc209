//! Choosing from an image index.

use crate::image::media_type::{DOCKER_MANIFEST_LIST, OCI_INDEX};
use crate::image::{Descriptor, ImageIndex, Platform};

/// Where Docker's builder says what a manifest is, other than an image.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Entries of an index that are looked at.
const MAX_ENTRIES: usize = 4096;

/// What an index has for a platform.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Where to look, best first: images for the platform, then what does not say what it is for.
    pub(crate) candidates: Vec<Descriptor>,
    /// The platforms that there are, in the index's order.
    pub(crate) platforms: Vec<String>,
    /// How many entries are no images, such as attestations.
    pub(crate) others: usize,
}

/// Sorts the entries of an index.
pub(crate) fn choose(index: &ImageIndex, wanted: &Platform) -> Choice {
    let mut choice = Choice::default();
    let mut unsaid = Vec::new();
    for entry in index.manifests.iter().take(MAX_ENTRIES) {
        let unknown = |platform: &&Platform| platform.os == "unknown" || platform.os.is_empty();
        let platform = entry.platform.as_ref();
        if entry.annotations.contains_key(REFERENCE_TYPE)
            || entry.artifact_type.is_some()
            || platform.filter(unknown).is_some()
        {
            choice.others += 1;
            continue;
        }
        match platform {
            None => unsaid.push(entry.clone()),
            Some(platform) => {
                if platform.satisfies(wanted) {
                    choice.candidates.push(entry.clone());
                }
                choice.platforms.push(platform.to_string());
            }
        }
    }
    choice.candidates.extend(unsaid);
    choice
}

/// Whether an entry of an index is an index again.
pub(crate) fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_MANIFEST_LIST)
}

/// A sentence on what was passed over; `None` if nothing was.
pub(crate) fn note(choice: &Choice, wanted: &Platform) -> Option<String> {
    let passed = choice.platforms.len().saturating_sub(1);
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let parts: Vec<String> = [
        count(passed, "other platform"),
        count(choice.others, "attestation"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "The image index also holds {}; {wanted} was taken.",
            parts.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(entries: serde_json::Value) -> ImageIndex {
        let text = serde_json::json!({ "manifests": entries }).to_string();
        ImageIndex::parse(text.as_bytes()).unwrap()
    }

    fn digest(n: u8) -> String {
        crate::image::Digest::of(&[n]).to_string()
    }

    #[test]
    fn the_platforms_image_goes_before_what_says_nothing() {
        let index = index(serde_json::json!([
            {"digest": digest(0), "size": 1},
            {"digest": digest(1), "size": 1, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": digest(2), "size": 1, "platform": {"os": "linux", "architecture": "amd64"}},
            {"digest": digest(3), "size": 1, "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
        ]));
        let wanted = "linux/arm64".parse().unwrap();
        let choice = choose(&index, &wanted);
        let found: Vec<String> = choice
            .candidates
            .iter()
            .map(|d| d.digest.to_string())
            .collect();
        assert_eq!(found, [digest(1), digest(0)]);
        assert_eq!(choice.platforms, ["linux/arm64/v8", "linux/amd64"]);
        assert_eq!(choice.others, 1);
        let note = note(&choice, &wanted).unwrap();
        assert!(
            note.contains("1 other platform and 1 attestation"),
            "{note}"
        );
    }

    #[test]
    fn nothing_for_the_platform_is_no_candidate() {
        let index = index(serde_json::json!([
            {"digest": digest(1), "size": 1, "platform": {"os": "windows", "architecture": "amd64"}},
        ]));
        let choice = choose(&index, &"linux/amd64".parse().unwrap());
        assert_eq!(choice.candidates, []);
        assert_eq!(choice.platforms, ["windows/amd64"]);
    }
}
