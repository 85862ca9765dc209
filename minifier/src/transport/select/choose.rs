//! [`Select`]: a request for an image, and the choice of the one that fits.

use super::documents::ImageDocuments;
use super::error::LayoutError;
use super::images::{Choice, Images, annotated};
use crate::image::{Descriptor, Digest, ImageReference, Manifest, Platform};

/// The name of a requested image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedImage {
    /// A tag or a full name.
    Name(String),
    /// The digest of a manifest, or of an index that leads to it.
    Manifest(Digest),
}

/// A request for an image. If all fields are empty, it takes the only image, or the one for the host's platform.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The digest of its config: the image ID of a Docker engine that uses its own store.
    pub config: Option<Digest>,
    /// Its name.
    pub name: Option<WantedImage>,
    /// Its platform; an image for another one is an error.
    pub platform: Option<Platform>,
}

/// The result of a check of documents.
pub(crate) struct Checked {
    pub(crate) choice: Option<Choice>,
    /// Its manifest, if the config cannot be read: the layers can be checked all the same.
    pub(crate) without_config: Option<Manifest>,
    /// The faults in the documents.
    pub(crate) problems: Vec<LayoutError>,
}

impl WantedImage {
    fn is(&self, image: &Choice) -> bool {
        match self {
            Self::Name(wanted) => image.aliases.iter().any(|name| same_name(name, wanted)),
            // The digest of an index that leads to it is handled by the caller: other images were not looked at then.
            Self::Manifest(digest) => {
                let manifest = image.manifest.as_ref();
                manifest.is_some_and(|manifest| manifest.digest() == *digest)
            }
        }
    }

    fn wants(&self, descriptor: &Descriptor) -> bool {
        match self {
            Self::Name(wanted) => annotated(descriptor)
                .iter()
                .any(|name| same_name(name, wanted)),
            Self::Manifest(digest) => descriptor.digest == *digest,
        }
    }
}

impl std::fmt::Display for WantedImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Manifest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// Whether two texts are the same, or two spellings of the same full name. A tag alone is not a spelling of a name.
fn same_name(name: &str, wanted: &str) -> bool {
    let full = |text: &str| {
        let reference: Result<ImageReference, _> = text.parse();
        reference
            .ok()
            .filter(|r| r.id().is_none())
            .map(|r| r.full())
    };
    name == wanted
        || name.contains(['/', ':'])
            && full(name).is_some_and(|name| full(wanted).as_ref() == Some(&name))
}

impl Select {
    /// Finds the image; also returns a sentence for each object that was skipped.
    pub(crate) fn choose(
        &self,
        documents: &dyn ImageDocuments,
    ) -> Result<(Choice, Vec<String>), LayoutError> {
        let found = self.find(documents, false)?;
        self.one_of(documents, found)
    }

    /// The same for a check, which goes on as long as anything can be read.
    pub(crate) fn check(&self, documents: &dyn ImageDocuments) -> Checked {
        let mut found = match self.find(documents, true) {
            Ok(found) => found,
            Err(error) => {
                return Checked {
                    choice: None,
                    without_config: None,
                    problems: vec![error],
                };
            }
        };
        let mut problems = found.problems.take().unwrap_or_default();
        let without_config = found.without_config.pop();
        let choice = match self.one_of(documents, found) {
            Ok((choice, _)) => Some(choice),
            // The reason why it cannot be read is among the problems.
            Err(LayoutError::Empty) if !problems.is_empty() => None,
            Err(error) => {
                problems.push(error);
                None
            }
        };
        Checked {
            without_config: without_config.filter(|_| choice.is_none()),
            choice,
            problems,
        }
    }

    fn find(&self, documents: &dyn ImageDocuments, collect: bool) -> Result<Images, LayoutError> {
        let wants =
            |descriptor: &Descriptor| self.name.as_ref().is_none_or(|name| name.wants(descriptor));
        Images::of(documents, &wants, collect)
    }

    fn one_of(
        &self,
        documents: &dyn ImageDocuments,
        found: Images,
    ) -> Result<(Choice, Vec<String>), LayoutError> {
        let (all, mut notes) = (found.images, found.passed_over);
        if all.is_empty() {
            return Err(LayoutError::Empty);
        }
        let mut fitting: Vec<&Choice> = all.iter().collect();
        let none = |wanted: &dyn std::fmt::Display| LayoutError::NoImage {
            wanted: wanted.to_string(),
            found: describe(&all),
        };
        if let Some(config) = self.config {
            fitting.retain(|image| image.config_digest == config);
            // The same config twice is the same image, perhaps compressed in two ways.
            fitting.truncate(1);
            if fitting.is_empty() {
                return Err(none(&config));
            }
        }
        if let Some(name) = &self.name {
            let by_index = matches!(name, WantedImage::Manifest(_))
                && !fitting.iter().any(|image| name.is(image));
            // `oci:DIR@DIGEST` may name an index inside the layout.
            let led_to = by_index && leads(documents, name)?;
            fitting.retain(|image| led_to || name.is(image));
            if fitting.is_empty() {
                return Err(none(name));
            }
        }
        let host = Platform::host();
        let native = |image: &&Choice| image.config.platform().satisfies(&host);
        let before = fitting.clone();
        if let Some(wanted) = &self.platform {
            fitting.retain(|image| image.config.platform().satisfies(wanted));
            if fitting.is_empty() {
                return Err(LayoutError::Platform {
                    wanted: wanted.clone(),
                    found: describe(&all),
                });
            }
        // Only if there is a choice: the only image of a layout is taken whatever it is for, so that images for other
        // machines can be copied and analysed.
        } else if fitting.len() > 1 && fitting.iter().any(native) {
            fitting.retain(native);
        }
        // The user sees that there was a choice, and how else it could be made.
        for other in before {
            if !fitting.contains(&other) {
                notes.push(format!("{} was passed over", other.describe()));
            }
        }
        match fitting[..] {
            [choice] => Ok((choice.clone(), notes)),
            _ => Err(LayoutError::Ambiguous {
                found: fitting
                    .iter()
                    .map(|i| i.describe())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }
}

/// Whether `index.json` names that digest itself, so that only the images below it were looked at.
fn leads(documents: &dyn ImageDocuments, name: &WantedImage) -> Result<bool, LayoutError> {
    let index = documents.document(&"index.json".into())?;
    let index = index.and_then(|bytes| crate::image::ImageIndex::parse(&bytes).ok());
    Ok(index.is_some_and(|index| index.manifests.iter().any(|d| name.wants(d))))
}

fn describe(images: &[Choice]) -> String {
    let names: Vec<String> = images.iter().map(Choice::describe).collect();
    names.join(", ")
}
