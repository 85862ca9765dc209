//! [`Select`]: what is wanted, and the one image that fits it.

use super::documents::Documents;
use super::error::LayoutError;
use super::images::{Choice, Images, annotated};
use crate::image::{Descriptor, Digest, ImageReference, Platform};

/// A name that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A tag or a full name.
    Name(String),
    /// The digest of a manifest, or of an index that leads to it.
    Manifest(Digest),
}

/// Which image is wanted. Everything empty takes the only one, or the host's platform of several.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The one with this config (the image ID of a Docker engine that uses its own store).
    pub config: Option<Digest>,
    /// The one with this name.
    pub name: Option<Wanted>,
    /// The one for this platform.
    pub platform: Option<Platform>,
}

impl Wanted {
    fn is(&self, image: &Choice) -> bool {
        match self {
            Self::Name(wanted) => image.aliases.iter().any(|name| same_name(name, wanted)),
            // By the index that leads to it: others were not looked at.
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

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Manifest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// True for the same text, and for two spellings of the same full name. A bare tag is no spelling of a name.
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
    /// Finds the image, and says what was passed over on the way.
    pub(in crate::transport) fn choose(
        &self,
        documents: &dyn Documents,
    ) -> Result<(Choice, Vec<String>), LayoutError> {
        let (choice, notes, _) = self.choose_in(documents, false)?;
        Ok((choice, notes))
    }

    /// The same for a check: gives also what is wrong with documents that can be read all the same.
    pub(in crate::transport) fn choose_leniently(
        &self,
        documents: &dyn Documents,
    ) -> Result<(Choice, Vec<String>, Vec<LayoutError>), LayoutError> {
        self.choose_in(documents, true)
    }

    fn choose_in(
        &self,
        documents: &dyn Documents,
        collect: bool,
    ) -> Result<(Choice, Vec<String>, Vec<LayoutError>), LayoutError> {
        let wants =
            |descriptor: &Descriptor| self.name.as_ref().is_none_or(|name| name.wants(descriptor));
        let found = Images::of(documents, &wants, collect)?;
        let (all, mut notes) = (found.images, found.passed_over);
        let mut problems = found.problems.unwrap_or_default();
        if all.is_empty() {
            // What kept it from being read says more than that there is none.
            return Err(problems.pop().unwrap_or(LayoutError::Empty));
        }
        let mut fitting: Vec<&Choice> = all.iter().collect();
        let none = |wanted: &dyn std::fmt::Display| LayoutError::NoImage {
            wanted: wanted.to_string(),
            found: describe(&all),
        };
        if let Some(config) = self.config {
            fitting.retain(|image| image.config_digest == config);
            // Differently compressed perhaps, but the same image.
            fitting.truncate(1);
            if fitting.is_empty() {
                return Err(none(&config));
            }
        }
        if let Some(name) = &self.name {
            let by_index =
                matches!(name, Wanted::Manifest(_)) && !fitting.iter().any(|image| name.is(image));
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
        } else if fitting.len() > 1 && fitting.iter().any(native) {
            fitting.retain(native);
        }
        for other in before {
            if !fitting.contains(&other) {
                notes.push(format!("{} was passed over", other.describe()));
            }
        }
        match fitting[..] {
            [choice] => Ok((choice.clone(), notes, problems)),
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

/// True where the index names that digest itself, so that only what it leads to was looked at.
fn leads(documents: &dyn Documents, name: &Wanted) -> Result<bool, LayoutError> {
    let index = documents.document(&"index.json".into())?;
    let index = index.and_then(|bytes| crate::image::ImageIndex::parse(&bytes).ok());
    Ok(index.is_some_and(|index| index.manifests.iter().any(|d| name.wants(d))))
}

fn describe(images: &[Choice]) -> String {
    let names: Vec<String> = images.iter().map(Choice::describe).collect();
    names.join(", ")
}
