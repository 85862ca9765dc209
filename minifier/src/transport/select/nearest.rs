//! [`Nearest`]: the image for a platform below one document, from a source where each document costs a request.
//!
//! [`Select`](super::Select) reads every document of a layout, so that it can list the images. A registry answers for
//! one name, and an index of all platforms would cost some twenty requests: so only what can lead to the wanted image
//! is read, the likeliest first.

use super::images::is_attestation;
use crate::image::media_type::DocumentKind;
use crate::image::{Descriptor, ImageIndex, MAX_INDEXES, Manifest, ManifestError, Platform};

/// Maximum number of entries of an index that are looked at.
const MAX_ENTRIES: usize = 4096;

/// A source that fetches documents.
pub(crate) trait DocumentSource {
    /// The source's own error.
    type Error;

    /// Fetches the manifest or index that a descriptor names, and checks it against the descriptor.
    async fn fetch(&mut self, entry: &Descriptor) -> Result<FetchedDocument, Self::Error>;

    /// Fetches the config of a manifest, and returns its platform.
    async fn platform(&mut self, manifest: &Manifest) -> Result<Platform, Self::Error>;

    /// The error for a document that leads to no image; `doing` is the document's.
    fn unusable(&self, doing: String, why: Unusable) -> Self::Error;
}

/// A manifest or an index.
pub(crate) struct FetchedDocument {
    pub(crate) bytes: Vec<u8>,
    /// The media type that the document states, or else the one that its source states.
    pub(crate) media_type: String,
    /// The request for it, as a fragment such as `read the manifest of localhost:5000/app:1`.
    pub(crate) doing: String,
}

/// The reason why a document leads to no image.
pub(crate) enum Unusable {
    /// It is not a valid manifest or index.
    Manifest(ManifestError),
    /// More than [`MAX_INDEXES`] indexes lead to it.
    TooDeep,
}

/// The way from a document to the image for a platform.
pub(crate) struct Nearest<'a> {
    wanted: &'a Platform,
    /// A sentence for each index from which something was left out.
    pub(crate) notes: Vec<String>,
    /// The platforms of the images on the way, in the order of the indexes.
    pub(crate) platforms: Vec<String>,
}

impl<'a> Nearest<'a> {
    pub(crate) fn new(wanted: &'a Platform) -> Self {
        Self {
            wanted,
            notes: Vec::new(),
            platforms: Vec::new(),
        }
    }

    /// The image's manifest, from the document that the name leads to; `None` if there is none for the platform. A
    /// manifest that no index leads to is taken without a look at its platform.
    pub(crate) async fn find<S: DocumentSource>(
        &mut self,
        source: &mut S,
        first: FetchedDocument,
    ) -> Result<Option<Manifest>, S::Error> {
        // The next is last. A list and no recursion: each level of an async function would be a box.
        let mut left = vec![(NextDocument::Read(first), 0)];
        while let Some((next, depth)) = left.pop() {
            let document = match next {
                NextDocument::Read(document) => document,
                NextDocument::Fetch(entry) => {
                    let document = source.fetch(&entry).await?;
                    if entry.platform.is_none() && !is_index(&document) {
                        // Indexes made by hand often do not state a platform; the config does.
                        match self.if_it_fits(source, document).await? {
                            Some(manifest) => return Ok(Some(manifest)),
                            None => continue,
                        }
                    }
                    document
                }
            };
            if !is_index(&document) {
                return parse(source, document).map(Some);
            }
            if depth == MAX_INDEXES {
                return Err(source.unusable(document.doing, Unusable::TooDeep));
            }
            let index = match ImageIndex::parse(&document.bytes) {
                Ok(index) => index,
                Err(error) => {
                    return Err(source.unusable(document.doing, Unusable::Manifest(error)));
                }
            };
            let offer = Offer::of(&index, self.wanted);
            self.notes.extend(offer.note(self.wanted));
            self.platforms.extend(offer.platforms);
            let entries = offer.candidates.into_iter().rev();
            left.extend(entries.map(|entry| (NextDocument::Fetch(entry), depth + 1)));
        }
        Ok(None)
    }

    async fn if_it_fits<S: DocumentSource>(
        &mut self,
        source: &mut S,
        document: FetchedDocument,
    ) -> Result<Option<Manifest>, S::Error> {
        let manifest = parse(source, document)?;
        let platform = source.platform(&manifest).await?;
        if platform.satisfies(self.wanted) {
            return Ok(Some(manifest));
        }
        self.platforms.push(platform.to_string());
        Ok(None)
    }
}

/// What is looked at next.
enum NextDocument {
    Read(FetchedDocument),
    Fetch(Descriptor),
}

fn is_index(document: &FetchedDocument) -> bool {
    DocumentKind::of(&document.media_type) == DocumentKind::Index
}

fn parse<S: DocumentSource>(source: &S, document: FetchedDocument) -> Result<Manifest, S::Error> {
    Manifest::parse(document.bytes, &document.media_type)
        .map_err(|error| source.unusable(document.doing, Unusable::Manifest(error)))
}

/// What an index has for a platform.
#[derive(Debug, Default, PartialEq, Eq)]
struct Offer {
    /// Where to look, best first: images for the platform, then what does not state a platform.
    candidates: Vec<Descriptor>,
    /// The platforms in the index's order.
    platforms: Vec<String>,
    /// Number of entries that are no images, such as attestations.
    others: usize,
}

impl Offer {
    fn of(index: &ImageIndex, wanted: &Platform) -> Self {
        let mut offer = Self::default();
        let mut unsaid = Vec::new();
        for entry in index.manifests.iter().take(MAX_ENTRIES) {
            let platform = entry.platform.as_ref();
            let nowhere = platform.is_some_and(|platform| platform.os.is_empty());
            if is_attestation(entry) || entry.artifact_type.is_some() || nowhere {
                offer.others += 1;
                continue;
            }
            match platform {
                None => unsaid.push(entry.clone()),
                Some(platform) => {
                    if platform.satisfies(wanted) {
                        offer.candidates.push(entry.clone());
                    }
                    offer.platforms.push(platform.to_string());
                }
            }
        }
        offer.candidates.extend(unsaid);
        offer
    }

    /// A sentence on what was passed over; `None` if nothing was.
    fn note(&self, wanted: &Platform) -> Option<String> {
        let passed = self.platforms.len().saturating_sub(1);
        let count = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let parts: Vec<String> = [
            count(passed, "other platform"),
            count(self.others, "attestation"),
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
        let offer = Offer::of(&index, &wanted);
        let found: Vec<String> = offer
            .candidates
            .iter()
            .map(|d| d.digest.to_string())
            .collect();
        assert_eq!(found, [digest(1), digest(0)]);
        assert_eq!(offer.platforms, ["linux/arm64/v8", "linux/amd64"]);
        assert_eq!(offer.others, 1);
        let note = offer.note(&wanted).unwrap();
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
        let offer = Offer::of(&index, &"linux/amd64".parse().unwrap());
        assert_eq!(offer.candidates, []);
        assert_eq!(offer.platforms, ["windows/amd64"]);
    }
}
