//! Programs and paths that a text names, turned into groups.

use std::collections::BTreeSet;

use super::reader::Gathered;
use super::{Group, Origin, Rule, Source, View};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// The place that names something.
pub(crate) struct Place<'a> {
    pub(crate) rule: Rule,
    pub(crate) file: &'a ImagePath,
    pub(crate) origin: Origin,
}

/// What one reader has given already.
#[derive(Debug, Default)]
pub(crate) struct Given(BTreeSet<String>);

/// Files and bytes of a directory that configuration names are not looked at beyond this many entries.
const MAX_ENTRIES: usize = 20_000;

/// Container runtimes mount over these, so that what the image has below them is never seen.
const MOUNTED: [&str; 3] = ["/dev/", "/proc/", "/sys/"];

/// What a directory's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directory {
    /// The directory alone: to change into, to write into, to look whether it is there.
    Itself,
    /// What is in it too.
    Content,
}

/// Directories that stand for a whole system: that a text names one says nothing about what is in it.
const GENERAL: [&str; 26] = [
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/lib",
];

impl Given {
    /// Adds a group, unless one of that name was given or all of it stays already.
    pub(crate) fn add(&mut self, group: Group, view: &View<'_>, out: &mut Gathered) {
        let news = group.paths.iter().any(|path| !(view.kept)(path));
        if news && self.0.insert(group.id()) {
            out.groups.push(group);
        }
    }

    /// A program by its path or by its name on `PATH`; nothing if the image has none of that name.
    pub(crate) fn program(
        &mut self,
        name: &str,
        line: Option<u32>,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        let search = &view.surroundings.search;
        let Some(resolution) = search.find(view.files.rootfs, name.as_bytes()) else {
            return;
        };
        let Some((path, _)) = resolution.found() else {
            return;
        };
        let mut paths: BTreeSet<ImagePath> = resolution.links.iter().cloned().collect();
        paths.insert(path.clone());
        let group = place.group(path.to_string(), line, name, paths);
        self.add(group, view, out);
    }

    /// An absolute path: a file; a directory, and with [`Directory::Content`] what is in it; the directory in which
    /// a file is to be made.
    pub(crate) fn path(
        &mut self,
        text: &str,
        directory: Directory,
        line: Option<u32>,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        let rootfs = view.files.rootfs;
        if MOUNTED.iter().any(|mount| text.starts_with(mount)) {
            return;
        }
        let resolution = rootfs.resolve(&ImagePath::root(), text.as_bytes(), true);
        let links = resolution.links.iter().cloned();
        match resolution.found() {
            Some((path, node)) => {
                let mut itself: BTreeSet<ImagePath> = links.collect();
                itself.insert(path.clone());
                if is_general(path) {
                    return;
                }
                let group = place.group(path.to_string(), line, text, itself);
                self.add(group, view, out);
                if directory == Directory::Content && rootfs.node(node).is_dir() {
                    self.content(path, node, line, place, view, out);
                }
            }
            None => {
                // A log, a socket, a pid file: what does not exist yet needs the directory that it will be made in.
                let parent = ImagePath::new(text).parent();
                let parent = parent.and_then(|parent| view.existing(parent.as_bytes()));
                if let Some((parent, node)) = parent
                    && rootfs.node(node).is_dir()
                    && !is_general(&parent)
                {
                    let name = parent.to_string();
                    let group = place.group(name, line, text, BTreeSet::from([parent]));
                    self.add(group, view, out);
                }
            }
        }
    }

    fn content(
        &mut self,
        path: &ImagePath,
        node: NodeId,
        line: Option<u32>,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        let rootfs = view.files.rootfs;
        if rootfs.children(node).is_empty() {
            return;
        }
        let below: BTreeSet<ImagePath> = below(rootfs, path);
        let name = format!("{path}/**");
        let group = place.group(name, line, &path.to_string(), below);
        self.add(group, view, out);
    }
}

impl Place<'_> {
    /// A group that this place names.
    pub(crate) fn group(
        &self,
        name: String,
        line: Option<u32>,
        symbol: &str,
        paths: BTreeSet<ImagePath>,
    ) -> Group {
        Group {
            rule: self.rule,
            name,
            source: Source {
                file: self.file.clone(),
                line,
                symbol: Some(symbol.to_owned()),
            },
            origin: self.origin,
            paths,
        }
    }
}

fn is_general(path: &ImagePath) -> bool {
    GENERAL.iter().any(|dir| dir.as_bytes() == path.as_bytes())
}

/// Every path below a directory, bounded.
pub(crate) fn below(rootfs: &RootFs, top: &ImagePath) -> BTreeSet<ImagePath> {
    let all = rootfs.walk_below(top).map(|(path, _)| path);
    all.take(MAX_ENTRIES).collect()
}
