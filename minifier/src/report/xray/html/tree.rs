//! The tree in columns: a tenth of the bytes that it has as objects, and read without any recursion.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::text::identifier;
use crate::xray::model::{FileKind, TreeNode, TreeNodeKind};

/// All kinds; the place in this list stands for one in [`TreeColumns::kinds`].
pub(super) const FILE_KINDS: [FileKind; 14] = [
    FileKind::Program,
    FileKind::Library,
    FileKind::Object,
    FileKind::Script,
    FileKind::Code,
    FileKind::Archive,
    FileKind::Media,
    FileKind::Documentation,
    FileKind::Locale,
    FileKind::Data,
    FileKind::PackageManager,
    FileKind::Text,
    FileKind::Binary,
    FileKind::Empty,
];

/// The number of a directory in [`TreeColumns::kinds`].
const DIRECTORY: i8 = -1;

/// That of a rest.
const REST: i8 = -2;

/// Every node in pre-order, one entry in each list.
#[derive(Debug, Serialize)]
pub(super) struct TreeColumns<'a> {
    file_kinds: Vec<String>,
    package_names: Vec<&'a str>,
    names: Vec<&'a str>,
    /// An index of `file_kinds`, [`DIRECTORY`] or [`REST`].
    kinds: Vec<i8>,
    sizes: Vec<u64>,
    files: Vec<u64>,
    layers: Vec<usize>,
    /// An index of `package_names`, or -1.
    packages: Vec<i64>,
    /// How many nodes right below follow.
    children: Vec<usize>,
}

impl<'a> TreeColumns<'a> {
    pub(super) fn new(root: &'a TreeNode) -> Self {
        let mut columns = Self {
            file_kinds: FILE_KINDS.iter().map(identifier).collect(),
            package_names: Vec::new(),
            names: Vec::new(),
            kinds: Vec::new(),
            sizes: Vec::new(),
            files: Vec::new(),
            layers: Vec::new(),
            packages: Vec::new(),
            children: Vec::new(),
        };
        let mut packages = BTreeMap::new();
        let mut waiting = vec![root];
        while let Some(node) = waiting.pop() {
            columns.push(node, &mut packages);
            waiting.extend(node.children.iter().rev());
        }
        columns
    }

    fn push(&mut self, node: &'a TreeNode, packages: &mut BTreeMap<&'a str, i64>) {
        self.names.push(&node.name);
        self.kinds.push(match node.kind {
            TreeNodeKind::Directory => DIRECTORY,
            TreeNodeKind::Rest => REST,
            TreeNodeKind::File => FILE_KINDS
                .iter()
                .position(|&kind| Some(kind) == node.file_kind)
                .and_then(|index| i8::try_from(index).ok())
                .unwrap_or(REST),
        });
        self.sizes.push(node.size);
        self.files.push(node.files);
        self.layers.push(node.layer);
        let names = &mut self.package_names;
        self.packages.push(match node.package.as_deref() {
            None => -1,
            Some(package) => *packages.entry(package).or_insert_with(|| {
                names.push(package);
                names.len() as i64 - 1
            }),
        });
        self.children.push(node.children.len());
    }
}
