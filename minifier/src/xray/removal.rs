//! Commands that remove files, and the claims that are made from them.
//!
//! A claim is what its command removes of the layers that the image's author makes. So a command that would be too long
//! removes the largest places only, and no more is claimed.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::advice::{Grounds, WORTH_IT, recommendation};
use super::claims::{Advice, Claim};
use super::model::{Recommendation, WasteKind};
use super::roots::Roots;
use super::waste::WasteFile;
use crate::rootfs::{ContentRef, ImagePath};
use crate::units::size;

/// Paths that one command names.
pub(crate) const MAX_WORDS: usize = 100;

/// The removal of files by one command.
pub(crate) struct Removal {
    pub(crate) words: String,
    pub(crate) claim: Claim,
    /// Places with the bytes that they give, largest first.
    pub(crate) places: Vec<(String, u64)>,
}

/// Advice that is given if it is worth it.
pub(crate) struct RemovalOffer {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Fewest bytes that make it worth a change.
    pub(crate) least: u64,
}

impl Grounds<'_> {
    /// The files of a kind of waste.
    pub(crate) fn of(&self, kind: WasteKind) -> &[WasteFile] {
        self.files.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// The range of visible files at a path or below it.
    fn range_below(&self, path: &ImagePath) -> Range<usize> {
        let files = &self.merged.files;
        let start = files.partition_point(|file| file.path < *path);
        let length = files[start..].partition_point(|file| file.path.starts_with(path));
        start..start + length
    }

    /// The bytes that are freed by removing the wanted files below these directories. A body that keeps another name is
    /// not freed.
    fn freed(&self, roots: &Roots, wanted: impl Fn(&ImagePath) -> bool) -> Claim {
        let goes = |path: &ImagePath| wanted(path) && roots.cover(path);
        let mut claim = Claim::default();
        let ranges = roots.as_slice().iter().map(|root| self.range_below(root));
        let files = ranges.flat_map(|range| &self.merged.files[range]);
        // Of several names all have to go, the first one too: to look at them once is enough.
        for file in files.filter(|file| file.first) {
            let names = self.names.get(&file.content);
            let all_go = names.is_none_or(|names| names.iter().all(goes));
            if wanted(&file.path) && all_go && self.is_own(file.content) {
                claim.add(file.content, file.content.size);
            }
        }
        claim
    }

    /// The removal of these files, by their places if nothing else is in these.
    pub(crate) fn removal(&self, files: &[&WasteFile]) -> Removal {
        let unwanted: HashSet<ContentRef> = files.iter().map(|file| file.content).collect();
        let mut places: BTreeMap<&str, Vec<&WasteFile>> = BTreeMap::new();
        for file in files.iter().filter(|file| self.is_own(file.content)) {
            places.entry(&file.place).or_default().push(file);
        }
        let size_of =
            |files: &[&WasteFile]| -> u64 { files.iter().map(|file| file.content.size).sum() };
        let mut places: Vec<(&str, Vec<&WasteFile>)> = places.into_iter().collect();
        places.sort_by_key(|(place, files)| (std::cmp::Reverse(size_of(files)), *place));
        // How many files before each one would be missed: places may lie in each other a thousand times.
        let mut missed = Vec::with_capacity(self.merged.files.len() + 1);
        missed.push(0usize);
        for file in &self.merged.files {
            let miss = file.content.size > 0 && !unwanted.contains(&file.content);
            missed.push(missed[missed.len() - 1] + usize::from(miss));
        }
        let mut words: Vec<ImagePath> = Vec::new();
        let mut shown = Vec::new();
        for (place, files) in places
            .iter()
            .filter(|(_, files)| files.iter().all(|f| is_word(&f.path)))
        {
            let dir = ImagePath::from_text(place);
            let range = self.range_below(&dir);
            // A directory can be removed as a whole only if nothing else would go with it.
            let only_waste = place.starts_with('/') && missed[range.start] == missed[range.end];
            let paths = if only_waste {
                vec![dir]
            } else {
                files.iter().map(|file| file.path.clone()).collect()
            };
            // Smaller places may still fit: the largest come first, and one with many single files is skipped.
            if words.len() + paths.len() > MAX_WORDS {
                continue;
            }
            words.extend(paths);
            shown.push(((*place).to_owned(), size_of(files)));
        }
        words.sort();
        Removal {
            claim: self.freed(&Roots::new(words.iter().cloned()), |_| true),
            words: quoted(&words),
            places: shown,
        }
    }

    /// The largest places, a sentence each.
    pub(crate) fn evidence(&self, places: &[(String, u64)]) -> Vec<String> {
        let mut evidence: Vec<String> = places
            .iter()
            .take(5)
            .map(|(place, bytes)| format!("{place} has {}", size(*bytes)))
            .collect();
        if places.len() > 5 {
            evidence.push(format!("and {} more places", places.len() - 5));
        }
        evidence
    }

    /// The step that made the last layer which these files come from.
    pub(crate) fn step_of_files(&self, files: &[&WasteFile]) -> Option<usize> {
        let own = files.iter().filter(|file| self.is_own(file.content));
        self.step_of(own.map(|file| file.content.layer))
    }

    /// Advice that removes files, if that is worth it.
    pub(crate) fn remove(
        &self,
        files: &[&WasteFile],
        id: &str,
        title: &str,
        change: impl Fn(&str) -> String,
    ) -> Option<Advice> {
        let removal = self.removal(files);
        (removal.claim.bytes() >= WORTH_IT).then(|| {
            let about = recommendation(
                id,
                title,
                self.evidence(&removal.places),
                &change(&removal.words),
            );
            let step = self.step_of_files(files);
            Advice::freeing(Recommendation { step, ..about }, removal.claim)
        })
    }

    /// Advice whose command looks for files below the places of these.
    pub(crate) fn find(
        &self,
        files: &[&WasteFile],
        offer: &RemovalOffer,
        wanted: impl Fn(&ImagePath) -> bool,
        change: impl Fn(&str) -> String,
    ) -> Option<Advice> {
        let mut places: BTreeMap<&str, u64> = BTreeMap::new();
        for file in files.iter().filter(|file| self.is_own(file.content)) {
            *places.entry(&file.place).or_default() += file.content.size;
        }
        // What is below another one is found from there.
        let dirs = places.keys().map(|dir| ImagePath::from_text(dir));
        let roots = Roots::new(dirs.filter(is_word));
        // No part of them: `find` has to name all places, or it frees less than is claimed.
        if roots.as_slice().len() > MAX_WORDS {
            return None;
        }
        let claim = self.freed(&roots, wanted);
        let mut places: Vec<(String, u64)> = places
            .into_iter()
            .map(|(place, bytes)| (place.to_owned(), bytes))
            .collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        (claim.bytes() >= offer.least).then(|| {
            let change = change(&quoted(roots.as_slice()));
            let about = recommendation(offer.id, offer.title, self.evidence(&places), &change);
            let step = self.step_of_files(files);
            Advice::freeing(Recommendation { step, ..about }, claim)
        })
    }
}

/// Whether a path can be written in a command as it is shown: text without control characters and backslashes.
pub(crate) fn is_word(path: &ImagePath) -> bool {
    path.to_string().as_bytes() == path.as_bytes()
}

/// Paths as words of a command.
pub(crate) fn quoted(paths: &[ImagePath]) -> String {
    let words: Vec<String> = paths
        .iter()
        .map(|path| shell_words::quote(&path.to_string()).into_owned())
        .collect();
    words.join(" ")
}
