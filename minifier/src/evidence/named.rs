//! Programs and paths that a text names, turned into groups.

use std::collections::BTreeSet;

use super::reader::Gathered;
use super::{EvidenceSource, Group, KeptFile, Origin, Rule, View};
use crate::rootfs::{ImagePath, RootFs, SYSTEM_MOUNTS};

/// What one reader has given already.
#[derive(Debug, Default)]
pub(crate) struct Given(BTreeSet<String>);

/// Files and bytes of a directory that configuration names are not looked at beyond this many entries.
const MAX_ENTRIES: usize = 20_000;

/// What a directory's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryReach {
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
}

/// A place that names things, and where they go.
pub(crate) struct Namer<'a, 'v> {
    pub(crate) rule: Rule,
    pub(crate) file: &'a ImagePath,
    pub(crate) origin: Origin,
    pub(crate) given: &'a mut Given,
    pub(crate) view: &'a View<'v>,
    pub(crate) out: &'a mut Gathered,
}

impl<'a, 'v> Namer<'a, 'v> {
    /// Names for a file that stays; whose it is decides how much its word counts.
    pub(crate) fn of(
        rule: Rule,
        file: &'a KeptFile,
        given: &'a mut Given,
        view: &'a View<'v>,
        out: &'a mut Gathered,
    ) -> Self {
        Self {
            rule,
            file: &file.path,
            origin: view.origin(file.node),
            given,
            view,
            out,
        }
    }

    /// A program by its path or by its name on `PATH`; nothing if the image has none of that name.
    pub(crate) fn program(&mut self, name: &str, line: Option<u32>) {
        let search = &self.view.surroundings.search;
        let Some(resolution) = search.find(self.view.files.rootfs, name.as_bytes()) else {
            return;
        };
        let Some((path, _)) = resolution.found() else {
            return;
        };
        let mut paths: BTreeSet<ImagePath> = resolution.links.iter().cloned().collect();
        paths.insert(path.clone());
        self.group(path.to_string(), line, name, paths);
    }

    /// An absolute path: a file; a directory, and with [`DirectoryReach::Content`] what is in it; the directory in which
    /// a file is to be made.
    pub(crate) fn path(&mut self, text: &str, directory: DirectoryReach, line: Option<u32>) {
        let rootfs = self.view.files.rootfs;
        let is_below = |mount: &&str| {
            let rest = text.strip_prefix(mount);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if SYSTEM_MOUNTS.iter().any(is_below) {
            return;
        }
        let resolution = rootfs.resolve(&ImagePath::root(), text.as_bytes(), true);
        let Some((path, node)) = resolution.found() else {
            return self.directory_of(text, line);
        };
        if is_general(path) {
            return;
        }
        let mut itself: BTreeSet<ImagePath> = resolution.links.iter().cloned().collect();
        itself.insert(path.clone());
        self.group(path.to_string(), line, text, itself);
        if directory == DirectoryReach::Content && !rootfs.children(node).is_empty() {
            let all = below(rootfs, path);
            self.group(format!("{path}/**"), line, &path.to_string(), all);
        }
    }

    /// A log, a socket, a pid file: what does not exist yet needs the directory that it will be made in.
    fn directory_of(&mut self, text: &str, line: Option<u32>) {
        let parent = ImagePath::new(text).parent();
        let parent = parent.and_then(|parent| self.view.existing(parent.as_bytes()));
        if let Some((parent, node)) = parent
            && self.view.files.rootfs.node(node).is_dir()
            && !is_general(&parent)
        {
            let name = parent.to_string();
            self.group(name, line, text, BTreeSet::from([parent]));
        }
    }

    /// Gives a group that this place names.
    pub(crate) fn group(
        &mut self,
        name: String,
        line: Option<u32>,
        symbol: &str,
        paths: BTreeSet<ImagePath>,
    ) {
        let group = Group {
            rule: self.rule,
            name,
            source: EvidenceSource {
                file: self.file.clone(),
                line,
                symbol: Some(symbol.to_owned()),
            },
            origin: self.origin,
            paths,
        };
        self.given.add(group, self.view, self.out);
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
