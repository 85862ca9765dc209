//! [`Plugins`]: looks for the signs of the table among the files that stay.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::pattern::PathPattern;
use super::siblings::Siblings;
use super::table::{Grain, NAMINGS, Naming, ROWS, Row, Sign};
use crate::analyze::ReadError;
use crate::evidence::named::{Given, Namer};
use crate::evidence::reader::{Gathered, Reader};
use crate::evidence::text::read_text;
use crate::evidence::{EvidenceSource, Group, KeptFile, Origin, Rule, View};
use crate::rootfs::ImagePath;

/// As much of a program is searched; the largest, of Chromium, has 250 MB.
const MAX_PROGRAM: u64 = 512 << 20;
/// Bytes that are searched at once.
const CHUNK: usize = 1 << 20;
/// Every program would have the signs that the C library has: it does for others what these are signs of.
const LIBC: [&[u8]; 3] = [b"libc.so", b"libc-2.", b"ld-"];

/// The texts of the table, and a search for all of them at once.
static TEXTS: LazyLock<(Vec<&str>, AhoCorasick)> = LazyLock::new(|| {
    let signs = ROWS.iter().flat_map(|row| row.signs);
    let texts = signs.filter_map(|sign| match sign {
        Sign::Text(text) => Some(*text),
        _ => None,
    });
    let texts: BTreeSet<&str> = texts.collect();
    let texts: Vec<&str> = texts.into_iter().collect();
    let search = AhoCorasick::new(&texts)
        .unwrap_or_else(|e| unreachable!("a few dozen words fit into an automaton: {e}"));
    (texts, search)
});

/// Reads programs and libraries, and the configuration that names plug-ins.
#[derive(Default)]
pub(crate) struct Plugins {
    given: Given,
    siblings: Siblings,
    /// Rows that were recognised.
    rows: BTreeSet<&'static str>,
    /// Namings whose program stays.
    loaders: BTreeSet<&'static str>,
    /// Configuration whose program does not stay yet.
    waiting: Vec<(&'static Naming, KeptFile)>,
    /// The plug-ins that configuration can name, by the naming and their file names.
    plugins: BTreeMap<&'static str, BTreeMap<Vec<u8>, ImagePath>>,
}

impl Reader for Plugins {
    fn rule(&self) -> Rule {
        Rule::Plugin
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for file in kept {
            if view.files.rootfs.node(file.node).content().is_none() {
                continue;
            }
            self.recognise(file, view, out)?;
            for naming in &NAMINGS {
                let mut texts = naming.files.iter();
                if texts.any(|pattern| PathPattern(pattern).matches(&file.path)) {
                    self.waiting.push((naming, file.clone()));
                }
            }
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (ready, waiting) = waiting
            .into_iter()
            .partition(|(naming, _)| self.loaders.contains(naming.name));
        self.waiting = waiting;
        let ready: Vec<(&Naming, KeptFile)> = ready;
        for (naming, file) in ready {
            self.names(naming, &file, view, out)?;
        }
        for (shown_by, siblings) in self.siblings.of(kept, view)? {
            for path in siblings {
                let source = EvidenceSource {
                    file: shown_by.clone(),
                    line: None,
                    symbol: Some("a plug-in beside it".to_owned()),
                };
                let group = Group {
                    rule: Rule::Plugin,
                    name: path.to_string(),
                    source,
                    origin: Origin::Used,
                    paths: [path].into(),
                };
                self.given.add(group, view, out);
            }
        }
        Ok(())
    }
}

impl Plugins {
    /// Gives what belongs with a file, by every row of which it has a sign.
    fn recognise(
        &mut self,
        file: &KeptFile,
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let name = file.path.file_name();
        let is_elf = is_elf(file, view)?;
        let texts = if is_elf && !LIBC.iter().any(|libc| name.starts_with(libc)) {
            texts_in(file, view)?
        } else {
            BTreeSet::new()
        };
        for naming in NAMINGS.iter().filter(|_| is_elf) {
            let mut loaders = naming.loaded_by.iter();
            if loaders.any(|start| name.starts_with(start.as_bytes())) {
                self.loaders.insert(naming.name);
            }
        }
        for row in &ROWS {
            let has = |sign: &&Sign| match sign {
                Sign::Name(prefix) => is_elf && name.starts_with(prefix.as_bytes()),
                Sign::Text(text) => texts.contains(text),
                Sign::Used(pattern) => file.used && PathPattern(pattern).matches(&file.path),
            };
            if row.signs.iter().any(|sign| has(&sign)) && self.rows.insert(row.name) {
                self.row(row, file, view, out);
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &'static Row, file: &KeptFile, view: &View<'_>, out: &mut Gathered) {
        let rootfs = view.files.rootfs;
        let is_dir = |path: &ImagePath| rootfs.get(path).is_some_and(|node| node.is_dir());
        let found = row.paths.iter().flat_map(|pattern| {
            // What is in a directory that a star stands for is another row's, or left out.
            let for_files = pattern.ends_with("/*");
            let found = PathPattern(pattern).find(rootfs).into_iter();
            found.filter(move |path| !for_files || !is_dir(path))
        });
        let mut groups: BTreeMap<String, BTreeSet<ImagePath>> = BTreeMap::new();
        for path in found {
            let name = match row.grain {
                Grain::Whole => row.name.to_owned(),
                // A directory comes with the first thing in it.
                _ if is_dir(&path) => continue,
                Grain::Directory => path
                    .parent()
                    .map(|path| path.to_string())
                    .unwrap_or_default(),
                Grain::File => stem(&path),
            };
            groups.entry(name).or_default().insert(path);
        }
        for (name, paths) in groups {
            let source = EvidenceSource {
                file: file.path.clone(),
                line: None,
                symbol: Some(format!("{}: {}", row.name, row.source)),
            };
            let group = Group {
                rule: Rule::Plugin,
                name,
                source,
                origin: if file.used {
                    Origin::Used
                } else {
                    Origin::Package
                },
                paths,
            };
            self.given.add(group, view, out);
        }
    }

    /// Gives the plug-ins that a text names.
    fn names(
        &mut self,
        naming: &'static Naming,
        file: &KeptFile,
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let Some(text) = read_text(view, &file.path, file.node)? else {
            return Ok(());
        };
        let plugins = self
            .plugins
            .entry(naming.name)
            .or_insert_with(|| plugins_of(naming, view));
        let mut namer = Namer::of(Rule::Plugin, file, &mut self.given, view, out);
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with(['#', ';']) {
                continue;
            }
            for word in line.split(|c: char| c.is_whitespace() || "\"'=,;/()[]".contains(c)) {
                let word = word.as_bytes();
                let path = plugins
                    .get(word)
                    .or_else(|| plugins.get(&[word, b".so"].concat()));
                let Some(path) = path else {
                    continue;
                };
                let symbol = format!("{}: {}", naming.name, naming.source);
                let paths = [path.clone()].into();
                let line = Some(index as u32 + 1);
                namer.group(path.to_string(), line, &symbol, paths);
            }
        }
        Ok(())
    }
}

/// Libraries in the directories of plug-ins, by file name.
fn plugins_of(naming: &Naming, view: &View<'_>) -> BTreeMap<Vec<u8>, ImagePath> {
    let rootfs = view.files.rootfs;
    let directories = naming
        .directories
        .iter()
        .flat_map(|pattern| PathPattern(pattern).find(rootfs));
    let mut plugins = BTreeMap::new();
    for directory in directories {
        let Some(node) = rootfs.lookup(&directory) else {
            continue;
        };
        for name in rootfs
            .children(node)
            .keys()
            .filter(|name| name.ends_with(b".so"))
        {
            plugins
                .entry(name.to_vec())
                .or_insert_with(|| directory.join(name));
        }
    }
    plugins
}

/// What files of one plug-in have in common: `png` of `png.so` and `png.la`, `hstore` of `hstore--1.4.sql`.
fn stem(path: &ImagePath) -> String {
    let name = path.file_name();
    let dot = memchr::memchr(b'.', &name[1..]).map(|at| at + 1);
    let dashes = memchr::memmem::find(name, b"--").filter(|&at| at > 0);
    let end = [dot, dashes]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(name.len());
    let directory = path.parent().unwrap_or_else(ImagePath::root);
    directory.join(&name[..end]).to_string()
}

/// Whether a file is a program or library: those alone are opened that look so.
fn is_elf(file: &KeptFile, view: &View<'_>) -> Result<bool, ReadError> {
    let name = file.path.file_name();
    let node = view.files.rootfs.node(file.node);
    let looks_so = node.meta.mode & 0o111 != 0
        || memchr::memmem::find(name, b".so").is_some()
        || name.ends_with(b".node");
    if !looks_so || node.size() < 64 {
        return Ok(false);
    }
    view.files.is_elf(&file.path, file.node)
}

/// The texts of the table that a file contains.
fn texts_in(file: &KeptFile, view: &View<'_>) -> Result<BTreeSet<&'static str>, ReadError> {
    let (texts, search) = &*TEXTS;
    let Some(content) = view.files.open(&file.path, file.node)? else {
        return Ok(BTreeSet::new());
    };
    let found = find_texts(texts, search, content.take(MAX_PROGRAM));
    found.map_err(|source| ReadError {
        path: file.path.clone(),
        source,
    })
}

/// Searches chunk by chunk: the search through a stream goes byte by byte.
fn find_texts(
    texts: &[&'static str],
    search: &AhoCorasick,
    mut content: impl Read,
) -> io::Result<BTreeSet<&'static str>> {
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    let mut found = BTreeSet::new();
    let mut chunk = Vec::new();
    while found.len() < texts.len() {
        // A text may stand across the end of a chunk.
        let keep = chunk.len().min(longest.saturating_sub(1));
        chunk.drain(..chunk.len() - keep);
        let read = content
            .by_ref()
            .take(CHUNK as u64)
            .read_to_end(&mut chunk)?;
        if read == 0 {
            break;
        }
        let hits = search.find_iter(&chunk);
        found.extend(hits.map(|hit| texts[hit.pattern().as_usize()]));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_across_the_ends_of_chunks() {
        let (texts, search) = &*TEXTS;
        for at in [0, 1, CHUNK - 5, CHUNK, 2 * CHUNK - 1] {
            let mut bytes = vec![0; at];
            bytes.extend(b"TERMINFO_DIRS");
            bytes.resize(3 * CHUNK, 0);
            let found = find_texts(texts, search, bytes.as_slice()).expect("it reads");
            assert_eq!(found, ["TERMINFO_DIRS"].into(), "{at}");
        }
    }
}
