//! [`Evidence`]: asks every reader about the files that joined the keep set.

use std::collections::BTreeSet;

use super::configuration::Configuration;
use super::directories::EmptyDirectories;
use super::families::Families;
#[cfg(feature = "languages")]
use super::javascript::JavaScript;
use super::plugins::Plugins;
use super::programs::Programs;
#[cfg(feature = "languages")]
use super::python::Python;
use super::reader::{Gathered, Reader};
use super::scripts::Scripts;
use super::unowned::Unowned;
use super::{Group, KeptFile, Note, Rule, View};
use crate::analyze::ReadError;

/// All readers that are switched on.
pub struct Evidence {
    readers: Vec<Box<dyn Reader>>,
    off: BTreeSet<Rule>,
    notes: BTreeSet<Note>,
}

impl Evidence {
    /// The readers of all rules but those in `off`. Source code is read with the feature `languages` only.
    pub fn new(off: &BTreeSet<Rule>) -> Self {
        let mut readers: Vec<Box<dyn Reader>> = vec![
            Box::new(EmptyDirectories::default()),
            Box::new(Unowned::default()),
            Box::new(Scripts::default()),
            Box::new(Programs::default()),
            Box::new(Configuration::default()),
            Box::new(Families::default()),
            #[cfg(feature = "languages")]
            Box::new(Python::default()),
            #[cfg(feature = "languages")]
            Box::new(JavaScript::default()),
            Box::new(Plugins::default()),
        ];
        readers.retain(|reader| !off.contains(&reader.rule()));
        Self {
            readers,
            off: off.clone(),
            notes: BTreeSet::new(),
        }
    }

    /// Groups that follow from files which joined the keep set since the last call. Paths in them may stay already.
    ///
    /// # Errors
    ///
    /// If the content store fails; files that are broken or too large give notes.
    pub fn examine(&mut self, kept: &[KeptFile], view: &View<'_>) -> Result<Vec<Group>, ReadError> {
        let mut gathered = Gathered::default();
        for reader in &mut self.readers {
            reader.read(kept, view, &mut gathered)?;
        }
        self.notes.append(&mut gathered.notes);
        // A reader of a language finds families too.
        gathered
            .groups
            .retain(|group| !self.off.contains(&group.rule));
        Ok(gathered.groups)
    }

    /// What could not be taken as evidence, sorted.
    pub fn into_notes(self) -> BTreeSet<Note> {
        self.notes
    }
}
