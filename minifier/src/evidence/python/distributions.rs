//! [`Distributions`]: what distributions of which a module stays declare: entry points, and the metadata that
//! `importlib.metadata` reads.
//!
//! Source: PyPA, "Recording installed projects" and "Entry points specification".

use std::collections::BTreeSet;

use super::facts::is_dotted;
use super::library::stays;
use super::search::{Rank, Search};
use super::tools::{is_for_tools, is_tool};
use super::wishes::{ModuleWish, Wishes};
use crate::analyze::ReadError;
use crate::evidence::reader::Gathered;
use crate::evidence::{EvidenceSource, Origin, Rule, View};
use crate::rootfs::ImagePath;

/// Longer lists are not read.
const MAX_LIST: u64 = 4 << 20;
/// Distributions that are looked at.
const MAX_DISTRIBUTIONS: usize = 20_000;
/// What `importlib.metadata` reads at run time; `RECORD` names files only, and is as long as there are files.
const METADATA: [&str; 4] = ["METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt"];

/// A distribution of which nothing stays as far as is known.
#[derive(Debug)]
struct Distribution {
    info: ImagePath,
    /// What it has at the top of the directory that it is installed in.
    tops: BTreeSet<Vec<u8>>,
}

/// The distributions of the directories that are searched.
#[derive(Debug, Default)]
pub(crate) struct Distributions {
    waiting: Vec<Distribution>,
    seen: BTreeSet<ImagePath>,
}

impl Distributions {
    /// Wishes for those of which something stays now.
    pub(crate) fn read(
        &mut self,
        search: &mut Search,
        view: &View<'_>,
        wishes: &mut Wishes,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for egg in self.find(search, view)? {
            let source = EvidenceSource {
                file: egg,
                line: None,
                symbol: None,
            };
            let message = "modules in it are not read: it is an archive".to_owned();
            wishes.note(source, message, out);
        }
        for distribution in std::mem::take(&mut self.waiting) {
            let Some(site) = distribution.info.parent() else {
                continue;
            };
            let has = |top: &Vec<u8>| stays(&site.join(top), view);
            if distribution.tops.iter().any(has) {
                declared(&distribution.info, &site, search, view, wishes)?;
            } else {
                self.waiting.push(distribution);
            }
        }
        Ok(())
    }

    /// Adds what is installed in directories that were not looked at; gives archives of modules in them.
    fn find(&mut self, search: &Search, view: &View<'_>) -> Result<Vec<ImagePath>, ReadError> {
        let rootfs = view.files.rootfs;
        let mut eggs = Vec::new();
        let linked = search.of_rank(Rank::Linked);
        for (site, node) in search.of_rank(Rank::Site).chain(linked) {
            if !self.seen.insert(site.clone()) {
                continue;
            }
            for (name, &child) in rootfs.children(node) {
                let is_info = name.ends_with(b".dist-info") || name.ends_with(b".egg-info");
                let is_dir = rootfs.node(child).is_dir();
                if name.ends_with(b".egg") && !is_dir {
                    eggs.push(site.join(name));
                }
                if is_info && is_dir && self.waiting.len() < MAX_DISTRIBUTIONS {
                    let info = site.join(name);
                    let tops = tops(&info, name, view)?;
                    self.waiting.push(Distribution { info, tops });
                }
            }
        }
        Ok(eggs)
    }
}

/// The first components of what a distribution installed.
fn tops(info: &ImagePath, name: &[u8], view: &View<'_>) -> Result<BTreeSet<Vec<u8>>, ReadError> {
    let mut tops = BTreeSet::new();
    if let Some(list) = view.files.read(&info.join("top_level.txt"), MAX_LIST)? {
        for line in list.split(|&b| b == b'\n') {
            let line = line.trim_ascii();
            if !line.is_empty() {
                tops.insert(line.to_vec());
                tops.insert([line, b".py"].concat());
            }
        }
    } else if let Some(record) = view.files.read(&info.join("RECORD"), MAX_LIST)? {
        for line in record.split(|&b| b == b'\n') {
            let line = line.strip_prefix(b"\"").unwrap_or(line);
            let end = line.iter().position(|&b| matches!(b, b'/' | b',' | b'"'));
            let top = &line[..end.unwrap_or(0)];
            if !top.is_empty() && top != b".." && top != name && top != b"__pycache__" {
                tops.insert(top.to_vec());
            }
        }
    }
    Ok(tops)
}

fn declared(
    info: &ImagePath,
    site: &ImagePath,
    search: &mut Search,
    view: &View<'_>,
    wishes: &mut Wishes,
) -> Result<(), ReadError> {
    let rootfs = view.files.rootfs;
    let paths = METADATA.map(|name| info.join(name));
    let paths = paths.into_iter();
    let paths: BTreeSet<ImagePath> = paths.filter(|path| rootfs.lookup(path).is_some()).collect();
    let origin = Origin::Package;
    wishes.add(ModuleWish {
        rule: Rule::Python,
        name: info.to_string(),
        origin,
        source: EvidenceSource {
            file: info.clone(),
            line: None,
            symbol: Some("importlib.metadata".to_owned()),
        },
        modules: Vec::new(),
        paths,
    });
    let list = info.join("entry_points.txt");
    let Some(text) = view.files.read(&list, MAX_LIST)? else {
        return Ok(());
    };
    // `PREFIX/lib/python3.11/site-packages`
    let programs = site.ancestors().nth(2).map(|prefix| prefix.join("bin"));
    for (line, section, name, module) in entry_points(&String::from_utf8_lossy(&text)) {
        let is_program = matches!(section, "console_scripts" | "gui_scripts");
        let program = programs.as_ref().map(|bin| bin.join(name));
        let is_run = program.is_some_and(|program| stays(&program, view));
        if is_for_tools(section) || is_tool(module) || is_program && !is_run {
            continue;
        }
        if let Some(found) = search.find(rootfs, module) {
            wishes.add(ModuleWish {
                rule: Rule::Python,
                name: found.name.clone(),
                origin,
                source: EvidenceSource {
                    file: list.clone(),
                    line: Some(line),
                    symbol: Some(module.to_owned()),
                },
                modules: found.files.clone(),
                paths: BTreeSet::new(),
            });
        }
    }
    Ok(())
}

/// Line, section, name and module of each entry point.
fn entry_points(text: &str) -> Vec<(u32, &str, &str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((name, value)) = line.split_once('=') {
            let module = value.split([':', '[']).next().unwrap_or_default().trim();
            if is_dotted(module, 0) {
                found.push((index as u32 + 1, section, name.trim(), module));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_name_modules() {
        let text = "[console_scripts]\nserve = a.b:run\n\n[a.plugins]\n x = c\ny = d.e:F [extra]\n# z = 1\n";
        let expected = [
            (2, "console_scripts", "serve", "a.b"),
            (5, "a.plugins", "x", "c"),
            (6, "a.plugins", "y", "d.e"),
        ];
        assert_eq!(entry_points(text), expected);
    }
}
