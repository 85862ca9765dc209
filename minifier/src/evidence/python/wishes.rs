//! [`Wishes`]: modules that places name, until they are groups.

use std::collections::BTreeSet;

use super::library::{Library, ModuleFile, stays};
use crate::analyze::ReadError;
use crate::evidence::reader::Gathered;
use crate::evidence::{EvidenceSource, Group, Note, Origin, Rule, View};
use crate::rootfs::ImagePath;

/// Notes that are given; an image can be made to have any number.
const MAX_NOTES: usize = 200;

/// Something that a place names.
#[derive(Debug, Clone)]
pub(crate) struct ModuleWish {
    pub(crate) rule: Rule,
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) source: EvidenceSource,
    /// Modules; what they load as they are loaded is added.
    pub(crate) modules: Vec<ModuleFile>,
    /// Other files.
    pub(crate) paths: BTreeSet<ImagePath>,
}

/// Wishes of one call, and the names of all that were granted.
#[derive(Default)]
pub(crate) struct Wishes {
    wishes: Vec<ModuleWish>,
    given: BTreeSet<(Rule, String)>,
    notes: usize,
}

impl Wishes {
    /// Adds one.
    pub(crate) fn add(&mut self, wish: ModuleWish) {
        if !self.given.contains(&(wish.rule, wish.name.clone())) {
            self.wishes.push(wish);
        }
    }

    /// Adds a note, if there is room.
    pub(crate) fn note(&mut self, source: EvidenceSource, message: String, out: &mut Gathered) {
        if self.notes < MAX_NOTES {
            self.notes += 1;
            out.notes.insert(Note {
                rule: Rule::Python,
                source,
                message,
            });
        }
    }

    /// Turns wishes into groups; of several places that name the same, the one whose word counts most has it. Gives the
    /// files of each group with the wish's place.
    pub(crate) fn grant(
        &mut self,
        library: &mut Library,
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<Vec<(ImagePath, BTreeSet<ImagePath>)>, ReadError> {
        let mut wishes = std::mem::take(&mut self.wishes);
        wishes.sort_by(|a, b| (a.origin, &a.source).cmp(&(b.origin, &b.source)));
        let mut granted = Vec::new();
        for wish in wishes {
            if !self.given.insert((wish.rule, wish.name.clone())) {
                continue;
            }
            let mut paths = library.closure(wish.modules, view)?;
            paths.extend(wish.paths.into_iter().filter(|path| !stays(path, view)));
            if paths.is_empty() {
                continue;
            }
            if library.is_exhausted() {
                let message = "is not followed: too many modules import each other".to_owned();
                self.note(wish.source.clone(), message, out);
            }
            granted.push((wish.source.file.clone(), paths.clone()));
            out.groups.push(Group {
                rule: wish.rule,
                name: wish.name,
                source: wish.source,
                origin: wish.origin,
                paths,
            });
        }
        Ok(granted)
    }
}
