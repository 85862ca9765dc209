//! [`Closure`]: the keep set while it grows. Whatever is kept brings its parents with it and is queued, so that
//! what it needs is kept too (`expand`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::model::add_reason;
use super::patterns::Pattern;
use super::{Exclusion, KeepSet, Reason, Warning, WarningLevel};
use crate::analyze::{Abi, Context, ElfFile, Files, Linker};
use crate::rootfs::{End, ImagePath, NodeId, Resolution, SYSTEM_MOUNTS, SearchPath};

/// The growing keep set and what is known so far.
pub(crate) struct Closure<'a> {
    pub(crate) files: Files<'a>,
    pub(crate) linker: Linker<'a>,
    pub(crate) search: SearchPath,
    pub(crate) excludes: Vec<Pattern>,
    pub(crate) keep: KeepSet,
    pub(crate) excluded: BTreeMap<ImagePath, Exclusion>,
    pub(crate) warnings: BTreeSet<Warning>,
    pub(crate) facts: TreeFacts,
    mounted: [ImagePath; 3],
    pub(crate) files_to_read: VecDeque<(ImagePath, NodeId)>,
    pub(crate) elf_to_link: VecDeque<(ImagePath, Rc<ElfFile>, Context)>,
    pub(crate) linked: BTreeSet<(ImagePath, Context)>,
    pub(crate) elves: BTreeMap<NodeId, Option<Rc<ElfFile>>>,
    /// Services of nsswitch.conf, once they were read: every trial asks for them.
    pub(crate) name_services: Option<Rc<BTreeSet<String>>>,
    /// What a trial changed, while one goes on.
    pub(crate) trial: Option<Trial>,
    /// What stands at the paths that stay, trials left out; filled when evidence is weighed.
    pub(crate) kept_nodes: BTreeSet<NodeId>,
}

/// Facts about the image as a whole, learnt from the files that stay.
#[derive(Clone, Default)]
pub(crate) struct TreeFacts {
    /// glibc's `libc.so.6`, one for each ABI.
    pub(crate) glibc: BTreeMap<Abi, (ImagePath, Rc<ElfFile>)>,
    /// A program or library of musl stays.
    pub(crate) musl: bool,
    /// Why TLS is used.
    pub(crate) tls: BTreeSet<String>,
    /// Files that load the system's certificates through OpenSSL's defaults.
    pub(crate) default_trust: BTreeSet<ImagePath>,
    /// OpenSSL's `libcrypto`.
    pub(crate) openssl: BTreeSet<ImagePath>,
    /// `libjvm.so`
    pub(crate) jvms: BTreeSet<ImagePath>,
    /// Directories of certificates by hash that were listed or searched.
    pub(crate) hashed_certificates: bool,
    /// Programs without a TLS library that may have one inside.
    pub(crate) programs: BTreeMap<ImagePath, NodeId>,
    /// Needed libraries that were not found, with the files that need them.
    pub(crate) missing_libraries: BTreeMap<Vec<u8>, BTreeSet<ImagePath>>,
    /// Interpreters that were not found, by script or program.
    pub(crate) missing_interpreters: BTreeMap<ImagePath, Vec<u8>>,
    /// Names under which libraries that stay are loaded.
    pub(crate) sonames: BTreeSet<Vec<u8>>,
}

/// What stood before a trial, as far as the trial changed it.
pub(crate) struct Trial {
    /// Reasons of paths that it touched; `None` for paths that were not in the keep set.
    pub(crate) before: BTreeMap<ImagePath, Option<BTreeSet<Reason>>>,
    /// Objects that were linked.
    pub(crate) linked: Vec<(ImagePath, Context)>,
    pub(crate) facts: TreeFacts,
    pub(crate) excluded: BTreeMap<ImagePath, Exclusion>,
    pub(crate) warnings: BTreeSet<Warning>,
}

impl<'a> Closure<'a> {
    pub(crate) fn new(
        files: Files<'a>,
        linker: Linker<'a>,
        search: SearchPath,
        excludes: Vec<Pattern>,
    ) -> Self {
        Self {
            files,
            linker,
            search,
            excludes,
            keep: KeepSet::default(),
            excluded: BTreeMap::new(),
            warnings: BTreeSet::new(),
            facts: TreeFacts::default(),
            mounted: SYSTEM_MOUNTS.map(ImagePath::from),
            files_to_read: VecDeque::new(),
            elf_to_link: VecDeque::new(),
            linked: BTreeSet::new(),
            elves: BTreeMap::new(),
            name_services: None,
            trial: None,
            kept_nodes: BTreeSet::new(),
        }
    }

    /// Keeps an entry of the tree, of which `path` is free of links, unless a rule excludes it.
    pub(crate) fn keep(&mut self, path: &ImagePath, node: NodeId, reason: Reason) {
        let asked_for = matches!(reason, Reason::Included { .. });
        if !asked_for && self.is_mounted_over(path) {
            return;
        }
        // An excluded path is remembered with what would have kept it: `explain` names the rule, and a path that was
        // used makes a warning.
        if let Some(pattern) = self.excludes.iter().find(|rule| rule.covers(path)) {
            let exclusion = self
                .excluded
                .entry(path.clone())
                .or_insert_with(|| Exclusion {
                    pattern: pattern.text.clone(),
                    reasons: BTreeSet::new(),
                });
            add_reason(&mut exclusion.reasons, reason);
            // The directory above stays: a program that creates the excluded file again needs it.
            self.keep_parents(path);
            return;
        }
        if self.insert(path.clone(), reason) {
            self.keep_parents(path);
            if self.files.rootfs.node(node).content().is_some() {
                self.files_to_read.push_back((path.clone(), node));
            }
        }
    }

    fn is_mounted_over(&self, path: &ImagePath) -> bool {
        self.mounted
            .iter()
            .any(|mount| path.starts_with(mount) && path != mount)
    }

    /// Keeps the directories above a path, but for those that a rule excludes.
    fn keep_parents(&mut self, path: &ImagePath) {
        for parent in path.ancestors() {
            let known = self.keep.reasons(&parent);
            // Then everything above it was kept at that time. Without this, each file would walk up to the root.
            if known.is_some_and(|reasons| reasons.contains(&Reason::Parent)) {
                return;
            }
            if !self.excludes.iter().any(|rule| rule.covers(&parent)) {
                self.insert(parent, Reason::Parent);
            }
        }
    }

    /// Keeps what a path leads to, with the links on the way; gives it, if there is something. If there is nothing,
    /// the links stay as they are.
    pub(crate) fn keep_resolved(
        &mut self,
        resolution: &Resolution,
        reason: Reason,
    ) -> Option<(ImagePath, NodeId)> {
        let target = match &resolution.end {
            End::Found { path, .. } | End::Missing { path } | End::NotADirectory { path } => path,
            // ELOOP is an answer too: the links stay, so that the result fails in the same way.
            End::Loop => resolution.links.last()?,
        };
        for link in &resolution.links {
            if let Some(node) = self.files.rootfs.lookup(link) {
                let target = target.clone();
                self.keep(link, node, Reason::LinkTo { target });
            }
        }
        let (path, node) = resolution.found()?;
        self.keep(path, node, reason);
        Some((path.clone(), node))
    }

    /// Keeps what an absolute path leads to, links followed, if that exists.
    pub(crate) fn keep_path(
        &mut self,
        path: impl AsRef<[u8]>,
        reason: Reason,
    ) -> Option<(ImagePath, NodeId)> {
        let resolution = self
            .files
            .rootfs
            .resolve(&ImagePath::root(), path.as_ref(), true);
        // Unlike a path that was traced, one that is only guessed at leaves nothing if it leads nowhere.
        resolution.found()?;
        self.keep_resolved(&resolution, reason)
    }

    /// Keeps a program, by path or by its name on `PATH`; `None` if there is none.
    pub(crate) fn keep_program(
        &mut self,
        name: &[u8],
        reason: Reason,
    ) -> Option<(ImagePath, NodeId)> {
        let resolution = self.search.find(self.files.rootfs, name)?;
        self.keep_resolved(&resolution, reason)
    }

    /// Keeps everything below a directory, and what links in it lead to. Directories outside that a link leads to
    /// stay without their content, with a warning.
    pub(crate) fn keep_tree(&mut self, top: &ImagePath, reason: &Reason, what: &str) {
        let rootfs = self.files.rootfs;
        for (path, node) in rootfs.walk_below(top) {
            self.keep(&path, node, reason.clone());
            if rootfs.node(node).link_target().is_none() {
                continue;
            }
            let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            let Some((end, end_node)) = resolution.found() else {
                continue;
            };
            self.keep_resolved(&resolution, reason.clone());
            // A link to `/` would keep the whole image, so the user decides.
            if rootfs.node(end_node).is_dir()
                && !end.starts_with(top)
                && !rootfs.children(end_node).is_empty()
            {
                self.warn(
                    format!("{what} contains the link {path} to the directory {end}, which is outside of it"),
                    Some(format!("add --include-path {end} if its content is needed")),
                );
            }
        }
    }

    pub(crate) fn warn(&mut self, message: String, hint: Option<String>) {
        self.warnings.insert(Warning {
            severity: WarningLevel::Warning,
            message,
            hint,
        });
    }

    pub(crate) fn note(&mut self, message: String) {
        self.warnings.insert(Warning {
            severity: WarningLevel::Note,
            message,
            hint: None,
        });
    }
}
