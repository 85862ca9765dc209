//! What looks like an installed package and is none: in trees that a project has for its tests, and left over from an
//! installation that was interrupted.

use crate::rootfs::{ImagePath, RootFs};

/// Directories of tests, examples and what these work on.
const NAMES: [&[u8]; 14] = [
    b"test",
    b"tests",
    b"__tests__",
    b"testing",
    b"testdata",
    b"test-data",
    b"test_data",
    b"spec",
    b"fixtures",
    b"__fixtures__",
    b"test-fixtures",
    b"example",
    b"examples",
    b"__mocks__",
];

/// Whether `path` lies in a directory of tests of what is around that directory. `project` says whether a directory is
/// that of a project or package: a program may well be installed in a folder `/test`.
pub(crate) fn is_in_tests(
    rootfs: &RootFs,
    path: &ImagePath,
    project: impl Fn(&RootFs, &ImagePath) -> bool,
) -> bool {
    path.ancestors().any(|dir| {
        NAMES.contains(&dir.file_name())
            && !is_name(&dir)
            && dir.ancestors().any(|above| project(rootfs, &above))
    })
}

/// `node_modules/test` and `node_modules/@scope/test` are packages of that name.
fn is_name(dir: &ImagePath) -> bool {
    let mut above = dir.ancestors();
    let parent = above.next();
    let is_modules = |dir: &Option<ImagePath>| {
        dir.as_ref()
            .is_some_and(|dir| dir.file_name() == b"node_modules")
    };
    is_modules(&parent)
        || parent.is_some_and(|dir| dir.file_name().starts_with(b"@")) && is_modules(&above.next())
}

/// Whether a directory has a `package.json`.
pub(crate) fn is_npm_project(rootfs: &RootFs, dir: &ImagePath) -> bool {
    rootfs.lookup(&dir.join("package.json")).is_some()
}

/// Whether a directory is a package of Python, or holds installed ones.
pub(crate) fn is_python_tree(rootfs: &RootFs, dir: &ImagePath) -> bool {
    let name = dir.file_name();
    let version = name.strip_prefix(b"python");
    matches!(name, b"site-packages" | b"dist-packages")
        || version
            .is_some_and(|v| !v.is_empty() && v.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
        || rootfs.lookup(&dir.join("__init__.py")).is_some()
        || rootfs.lookup(&dir.join("pyproject.toml")).is_some()
        || rootfs.lookup(&dir.join("setup.py")).is_some()
}

/// Whether a `dist-info` or `egg-info` is left from a distribution that is gone: pip renames what it removes, and leaves
/// `~lask-3.0.dist-info` where it is interrupted.
pub(crate) fn is_python_leftover(name: &[u8]) -> bool {
    name.starts_with(b"~")
}

/// Editors on Windows write a byte order mark in front of UTF-8, which npm reads over.
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}
