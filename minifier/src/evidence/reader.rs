//! [`Reader`]: one kind of evidence, with what it may look at and where it puts what it finds.

use std::collections::BTreeSet;

use super::{Group, Note, Origin, Rule};
use crate::analyze::{Files, PackageIndex, ReadError};
use crate::rootfs::{ImagePath, NodeId, SearchPath};

/// What is known of the image and the run besides its files.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where programs are looked for, and the working directory.
    pub search: SearchPath,
    /// `NAME=value`, those that count more first.
    pub env: Vec<String>,
    /// Command lines of the config and the run: entrypoint with arguments, health check.
    pub commands: Vec<Vec<String>>,
}

/// A path that joined the keep set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Free of links.
    pub path: ImagePath,
    /// What stands there.
    pub node: NodeId,
    /// A process opened, executed or listed it; `false` if it is kept for another reason.
    pub used: bool,
    /// Another file that stays names it: `DT_NEEDED`, an interpreter, evidence. A used file that nothing names was
    /// reached by a computed name.
    pub named: bool,
}

/// Packages of distributions that install packages, keep their databases or ask questions meanwhile.
const PACKAGE_MANAGERS: [&str; 14] = [
    "apk-tools",
    "apt",
    "apt-listchanges",
    "apt-utils",
    "aptitude",
    "debconf",
    "dnf",
    "dpkg",
    "init-system-helpers",
    "libzypp",
    "rpm",
    "ucf",
    "yum",
    "zypper",
];

/// What readers may look at.
pub struct View<'a> {
    /// The image's files.
    pub files: Files<'a>,
    /// Which package each file belongs to.
    pub packages: &'a PackageIndex,
    /// The config and the run.
    pub surroundings: &'a Surroundings,
    /// Whether a path stays already.
    pub kept: &'a dyn Fn(&ImagePath) -> bool,
}

impl View<'_> {
    /// Whose a file is.
    pub(crate) fn origin(&self, node: NodeId) -> Origin {
        match self.packages.owner(node) {
            Some(_) => Origin::Package,
            None => Origin::Application,
        }
    }

    /// Whether a file belongs to a package manager: its scripts and settings are about installing packages.
    pub(crate) fn is_maintenance(&self, node: NodeId) -> bool {
        let owner = self.packages.owner(node);
        owner.is_some_and(|package| PACKAGE_MANAGERS.contains(&package.name.as_str()))
    }

    /// The path that an absolute one leads to, links followed; `None` if there is nothing.
    pub(crate) fn existing(&self, path: &[u8]) -> Option<(ImagePath, NodeId)> {
        let resolution = self.files.rootfs.resolve(&ImagePath::root(), path, true);
        let (path, node) = resolution.found()?;
        Some((path.clone(), node))
    }
}

/// Groups and notes as readers find them.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) groups: Vec<Group>,
    pub(crate) notes: BTreeSet<Note>,
}

/// One kind of evidence. Readers keep what they learnt between calls, and never give a group twice.
pub(crate) trait Reader {
    /// The rule that switches it.
    fn rule(&self) -> Rule;

    /// Looks at files that joined the keep set, in the order of their paths.
    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError>;
}
