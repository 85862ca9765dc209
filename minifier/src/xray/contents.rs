//! Contents of the merged tree: all paths, the largest files and directories, kinds, duplicates.

use std::collections::{BTreeMap, BTreeSet};

use super::files::{MAX_PATHS, TreeSources, files};
use super::merged::{Merged, VisibleFile};
use super::model::{Contents, Directory, DuplicateGroup, FileKind, KindTotal, LargeFile};
use super::packages::Owners;
use super::scan::Scan;
use super::subtree::{SubtreeTotals, add};
use crate::rootfs::{ImagePath, RootFs};

const MAX_FILES: usize = 100;
const MAX_DIRECTORIES: usize = 100;
const MAX_GROUPS: usize = 200;
const MAX_COPIES: usize = 100;
/// A directory is only the way to a subdirectory if that has this share of its bytes (in hundredths).
const ONLY_A_WAY: u128 = 90;

/// The copies among files with the same content: all but one of each, also of those that are not listed.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    pub(crate) files: u64,
    pub(crate) layers: BTreeSet<usize>,
}

/// Contents of the merged tree, and changes of the layers; `base` says which layers belong to the base image. The copies
/// are those that are not documentation.
pub(crate) fn contents(
    scan: &Scan,
    merged: &Merged,
    owners: &Owners,
    base: &[bool],
) -> (Contents, Copies) {
    let totals = SubtreeTotals::new(&merged.rootfs);
    let duplicates = Duplicates::new(scan, merged);
    let sources = TreeSources {
        scan,
        merged,
        owners,
        totals: &totals,
        base,
    };
    let (tree, by_layer) = files(&sources, MAX_PATHS);
    let contents = Contents {
        tree,
        by_layer,
        largest_files: largest_files(scan, merged, owners),
        largest_directories: largest_directories(&merged.rootfs, &totals),
        kinds: kinds(scan, merged),
        duplicate_bytes: duplicates.bytes,
        duplicate_documentation_bytes: duplicates.documentation,
        duplicates: duplicates.groups,
    };
    (contents, duplicates.copies)
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
    // The report is read by people and sent around; everything else is in the tree.
    files.truncate(MAX_FILES);
    let large = |file: &VisibleFile| LargeFile {
        path: file.path.to_string(),
        size: file.content.size,
        layer: file.content.layer as usize,
        kind: scan.kind(file.content, || file.path.clone()),
        package: owners.id(file.node),
    };
    files.into_iter().map(large).collect()
}

fn largest_directories(rootfs: &RootFs, totals: &SubtreeTotals) -> Vec<Directory> {
    let mut found: Vec<(u64, u64, ImagePath)> = Vec::new();
    for (path, id) in rootfs.walk() {
        let (size, files) = totals.of(id);
        if !rootfs.node(id).is_dir() || size == 0 || path.is_root() {
            continue;
        }
        let only_a_way = rootfs.children(id).values().any(|&child| {
            // In 128 bits: sizes are claims of the image, and a hundredfold of them may not fit.
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
            .entry(scan.kind(file.content, || file.path.clone()))
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

/// Files with the same content.
struct Duplicates {
    /// Largest waste first, without documentation.
    groups: Vec<DuplicateGroup>,
    /// Bytes that all waste.
    bytes: u64,
    /// Bytes that documentation wastes.
    documentation: u64,
    /// Of all groups that are not documentation.
    copies: Copies,
}

impl Duplicates {
    fn new(scan: &Scan, merged: &Merged) -> Self {
        let mut by_digest: BTreeMap<[u8; 32], Vec<&VisibleFile>> = BTreeMap::new();
        // Empty files have the same content and waste nothing.
        for file in merged.first_files().filter(|file| file.content.size > 0) {
            if let Some(sha256) = scan.facts(file.content).and_then(|facts| facts.sha256) {
                by_digest.entry(sha256).or_default().push(file);
            }
        }
        let (mut groups, mut bytes, mut documentation) = (Vec::new(), 0u64, 0u64);
        let mut copies = Copies::default();
        for (sha256, files) in by_digest {
            let (size, count) = (files[0].content.size, files.len() as u64);
            let wasted = size.saturating_mul(count - 1);
            bytes = bytes.saturating_add(wasted);
            // Every package has to bring its licence. Listed, hundreds of them would hide the copies that can be avoided.
            let documents = |file: &&VisibleFile| {
                scan.kind(file.content, || file.path.clone()) == FileKind::Documentation
            };
            if files.iter().all(documents) {
                documentation = documentation.saturating_add(wasted);
            } else if count > 1 {
                copies.files += count - 1;
                let layers = files[1..].iter().map(|file| file.content.layer as usize);
                copies.layers.extend(layers);
                groups.push(DuplicateGroup {
                    sha256: hex::encode(sha256),
                    size,
                    wasted,
                    count,
                    paths: files
                        .iter()
                        .take(MAX_COPIES)
                        .map(|file| file.path.to_string())
                        .collect(),
                });
            }
        }
        groups.sort_by(|a, b| b.wasted.cmp(&a.wasted).then_with(|| a.paths.cmp(&b.paths)));
        groups.truncate(MAX_GROUPS);
        Self {
            groups,
            bytes,
            documentation,
            copies,
        }
    }
}
