//! Every path of an image: one tree for all layers, in columns, and what each layer did to it.
//!
//! An object for each file would take ten times the bytes and could not be read without recursion. A column is a list
//! with one entry for each node, or for each of those that differ from the rest.

use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FileKind;

/// Every path that the merged tree shows or that a layer has, each once. A directory comes right before its contents,
/// and names are sorted by their bytes. Node 0 is the root. Each list has one entry for each node, unless its
/// description says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileTree {
    /// The kinds of nodes; `kinds` has positions in this list, counted from 0.
    pub kind_names: Vec<TreeKind>,
    /// Package URLs of the packages that own nodes; `packages` has positions in this list, counted from 1.
    pub package_names: Vec<String>,
    /// Last component of each path; empty for the root.
    #[schemars(with = "Vec<String>")]
    pub names: Names,
    /// Number of directories above each path; 0 for the root.
    pub depths: Vec<u16>,
    /// Kind of each node, as a position in `kind_names`.
    pub kinds: Vec<u8>,
    /// Bytes of each file, and of each directory with everything below it. A file with several names counts at the
    /// first of them.
    pub sizes: Vec<u64>,
    /// Number of the layer whose entry is visible; for a path that is gone, the last layer that had it.
    pub layers: Vec<u32>,
    /// Package that each node belongs to, as a position in `package_names` counted from 1; 0 for none.
    pub packages: Vec<u32>,
    /// Symbolic links that the merged tree shows, one entry for each.
    pub links: Vec<LinkTarget>,
    /// Further names of files, one entry for each: its node, and the node of the first name.
    pub hard_links: Vec<(u32, u32)>,
    /// Number of paths that are left out because there are more than a million: the smallest files of the base image.
    pub unlisted: u64,
}

/// A node of a [`FileTree`], with what its columns have of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeNode<'a> {
    /// Last component of the path; empty for the root.
    pub name: &'a str,
    /// Number of directories above it.
    pub depth: u16,
    /// File type or, for regular files, the kind of content.
    pub kind: TreeKind,
    /// Bytes, as in [`FileTree::sizes`].
    pub size: u64,
    /// The layer, as in [`FileTree::layers`].
    pub layer: u32,
}

/// Type of a node of the tree.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(untagged)]
pub enum TreeKind {
    /// Something other than a regular file.
    Other(OtherKind),
    /// A regular file, by its kind of content.
    File(FileKind),
}

/// Type of a node that is not a regular file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OtherKind {
    /// A path that only a layer has: a later layer hides it.
    Gone,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character or block device.
    Device,
    /// A named pipe (FIFO).
    Pipe,
}

/// A symbolic link and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinkTarget {
    /// Number of its node.
    pub node: u32,
    /// Its target, as the layer has it.
    pub target: String,
}

/// Changes that a layer made to the paths that it names or removes. Each list has one entry for each of these paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerFiles {
    /// Their nodes in `FileTree`, ascending. Each is the distance from the one before it; the first is the distance
    /// from 0.
    pub nodes: Vec<u32>,
    /// One letter for each path: `A` added, `C` changed, `M` only the metadata changed, `R` removed; in lower case if a
    /// later entry hides it.
    pub marks: String,
    /// Bytes of each file as this layer has it; for a path that is removed, as the lower layer had it.
    pub sizes: Vec<u64>,
}

/// Change that a layer made to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// `A`: no lower layer had it.
    Added,
    /// `C`: it replaces what a lower layer had.
    Changed,
    /// `M`: the same content with another owner, mode or time; the bytes of a file ship again.
    Metadata,
    /// `R`: a lower layer had it.
    Removed,
}

/// An entry of [`LayerFiles`], with its node as a number from the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkedNode {
    /// Number of its node in [`FileTree`].
    pub node: u32,
    /// Change that the layer made.
    pub mark: Mark,
    /// Whether a later entry hides it, in another layer or in the same one.
    pub hidden: bool,
    /// Bytes, as in [`LayerFiles::sizes`].
    pub size: u64,
}

impl TreeKind {
    /// All kinds, in the order of [`FileTree::kind_names`].
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            OtherKind::Gone,
            OtherKind::Directory,
            OtherKind::Link,
            OtherKind::Device,
            OtherKind::Pipe,
        ];
        others
            .into_iter()
            .map(Self::Other)
            .chain(FileKind::ALL.into_iter().map(Self::File))
    }
}

impl Mark {
    /// Its letter in [`LayerFiles::marks`]; in lower case if it is hidden.
    pub fn letter(self, hidden: bool) -> char {
        let letter = match self {
            Self::Added => 'A',
            Self::Changed => 'C',
            Self::Metadata => 'M',
            Self::Removed => 'R',
        };
        if hidden {
            letter.to_ascii_lowercase()
        } else {
            letter
        }
    }

    /// The change that a letter of either case stands for.
    fn of(letter: u8) -> Option<Self> {
        match letter.to_ascii_uppercase() {
            b'A' => Some(Self::Added),
            b'C' => Some(Self::Changed),
            b'M' => Some(Self::Metadata),
            b'R' => Some(Self::Removed),
            _ => None,
        }
    }
}

impl Default for FileTree {
    fn default() -> Self {
        Self {
            kind_names: TreeKind::all().collect(),
            package_names: Vec::new(),
            names: Names::default(),
            depths: Vec::new(),
            kinds: Vec::new(),
            sizes: Vec::new(),
            layers: Vec::new(),
            packages: Vec::new(),
            links: Vec::new(),
            hard_links: Vec::new(),
            unlisted: 0,
        }
    }
}

impl FileTree {
    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.depths.len()
    }

    /// Adds a node at the end and returns its number. It belongs to no package yet.
    pub fn push(&mut self, node: TreeNode<'_>) -> u32 {
        let number = self.count() as u32;
        self.names.push(node.name);
        self.depths.push(node.depth);
        let kind = self.kind_names.iter().position(|&known| known == node.kind);
        self.kinds.push(kind.unwrap_or_default() as u8);
        self.sizes.push(node.size);
        self.layers.push(node.layer);
        self.packages.push(0);
        number
    }

    /// Kind of a node; [`OtherKind::Gone`] if its number is not in [`Self::kind_names`], as in a damaged document.
    pub fn kind(&self, node: u32) -> TreeKind {
        let kind = self.kinds.get(node as usize).copied().unwrap_or_default();
        let gone = TreeKind::Other(OtherKind::Gone);
        self.kind_names.get(kind as usize).copied().unwrap_or(gone)
    }

    /// Calls `with` with each node and its path.
    pub fn each_path(&self, mut with: impl FnMut(u32, &str)) {
        let mut path = String::new();
        // The end of the path of each open directory.
        let mut ends: Vec<usize> = Vec::new();
        for ((node, name), &depth) in (0..).zip(self.names.iter()).zip(&self.depths) {
            ends.truncate(depth.into());
            path.truncate(ends.last().copied().unwrap_or_default());
            if depth > 0 {
                path.push('/');
                path.push_str(name);
            }
            ends.push(path.len());
            with(node, if path.is_empty() { "/" } else { &path });
        }
    }
}

impl LayerFiles {
    /// Adds an entry; `before` is the node of the one before it, 0 for the first.
    pub fn push(&mut self, before: u32, entry: MarkedNode) {
        self.nodes.push(entry.node - before);
        self.marks.push(entry.mark.letter(entry.hidden));
        self.sizes.push(entry.size);
    }

    /// The entries. A letter that stands for no change ends them.
    pub fn entries(&self) -> impl Iterator<Item = MarkedNode> + '_ {
        let rows = self.nodes.iter().zip(self.marks.bytes()).zip(&self.sizes);
        rows.scan(0u32, |node, ((&distance, letter), &size)| {
            *node = node.checked_add(distance)?;
            Some(MarkedNode {
                node: *node,
                mark: Mark::of(letter)?,
                hidden: letter.is_ascii_lowercase(),
                size,
            })
        })
    }
}

/// Strings in one piece of memory: a million names do not need a million allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    /// Adds a name at the end.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    /// The name at a position; `None` if there are fewer.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    /// All names, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).filter_map(|index| self.get(index))
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;
        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Names::default();
                while let Some(name) = list.next_element::<std::borrow::Cow<'_, str>>()? {
                    names.push(&name);
                }
                Ok(names)
            }
        }
        deserializer.deserialize_seq(NamesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> TreeKind {
        TreeKind::Other(OtherKind::Directory)
    }

    #[test]
    fn paths_are_put_together_from_depths() {
        let mut tree = FileTree::default();
        let text = TreeKind::File(FileKind::Text);
        for (name, depth, kind) in [
            ("", 0, directory()),
            ("a", 1, directory()),
            ("b", 2, directory()),
            ("c", 3, text),
            ("d", 2, text),
            ("e", 1, text),
        ] {
            tree.push(TreeNode {
                name,
                depth,
                kind,
                size: 0,
                layer: 0,
            });
        }
        let mut paths = Vec::new();
        tree.each_path(|_, path| paths.push(path.to_owned()));
        assert_eq!(paths, ["/", "/a", "/a/b", "/a/b/c", "/a/d", "/e"]);
        assert_eq!(tree.kind(3), text);
        let json = serde_json::to_string(&tree).unwrap();
        assert!(
            json.contains(r#""names":["","a","b","c","d","e"]"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<FileTree>(&json).unwrap(), tree);
    }

    #[test]
    fn entries_of_a_layer_are_what_was_added() {
        let entry = |node, mark, hidden, size| MarkedNode {
            node,
            mark,
            hidden,
            size,
        };
        let entries = [
            entry(2, Mark::Added, false, 5),
            entry(3, Mark::Changed, true, 6),
            entry(9, Mark::Metadata, false, 7),
            entry(10, Mark::Removed, false, 8),
        ];
        let mut files = LayerFiles::default();
        let mut before = 0;
        for &entry in &entries {
            files.push(before, entry);
            before = entry.node;
        }
        assert_eq!(files.marks, "AcMR");
        assert_eq!(files.nodes, [2, 1, 6, 1]);
        assert_eq!(files.entries().collect::<Vec<_>>(), entries);
    }
}
