//! Hostile archives, some sixty kinds of them: each is either an error that names what is wrong, or the tree that a
//! container engine would make of it; nothing outside is touched. Then hostile images, which are run. docs/hostile.md is
//! the table of all.

mod archives;
mod hoards;
mod images;
mod layers;
mod memory;
mod tar;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use minifier::rootfs::{NodeKind, RootFs};
use minifier::runtime::LayerCache;
use minifier::transport::{ArchiveImage, Select, read_archive};
use tokio_util::sync::CancellationToken;

/// What becomes of an archive.
pub(crate) enum Outcome {
    /// An error that has one of these texts, separated by `|`.
    Error(&'static str),
    /// This tree: a path with a slash for a directory, or with its kind.
    Tree(Vec<&'static str>),
    /// A tree as deep as this.
    Deep(usize),
    /// A file with a name as long as this.
    LongName(usize),
    /// A file of that size, which is mostly a hole.
    Sparse(&'static str, u64),
}

/// One kind of archive.
pub(crate) struct Kind {
    name: &'static str,
    bytes: Vec<u8>,
    outcome: Outcome,
}

impl Kind {
    /// A docker-archive with those layers.
    pub(crate) fn layers(name: &'static str, layers: Vec<Vec<u8>>, outcome: Outcome) -> Self {
        Self::archive(name, tar::Archive::new(&layers).end(), outcome)
    }

    /// Those bytes.
    pub(crate) fn archive(name: &'static str, bytes: Vec<u8>, outcome: Outcome) -> Self {
        Self {
            name,
            bytes,
            outcome,
        }
    }
}

fn kinds() -> Vec<Kind> {
    let mut kinds = layers::kinds();
    kinds.extend(archives::kinds());
    kinds
}

fn read(bytes: &[u8]) -> Result<ArchiveImage, String> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    read_archive(Cursor::new(bytes), scratch.path(), &Select::default()).map_err(|e| e.to_string())
}

/// Reads and merges.
fn merged(bytes: &[u8]) -> Result<RootFs, String> {
    let image = read(bytes)?;
    let rootfs = RootFs::merge(image.layers).map_err(|e| e.to_string())?;
    // Whatever stays must be readable to its last byte, or fail.
    for (path, id) in rootfs.walk() {
        if let Some(content) = rootfs.node(id).content()
            && content.size < 1 << 30
        {
            let mut reader = image
                .content
                .open(content)
                .map_err(|e| format!("{path}: {e}"))?;
            let read = std::io::copy(&mut reader, &mut std::io::sink())
                .map_err(|e| format!("{path}: {e}"))?;
            assert_eq!(read, content.size, "{path}");
        }
    }
    Ok(rootfs)
}

fn describe(rootfs: &RootFs) -> Vec<String> {
    rootfs
        .walk()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, id)| match &rootfs.node(id).kind {
            NodeKind::Directory { .. } => format!("{path}/"),
            NodeKind::File { content } => format!("{path} file {}", content.size),
            NodeKind::Symlink { target } => {
                format!("{path} -> {}", minifier::rootfs::escape_bytes(target))
            }
            NodeKind::CharDevice { major, minor } => format!("{path} char {major},{minor}"),
            NodeKind::BlockDevice { major, minor } => format!("{path} block {major},{minor}"),
            NodeKind::Fifo => format!("{path} pipe"),
        })
        .collect()
}

fn check(kind: &Kind) -> Result<(), String> {
    let found = merged(&kind.bytes);
    let wrong = |found: String| Err(format!("{}: {found}", kind.name));
    match (&kind.outcome, found) {
        (Outcome::Error(words), Err(error)) => {
            if words.split('|').any(|word| error.contains(word)) {
                Ok(())
            } else {
                wrong(format!("the error is {error:?}, expected {words:?}"))
            }
        }
        (Outcome::Error(words), Ok(tree)) => {
            wrong(format!("expected {words:?}, found {:?}", describe(&tree)))
        }
        (_, Err(error)) => wrong(error),
        (Outcome::Tree(expected), Ok(tree)) => {
            let found = describe(&tree);
            if found == *expected {
                Ok(())
            } else {
                wrong(format!("{found:?}, expected {expected:?}"))
            }
        }
        (Outcome::Deep(depth), Ok(tree)) => {
            let found = tree.walk().map(|(path, _)| layers::depth(&path)).max();
            if found == Some(*depth) {
                Ok(())
            } else {
                wrong(format!("{found:?} deep"))
            }
        }
        (Outcome::LongName(length), Ok(tree)) => {
            if tree
                .walk()
                .any(|(path, _)| path.file_name().len() == *length)
            {
                Ok(())
            } else {
                wrong(format!("{:?}", describe(&tree)))
            }
        }
        (Outcome::Sparse(path, size), Ok(tree)) => {
            let found = tree.get(&(*path).into()).map(|node| node.size());
            if found == Some(*size) {
                Ok(())
            } else {
                wrong(format!("{:?}", describe(&tree)))
            }
        }
    }
}

/// The table of docs/hostile.md.
fn table() -> String {
    let mut text = String::from(
        "# Hostile archives\n\nAn image is untrusted bytes. What becomes of each kind of trap, as `tests/tests/hostile` \
         shows; nothing outside the\nimage's own tree is read or written. Made by \
         `MINIFIER_UPDATE_DOCS=1 cargo test -p minifier-tests --test integration the_table`.\n\n\
         | archive or layer with | what happens |\n|---|---|\n",
    );
    for kind in kinds() {
        let what = match merged(&kind.bytes) {
            Err(error) => format!("refused: {error}"),
            Ok(tree) => match &kind.outcome {
                Outcome::Deep(depth) => format!("a tree {depth} directories deep"),
                Outcome::LongName(length) => format!("a file with a name of {length} bytes"),
                _ => match describe(&tree) {
                    entries if entries.is_empty() => "an empty tree".to_owned(),
                    entries => format!("read as `{}`", entries.join("`, `")),
                },
            },
        };
        let line = format!("| {} | {what} |\n", kind.name);
        text.push_str(&line);
    }
    text.push_str(
        "\n## Small inputs that are made to take all memory\n\nEach is a few megabytes at most. `validate`, `copy` \
         and `build` deal with each in less than 200 MB of memory, and in few words.\n\n\
         | archive or layer with | what is said of it |\n|---|---|\n",
    );
    for bomb in memory::bombs() {
        text.push_str(&format!("| {} | … {} … |\n", bomb.name, bomb.says));
    }
    text.push_str(
        "\n## Whole images\n\nEach is run by runc 1.1.5, which has known holes of this kind, as `minify build` does \
         it. The code is that of\n[report.md](report.md#exit-codes).\n\n\
         | image with | code | what happens |\n|---|---:|---|\n",
    );
    for kind in images::kinds() {
        let what = kind.says.trim_end_matches(',');
        let refused = if kind.code == 0 { "" } else { "refused: " };
        let line = format!("| {} | {} | {refused}{what} |\n", kind.name, kind.code);
        text.push_str(&line);
    }
    text
}

/// What the traps aim at.
fn targets() -> Vec<(PathBuf, Option<(u64, i64)>)> {
    [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hostname",
        "/etc/cron.d/x",
        "/x",
        "/b",
        "/sda",
        "/mem",
    ]
    .into_iter()
    .map(|path| {
        let meta = fs::symlink_metadata(path).ok();
        (path.into(), meta.map(|meta| (meta.len(), meta.ctime())))
    })
    .collect()
}

#[test]
fn privileged_every_hostile_image_is_unpacked_inside_the_cache_or_refused() {
    let before = targets();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = LayerCache::open(&folder.path().join("cache")).expect("a cache");
    for kind in kinds() {
        let (Ok(image), Outcome::Tree(expected)) = (read(&kind.bytes), &kind.outcome) else {
            continue;
        };
        let cancel = CancellationToken::new();
        let unpacked = cache.unpack(&image.config, &image.layers, &*image.content, &cancel);
        match unpacked {
            Ok(unpacked) => {
                let layers = unpacked.layers().len();
                assert_eq!(layers, image.layers.len(), "{}: {expected:?}", kind.name);
            }
            // No kernel makes such a link.
            Err(error) => assert_eq!(
                (
                    kind.name,
                    error.to_string().starts_with("unpack layer 0: /empty")
                ),
                ("a link without a target", true),
                "{error}"
            ),
        }
    }
    let beside: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(beside, ["cache"], "something was written beside the cache");
    assert_eq!(targets(), before, "something of this host was touched");
}

#[test]
fn the_table_of_hostile_archives_is_up_to_date() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hostile.md");
    let table = table();
    if std::env::var_os("MINIFIER_UPDATE_DOCS").is_some() {
        std::fs::write(&file, &table).expect("docs/hostile.md is written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == table,
        "docs/hostile.md is stale: run MINIFIER_UPDATE_DOCS=1 cargo test -p minifier-tests --test integration the_table"
    );
}

#[test]
fn every_hostile_archive_is_an_error_or_a_harmless_tree() {
    let kinds = kinds();
    assert!(kinds.len() >= 40, "{}", kinds.len());
    let wrong: Vec<String> = kinds.iter().filter_map(|kind| check(kind).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
