//! What the merged tree holds: a bounded tree, the largest files and directories, kinds, duplicates.

use std::collections::BTreeMap;

use super::merged::{Merged, VisibleFile};
use super::model::{
    Contents, Directory, DuplicateGroup, FileKind, KindTotal, LargeFile, TreeNode, TreeNodeKind,
};
use super::packages::Owners;
use super::scan::{Scan, kind_by_name};
use crate::rootfs::{ContentRef, ImagePath, NodeId, RootFs};

/// Nodes of the tree that stand for themselves; each directory may have one more for the rest.
const MAX_NODES: usize = 10_000;
const MAX_FILES: usize = 100;
const MAX_DIRECTORIES: usize = 100;
const MAX_GROUPS: usize = 200;
const MAX_PATHS: usize = 100;
/// A directory is only the way to another one, where that has this part of its bytes (in hundredths).
const ONLY_A_WAY: u128 = 90;

/// What a file holds, by its content where that was looked at.
pub(crate) fn kind(scan: &Scan, path: &ImagePath, content: ContentRef) -> FileKind {
    match scan.facts(content) {
        Some(facts) => facts.kind,
        None => kind_by_name(path, content.size),
    }
}

/// What the merged tree holds.
pub(crate) fn contents(scan: &Scan, merged: &Merged, owners: &Owners) -> Contents {
    let totals = Totals::new(&merged.rootfs);
    let duplicates = duplicates(scan, merged);
    Contents {
        tree: Tree::new(scan, merged, owners, &totals).build(),
        largest_files: largest_files(scan, merged, owners),
        largest_directories: largest_directories(&merged.rootfs, &totals),
        kinds: kinds(scan, merged),
        duplicate_bytes: duplicates.1,
        duplicates: duplicates.0,
    }
}

/// Bytes and files below each node; a file with several names counts where the first one is.
struct Totals(Vec<(u64, u64)>);

impl Totals {
    fn new(rootfs: &RootFs) -> Self {
        let mut totals = vec![(0u64, 0u64); rootfs.count()];
        let mut seen = vec![false; rootfs.count()];
        // Directories in the order in which they are met: what holds comes before what is held.
        let mut order: Vec<(NodeId, Option<NodeId>)> = Vec::new();
        let mut stack = vec![(rootfs.root(), None)];
        while let Some((id, parent)) = stack.pop() {
            if rootfs.node(id).is_dir() {
                order.push((id, parent));
                stack.extend(
                    rootfs
                        .children(id)
                        .values()
                        .rev()
                        .map(|&child| (child, Some(id))),
                );
            } else if !std::mem::replace(&mut seen[id.index()], true)
                && let Some(parent) = parent
            {
                let node = rootfs.node(id);
                let own = (node.size(), u64::from(node.content().is_some()));
                totals[id.index()] = own;
                add(&mut totals[parent.index()], own);
            }
        }
        for (id, parent) in order.into_iter().rev() {
            let own = totals[id.index()];
            if let Some(parent) = parent {
                add(&mut totals[parent.index()], own);
            }
        }
        Self(totals)
    }

    fn of(&self, id: NodeId) -> (u64, u64) {
        self.0[id.index()]
    }
}

fn add(sum: &mut (u64, u64), more: (u64, u64)) {
    sum.0 = sum.0.saturating_add(more.0);
    sum.1 = sum.1.saturating_add(more.1);
}

/// Builds the tree, from the largest entries down.
struct Tree<'a> {
    scan: &'a Scan,
    merged: &'a Merged,
    owners: &'a Owners,
    totals: &'a Totals,
    /// Entries larger than this stand for themselves.
    threshold: Option<u64>,
    seen: Vec<bool>,
}

impl<'a> Tree<'a> {
    fn new(scan: &'a Scan, merged: &'a Merged, owners: &'a Owners, totals: &'a Totals) -> Self {
        let rootfs = &merged.rootfs;
        let mut sizes = Vec::new();
        let mut stack = vec![rootfs.root()];
        while let Some(id) = stack.pop() {
            sizes.push(totals.of(id).0);
            stack.extend(rootfs.children(id).values());
        }
        let threshold = (sizes.len() > MAX_NODES).then(|| {
            let (_, nth, _) = sizes.select_nth_unstable_by(MAX_NODES, |a, b| b.cmp(a));
            *nth
        });
        Self {
            scan,
            merged,
            owners,
            totals,
            threshold,
            seen: vec![false; rootfs.count()],
        }
    }

    fn build(mut self) -> TreeNode {
        self.directory("/".into(), &ImagePath::root(), self.merged.rootfs.root())
    }

    /// Recursion is as deep as there are kept directories, of which a path can have 2,048 at most.
    fn directory(&mut self, name: String, path: &ImagePath, id: NodeId) -> TreeNode {
        let rootfs = &self.merged.rootfs;
        let (size, files) = self.totals.of(id);
        let mut children = Vec::new();
        let (mut rest, mut rest_entries) = ((0, 0), 0u64);
        for (child_name, &child) in rootfs.children(id) {
            let node = rootfs.node(child);
            let total = self.totals.of(child);
            let shown = self.threshold.is_none_or(|threshold| total.0 > threshold);
            if node.is_dir() && shown {
                let path = path.join(child_name);
                let name = crate::rootfs::escape_bytes(child_name);
                children.push(self.directory(name, &path, child));
            } else if shown && node.content().is_some() {
                // Another name of the same file has no bytes of its own.
                if !std::mem::replace(&mut self.seen[child.index()], true) {
                    children.push(self.file(path.join(child_name), child, total));
                }
            } else if node.is_dir() || !std::mem::replace(&mut self.seen[child.index()], true) {
                add(&mut rest, total);
                rest_entries += 1;
            }
        }
        if rest_entries > 0 && rest.1 > 0 {
            children.push(TreeNode {
                name: String::new(),
                kind: TreeNodeKind::Rest,
                size: rest.0,
                files: rest.1,
                layer: rootfs.node(id).layer,
                file_kind: None,
                package: None,
                children: Vec::new(),
            });
        }
        children.sort_by(|a: &TreeNode, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
        TreeNode {
            name,
            kind: TreeNodeKind::Directory,
            size,
            files,
            layer: rootfs.node(id).layer,
            file_kind: None,
            package: None,
            children,
        }
    }

    fn file(&self, path: ImagePath, node: NodeId, (size, files): (u64, u64)) -> TreeNode {
        let entry = self.merged.rootfs.node(node);
        let name = crate::rootfs::escape_bytes(path.file_name());
        let content = entry.content();
        let file_kind = content.map(|content| kind(self.scan, &path, content));
        TreeNode {
            name,
            kind: TreeNodeKind::File,
            size,
            files,
            layer: entry.layer,
            file_kind,
            package: self.owners.id(node),
            children: Vec::new(),
        }
    }
}

fn largest_files(scan: &Scan, merged: &Merged, owners: &Owners) -> Vec<LargeFile> {
    let mut files: Vec<&VisibleFile> = merged
        .first_files()
        .filter(|f| f.content.size > 0)
        .collect();
    files.sort_by(|a, b| {
        b.content
            .size
            .cmp(&a.content.size)
            .then_with(|| a.path.cmp(&b.path))
    });
    files.truncate(MAX_FILES);
    let large = |file: &VisibleFile| LargeFile {
        path: file.path.to_string(),
        size: file.content.size,
        layer: file.content.layer as usize,
        kind: kind(scan, &file.path, file.content),
        package: owners.id(file.node),
    };
    files.into_iter().map(large).collect()
}

fn largest_directories(rootfs: &RootFs, totals: &Totals) -> Vec<Directory> {
    let mut found: Vec<(u64, u64, ImagePath)> = Vec::new();
    for (path, id) in rootfs.walk() {
        let (size, files) = totals.of(id);
        if !rootfs.node(id).is_dir() || size == 0 || path.is_root() {
            continue;
        }
        let only_a_way = rootfs.children(id).values().any(|&child| {
            let part = u128::from(totals.of(child).0) * 100;
            rootfs.node(child).is_dir() && part >= u128::from(size) * ONLY_A_WAY
        });
        if !only_a_way {
            found.push((size, files, path));
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
    found.truncate(MAX_DIRECTORIES);
    let directory = |(size, files, path): (u64, u64, ImagePath)| Directory {
        path: path.to_string(),
        size,
        files,
    };
    found.into_iter().map(directory).collect()
}

fn kinds(scan: &Scan, merged: &Merged) -> Vec<KindTotal> {
    let mut totals: BTreeMap<FileKind, (u64, u64)> = BTreeMap::new();
    for file in merged.first_files() {
        let total = totals
            .entry(kind(scan, &file.path, file.content))
            .or_default();
        add(total, (file.content.size, 1));
    }
    let mut kinds: Vec<KindTotal> = totals
        .into_iter()
        .map(|(kind, (size, files))| KindTotal { kind, files, size })
        .collect();
    kinds.sort_by(|a, b| b.size.cmp(&a.size).then(a.kind.cmp(&b.kind)));
    kinds
}

/// Groups of files with the same content, and the bytes that all groups waste.
fn duplicates(scan: &Scan, merged: &Merged) -> (Vec<DuplicateGroup>, u64) {
    let mut groups: BTreeMap<[u8; 32], Vec<&VisibleFile>> = BTreeMap::new();
    for file in merged.first_files().filter(|file| file.content.size > 0) {
        if let Some(sha256) = scan.facts(file.content).and_then(|facts| facts.sha256) {
            groups.entry(sha256).or_default().push(file);
        }
    }
    let mut found: Vec<DuplicateGroup> = groups
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(sha256, files)| {
            let (size, count) = (files[0].content.size, files.len() as u64);
            DuplicateGroup {
                sha256: hex::encode(sha256),
                size,
                wasted: size.saturating_mul(count - 1),
                count,
                paths: files
                    .iter()
                    .take(MAX_PATHS)
                    .map(|file| file.path.to_string())
                    .collect(),
            }
        })
        .collect();
    let wasted = found
        .iter()
        .fold(0, |sum: u64, group| sum.saturating_add(group.wasted));
    found.sort_by(|a, b| b.wasted.cmp(&a.wasted).then_with(|| a.paths.cmp(&b.paths)));
    found.truncate(MAX_GROUPS);
    (found, wasted)
}
