//! Files that no package manager owns: the application's own, and what a recipe's `COPY` and `RUN` left.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::{Gathered, Reader};
use super::{EvidenceSource, Group, KeptFile, Origin, Rule, View};
use crate::analyze::{ReadError, holds_tests_alone};
use crate::rootfs::{ImagePath, NodeId, SYSTEM_MOUNTS};

/// Without what a package manager owns these hold what it made itself: databases, caches, indexes.
const GENERATED: [&str; 15] = [
    "/etc/ld.so.cache",
    "/etc/apt",
    "/etc/dpkg",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/lib/pam",
    "/var/lib/systemd",
    "/var/lib/ucf",
    "/var/cache",
    "/var/log",
    "/lib/apk",
    "/var/lib/rpm",
    "/usr/share/info/dir",
    "/root/.cache",
    "/run",
];
/// What compilers and version control leave beside sources, and what is no part of a program.
const BY_PRODUCTS: [&[u8]; 8] = [
    b"__pycache__",
    b".git",
    b".hg",
    b".svn",
    b".cache",
    b".npm",
    b".pytest_cache",
    b".mypy_cache",
];

/// Gives a group for each directory whose whole content no package owns, and one for each single file.
#[derive(Default)]
pub(crate) struct Unowned {
    done: bool,
}

impl Reader for Unowned {
    fn rule(&self) -> Rule {
        Rule::Unowned
    }

    fn read(
        &mut self,
        _kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        // An image without a package database (built from scratch, or with the database removed) says nothing about
        // who owns what: every file would be the application's.
        if std::mem::replace(&mut self.done, true) || view.packages.iter().next().is_none() {
            return Ok(());
        }
        let mut by_directory: BTreeMap<ImagePath, BTreeSet<ImagePath>> = BTreeMap::new();
        let skipped: Vec<ImagePath> = GENERATED
            .iter()
            .chain(&SYSTEM_MOUNTS)
            .map(|path| ImagePath::from(*path))
            .collect();
        let rootfs = view.files.rootfs;
        let mut skip: Option<ImagePath> = None;
        for (path, node) in rootfs.walk() {
            if skip.as_ref().is_some_and(|top| path.starts_with(top)) {
                continue;
            }
            if skipped.contains(&path) || is_by_product(view, &path, node) {
                skip = Some(path);
                continue;
            }
            let is_file = !rootfs.node(node).is_dir();
            if is_file && view.packages.owner(node).is_none() && !is_alternative(view, node) {
                by_directory.entry(top_of(&path)).or_default().insert(path);
            }
        }
        for (directory, paths) in by_directory {
            out.groups.push(Group {
                rule: Rule::Unowned,
                name: directory.to_string(),
                source: EvidenceSource {
                    file: directory,
                    line: None,
                    symbol: None,
                },
                origin: Origin::Application,
                paths,
            });
        }
        Ok(())
    }
}

fn is_by_product(view: &View<'_>, path: &ImagePath, node: NodeId) -> bool {
    let name = path.file_name();
    view.files.rootfs.node(node).is_dir()
        && (BY_PRODUCTS.contains(&name) || holds_tests_alone(name))
}

/// Links that a distribution's `update-alternatives` and `ldconfig` made are nobody's in the database. They lead to a
/// package's file, and stay when that is reached through them.
fn is_alternative(view: &View<'_>, node: NodeId) -> bool {
    view.files.rootfs.node(node).link_target().is_some()
}

/// Two components, so that `/srv/shop` and `/srv/blog` have a price of their own, and `/app` is one.
fn top_of(path: &ImagePath) -> ImagePath {
    let depth = path.components().count().saturating_sub(1).min(3);
    let parts: Vec<&[u8]> = path.components().take(depth).collect();
    ImagePath::new(parts.join(&b'/'))
}
