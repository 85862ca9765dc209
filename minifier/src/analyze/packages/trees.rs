//! Folders that look like an installed package and are none: in trees that a project has for its tests, and left over from an
//! installation that was interrupted.

use crate::analyze::samples::belongs_to_tests;
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Whether a directory, of which this is the node and the name, is that of a project or package.
type IsProject = fn(&RootFs, NodeId, &[u8]) -> bool;

/// Whether `path`, which leads through no link, lies in a directory of tests of a project: a program may well be
/// installed in a folder `/test`.
pub(crate) fn is_in_tests(rootfs: &RootFs, path: &ImagePath, is_project: IsProject) -> bool {
    // One walk from the root: paths can be deep.
    let mut at = rootfs.root();
    let mut in_project = is_project(rootfs, at, b"");
    let (mut parent, mut above): (&[u8], &[u8]) = (b"", b"");
    for name in path.components() {
        // `node_modules/test` and `node_modules/@scope/test` are packages of that name.
        let is_package =
            parent == b"node_modules" || parent.starts_with(b"@") && above == b"node_modules";
        let Some(&node) = rootfs.children(at).get(name) else {
            return false;
        };
        if !rootfs.node(node).is_dir() {
            return false;
        }
        if in_project && !is_package && belongs_to_tests(name) {
            return true;
        }
        in_project |= is_project(rootfs, node, name);
        (at, parent, above) = (node, name, parent);
    }
    false
}

/// Whether a directory has a `package.json`.
pub(crate) fn is_npm_project(rootfs: &RootFs, dir: NodeId, _name: &[u8]) -> bool {
    rootfs.children(dir).contains_key(&b"package.json"[..])
}

/// Whether a directory is a package of Python, or holds installed ones.
pub(crate) fn is_python_tree(rootfs: &RootFs, dir: NodeId, name: &[u8]) -> bool {
    let version = name.strip_prefix(b"python");
    let is_version = |v: &[u8]| !v.is_empty() && v.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let children = rootfs.children(dir);
    matches!(name, b"site-packages" | b"dist-packages")
        || version.is_some_and(is_version)
        || [&b"__init__.py"[..], b"pyproject.toml", b"setup.py"]
            .iter()
            .any(|file| children.contains_key(*file))
}

/// Whether a `dist-info` or `egg-info` is left from a distribution that is gone: pip renames what it removes, and leaves
/// `~lask-3.0.dist-info` if it is interrupted.
pub(crate) fn is_python_leftover(name: &[u8]) -> bool {
    name.starts_with(b"~")
}

/// Editors on Windows write a byte order mark in front of UTF-8, which npm reads over.
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}
