//! Recommendations, each with the bytes that it saves on this image, the evidence, and the change to make.
//!
//! Nobody can free bytes of the base image's layers in a Dockerfile: only the advice on the base counts them.

use std::collections::{BTreeMap, HashMap};

use super::claims::{Advice, together};
use super::entrypoint::StartedProgram;
use super::merged::Merged;
use super::model::{
    Binaries, DockerfileStep, ImageInfo, Packages, Recommendation, Security, WasteKind,
};
use super::packages::ReadPackages;
use super::scan::Scan;
use super::waste::WasteFile;
use crate::image::ImageConfig;
use crate::rootfs::{ContentRef, ImagePath};
use crate::units::size;

/// Savings below this are not worth a change, unless it is about more than bytes.
pub(crate) const WORTH_IT: u64 = 100_000;
const LARGE_LAYER: u64 = 5_000_000;

/// Results of the analysis that the advice is based on.
pub(crate) struct Grounds<'a> {
    pub(crate) config: &'a ImageConfig,
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) read: &'a ReadPackages,
    pub(crate) image: &'a ImageInfo,
    pub(crate) steps: &'a [DockerfileStep],
    /// The files of each kind of waste.
    pub(crate) files: &'a BTreeMap<WasteKind, Vec<WasteFile>>,
    pub(crate) packages: &'a Packages,
    pub(crate) binaries: &'a Binaries,
    pub(crate) security: &'a Security,
    pub(crate) started: &'a [StartedProgram],
    /// Whether each layer belongs to the base image.
    pub(crate) base: &'a [bool],
    /// The names of each file body that has several.
    pub(crate) names: &'a BodyNames,
}

/// The names of file bodies that have several in the merged tree.
pub(crate) type BodyNames = HashMap<ContentRef, Vec<ImagePath>>;

/// The advice, and the bytes that it saves together.
pub(crate) struct Advised {
    /// Largest saving first.
    pub(crate) all: Vec<Advice>,
    pub(crate) together: u64,
}

/// The names of file bodies that have several.
pub(crate) fn names(merged: &Merged) -> BodyNames {
    let mut names = BodyNames::new();
    for file in merged.files.iter().filter(|file| !file.first) {
        // Only bodies with several names need a list, and they are few: most images have no hard links.
        names.entry(file.content).or_default();
    }
    if !names.is_empty() {
        for file in &merged.files {
            if let Some(names) = names.get_mut(&file.content) {
                names.push(file.path.clone());
            }
        }
    }
    names
}

/// All recommendations, largest saving first, and the bytes that they save together.
pub(crate) fn advise(grounds: &Grounds<'_>) -> Advised {
    let mut all = grounds.caches();
    all.extend(grounds.development());
    all.extend(grounds.tests());
    all.extend(grounds.build_stage());
    all.extend(grounds.smaller_base());
    all.extend(grounds.ignored_files());
    all.extend(grounds.strip());
    all.extend(grounds.hidden());
    all.extend(grounds.documentation());
    all.extend(grounds.byte_code());
    all.extend(grounds.core_dumps());
    all.extend(grounds.temporary_files());
    all.extend(grounds.logs());
    all.extend(grounds.duplicates());
    let plain = [grounds.recommended_packages(), grounds.order_of_layers()];
    let plain = plain.into_iter().flatten().chain(grounds.behaviour());
    all.extend(plain.chain(grounds.secrets()).map(Advice::plain));
    all.sort_by(|a, b| {
        let (a, b) = (&a.recommendation, &b.recommendation);
        // The order must not depend on anything but the image: reports are compared.
        b.saves.cmp(&a.saves).then_with(|| a.id.cmp(&b.id))
    });
    let together = together(&all);
    Advised { all, together }
}

pub(crate) fn recommendation(
    id: &str,
    title: &str,
    evidence: Vec<String>,
    change: &str,
) -> Recommendation {
    Recommendation {
        id: id.to_owned(),
        title: title.to_owned(),
        saves: 0,
        evidence,
        change: change.to_owned(),
        step: None,
    }
}

impl Grounds<'_> {
    /// Whether a file body is in a layer that the image's author makes.
    pub(crate) fn is_own(&self, content: ContentRef) -> bool {
        !self
            .base
            .get(content.layer as usize)
            .copied()
            .unwrap_or(false)
    }

    pub(crate) fn step_with(&self, words: &[&str]) -> Option<usize> {
        self.steps
            .iter()
            .position(|step| words.iter().any(|word| step.instruction.contains(word)))
    }

    /// The step that made the last of these layers.
    pub(crate) fn step_of(&self, layers: impl Iterator<Item = u32>) -> Option<usize> {
        let layer = layers.max()? as usize;
        self.steps.iter().position(|step| step.layer == Some(layer))
    }

    fn recommended_packages(&self) -> Option<Recommendation> {
        let (step, found) = self.steps.iter().enumerate().find(|(_, step)| {
            let text = &step.instruction;
            !step.base
                && (text.contains("apt-get install") || text.contains("apt install"))
                && !text.contains("--no-install-recommends")
                // The option can also be set for all of apt, as `-o APT::Install-Recommends=0`.
                && !text.contains("Install-Recommends=")
        })?;
        Some(Recommendation {
            step: Some(step),
            ..recommendation(
                "no-install-recommends",
                "Install without recommended packages",
                vec![format!(
                    "step {step} installs what packages only recommend: {}",
                    shortened(&found.instruction)
                )],
                "RUN apt-get install -y --no-install-recommends PACKAGES",
            )
        })
    }

    /// `COPY . .` before the dependencies are installed: each change of the source installs them again.
    fn order_of_layers(&self) -> Option<Recommendation> {
        let own: Vec<(usize, &DockerfileStep)> = self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| !step.base)
            .collect();
        let copies_all = |step: &DockerfileStep| {
            let words: Vec<&str> = step.instruction.split_whitespace().collect();
            matches!(words.as_slice(), ["COPY" | "ADD", "." | "./" | "/", _])
                // The older builder writes `COPY dir:HASH in /app`, without the name of the directory.
                || words.first() == Some(&"COPY")
                    && words.get(1).is_some_and(|word| word.starts_with("dir:"))
        };
        let installs = |step: &DockerfileStep| {
            let commands = [
                "npm ci",
                "npm install",
                "yarn install",
                "pip install",
                "pip3 install",
                "bundle install",
                "composer install",
                "go mod download",
                "apt-get install",
                "apk add",
                "poetry install",
            ];
            step.instruction.starts_with("RUN ")
                && commands.iter().any(|c| step.instruction.contains(c))
                // A small step costs little when it runs again.
                && step.size > LARGE_LAYER
        };
        let (copy, _) = own.iter().find(|(_, step)| copies_all(step))?;
        let (install, step) = own.iter().find(|(at, step)| at > copy && installs(step))?;
        Some(Recommendation {
            step: Some(*copy),
            ..recommendation(
                "order-layers",
                "Install dependencies before the source is copied",
                vec![format!(
                    "step {copy} copies everything, so that any change makes step {install} ({}) run again",
                    size(step.size)
                )],
                "COPY package.json package-lock.json ./\nRUN npm ci --omit=dev\nCOPY . .",
            )
        })
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
