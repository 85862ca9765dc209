//! What an interpreter loads before anything else, and what command lines name.

use std::collections::BTreeSet;

use super::facts::is_dotted;
use super::library::ModuleFile;
use super::reader::Python;
use super::search::{Rank, Search};
use super::wishes::ModuleWish;
use crate::evidence::{EvidenceSource, KeptFile, Origin, Rule, View};
use crate::rootfs::{ImagePath, RootFs};

/// Modules that an interpreter loads as it starts, with what they load.
const FIRST: [&str; 6] = ["site", "os", "codecs", "io", "abc", "encodings.utf_8"];

impl Python {
    /// Asks for what the interpreter needs to start, and for every encoding: they are loaded by computed names, as late
    /// as the first text that needs one.
    pub(crate) fn start(&mut self, kept: &[KeptFile], view: &View<'_>) {
        let rootfs = view.files.rootfs;
        let search = &self.library.search;
        let of_library = |file: &&KeptFile| {
            let is_file = rootfs.node(file.node).content().is_some();
            is_file && search.root_of(&file.path).is_some()
        };
        let file = kept.iter().find(of_library).or(kept.first());
        let Some(file) = file.map(|file| file.path.clone()) else {
            return;
        };
        let mut first = Vec::new();
        for name in FIRST {
            first.extend(self.files_of(rootfs, name));
        }
        let mut encodings = self.files_of(rootfs, "encodings");
        if let Some(package) = self.library.search.find(rootfs, "encodings") {
            for name in Search::submodules(rootfs, &package) {
                encodings.extend(self.files_of(rootfs, &format!("encodings.{name}")));
            }
        }
        let wishes = [
            ("start", Origin::Application, first),
            ("encodings.*", Origin::Used, encodings),
        ];
        for (name, origin, modules) in wishes {
            self.wishes.add(ModuleWish {
                rule: Rule::Python,
                name: name.to_owned(),
                origin,
                source: in_file(&file, name),
                modules,
                paths: BTreeSet::new(),
            });
        }
    }

    fn files_of(&mut self, rootfs: &RootFs, name: &str) -> Vec<ModuleFile> {
        let found = self.library.search.find(rootfs, name);
        found.map(|module| module.files.clone()).unwrap_or_default()
    }

    /// Asks for what command lines name: `python -m module`, `gunicorn module:app`, `celery --app=module`.
    pub(crate) fn commands(&mut self, view: &View<'_>) {
        let rootfs = view.files.rootfs;
        for command in &view.surroundings.commands {
            let Some((program, words)) = command.split_first() else {
                continue;
            };
            let resolution = view.surroundings.search.find(rootfs, program.as_bytes());
            let Some((program, _)) = resolution.as_ref().and_then(|found| found.found()) else {
                continue;
            };
            let mut runs_next = false;
            for word in words {
                let runs = std::mem::replace(&mut runs_next, word == "-m");
                self.word(word, runs, program, view);
            }
        }
    }

    fn word(&mut self, word: &str, runs: bool, program: &ImagePath, view: &View<'_>) {
        let rootfs = view.files.rootfs;
        let value = word.split_once('=').map_or(word, |(_, value)| value);
        let name = value.split_once(':').map_or(value, |(module, _)| module);
        if !is_dotted(name, 0) {
            return;
        }
        let Some(found) = self.library.search.find(rootfs, name) else {
            return;
        };
        // A plain word is an argument of any kind, unless the application has a module of that name.
        if !runs && !value.contains([':', '.']) && found.rank != Rank::Main {
            return;
        }
        self.is_named(&found);
        self.wish(&found, Origin::Application, in_file(program, word));
        let main = self
            .library
            .search
            .find(rootfs, &format!("{name}.__main__"));
        if let Some(main) = main.filter(|_| runs) {
            self.wish(&main, Origin::Application, in_file(program, word));
        }
    }
}

fn in_file(file: &ImagePath, symbol: &str) -> EvidenceSource {
    EvidenceSource {
        file: file.clone(),
        line: None,
        symbol: Some(symbol.to_owned()),
    }
}
