//! Hostile layers: each a tar that somebody may put into an image.

use minifier::rootfs::ImagePath;

use super::tar::{Header, Raw};
use super::{Kind, Outcome::*};

/// As deep as a path can reach in one piece.
const DEEP: usize = 2000;

/// Every kind, with what becomes of it.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = escapes();
    kinds.extend(links());
    kinds.extend(shapes());
    kinds.extend(headers());
    kinds.extend(whiteouts());
    kinds
}

fn one(name: &'static str, layer: Raw, outcome: super::Outcome) -> Kind {
    Kind::layers(name, vec![layer.end()], outcome)
}

fn escapes() -> Vec<Kind> {
    let raw = Raw::default;
    vec![
        one(
            "a name that climbs: ../../etc/passwd",
            raw().file(b"../../etc/passwd", b"x"),
            Tree(vec!["/etc/", "/etc/passwd file 1"]),
        ),
        one(
            "a name that climbs in the middle: a/../../b",
            raw().file(b"a/../../b", b"x"),
            Tree(vec!["/b file 1"]),
        ),
        one(
            "an absolute name",
            raw().file(b"/etc/shadow", b"x"),
            Tree(vec!["/etc/", "/etc/shadow file 1"]),
        ),
        one(
            "a name of dots and slashes only",
            raw().dir(b"./.././/"),
            Tree(vec![]),
        ),
        one(
            "a file in the place of the root",
            raw().file(b"./", b""),
            Error("is not a directory in this layer"),
        ),
        one(
            "a link in the place of the root",
            raw().symlink(b".", b"/etc"),
            Error("is not a directory"),
        ),
        one(
            "an empty name",
            raw().file(b"", b"x"),
            Error("is not a directory in this layer"),
        ),
        one(
            "a name with a newline and escape codes",
            raw().file(b"a\n\x1b[31mb", b"x"),
            Tree(vec!["/a\\x0a\\x1b[31mb file 1"]),
        ),
        one(
            "a name that is not UTF-8",
            raw().file(b"\xff\xfe", b"x"),
            Tree(vec!["/\\xff\\xfe file 1"]),
        ),
        one(
            "a PAX name that climbs",
            raw()
                .pax(&Raw::record("path", b"../../../x"))
                .file(b"harmless", b"1"),
            Tree(vec!["/x file 1"]),
        ),
    ]
}

fn links() -> Vec<Kind> {
    let raw = Raw::default;
    vec![
        one(
            "a link to the host's /etc, then a file through it",
            raw().symlink(b"evil", b"/etc").file(b"evil/cron.d/x", b"x"),
            Error("is not a directory in this layer"),
        ),
        one(
            "a link that climbs, then a file through it",
            raw().symlink(b"evil", b"../../..").file(b"evil/x", b"x"),
            Error("is not a directory in this layer"),
        ),
        one(
            "a link, replaced by a directory, then a file in it",
            raw().symlink(b"a", b"/etc").dir(b"a").file(b"a/x", b"x"),
            Tree(vec!["/a/", "/a/x file 1"]),
        ),
        Kind::layers(
            "a link in a lower layer, a file through it in an upper one",
            vec![
                raw().symlink(b"a", b"/etc").end(),
                raw().file(b"a/x", b"x").end(),
            ],
            Tree(vec!["/a/", "/a/x file 1"]),
        ),
        one(
            "a link to itself",
            raw().symlink(b"loop", b"loop"),
            Tree(vec!["/loop -> loop"]),
        ),
        one(
            "a link without a target",
            raw().symlink(b"empty", b""),
            Tree(vec!["/empty -> "]),
        ),
        one(
            "a hard link to what climbs out",
            raw().hard_link(b"x", b"../../../etc/shadow"),
            Error("which does not exist"),
        ),
        one(
            "a hard link to an absolute path of the host",
            raw().hard_link(b"x", b"/etc/hostname"),
            Error("which does not exist"),
        ),
        one(
            "a hard link to itself",
            raw().hard_link(b"x", b"x"),
            Error("which does not exist"),
        ),
        one(
            "a hard link to a directory",
            raw().dir(b"d").hard_link(b"x", b"d"),
            Error("points to the directory"),
        ),
        one(
            "a hard link through a link",
            raw()
                .symlink(b"evil", b"/etc")
                .hard_link(b"x", b"evil/passwd"),
            Error("which does not exist"),
        ),
        one(
            "a hard link to a symbolic link",
            raw().symlink(b"s", b"/etc/passwd").hard_link(b"x", b"s"),
            Tree(vec!["/s -> /etc/passwd", "/x -> /etc/passwd"]),
        ),
        one(
            "a hard link before its target",
            raw().hard_link(b"a", b"b").file(b"b", b"x"),
            Tree(vec!["/a file 1", "/b file 1"]),
        ),
    ]
}

fn shapes() -> Vec<Kind> {
    let raw = Raw::default;
    let named = |path: &[u8]| raw().pax(&Raw::record("path", path));
    vec![
        one(
            "two thousand nested directories",
            named(&b"d/".repeat(DEEP)).dir(b"short"),
            Deep(DEEP),
        ),
        one(
            "more nested directories than a path can name",
            named(&b"d/".repeat(3000)).dir(b"short"),
            Error("its path has 6000 bytes"),
        ),
        one(
            "a name as long as a file system accepts",
            named(&[b'x'; 255]).file(b"short", b"x"),
            LongName(255),
        ),
        one(
            "a name longer than a file system accepts",
            named(&[b'x'; 300]).file(b"short", b"x"),
            Error("a name in its path has 300 bytes"),
        ),
        one(
            "a path of 900,000 bytes",
            named(&b"long/".repeat(180_000)).file(b"short", b"x"),
            Error("its path has 900000 bytes"),
        ),
        one(
            "a whiteout of a name as long as a file system accepts",
            named(&[&b".wh."[..], &[b'x'; 255]].concat()).file(b"short", b""),
            Tree(vec![]),
        ),
        one(
            "a link whose target is longer than a system accepts",
            raw()
                .pax(&Raw::record("linkpath", &b"../".repeat(2000)))
                .symlink(b"link", b"short"),
            Error("its target has 6000 bytes"),
        ),
        one(
            "a hard link whose target is longer than a system accepts",
            raw()
                .pax(&Raw::record("linkpath", &b"x/".repeat(3000)))
                .hard_link(b"link", b"short"),
            Error("its target has 6000 bytes"),
        ),
        one(
            "an extended attribute longer than a file system accepts",
            raw()
                .pax(&Raw::record("SCHILY.xattr.user.a", &[b'x'; 70_000]))
                .file(b"a", b"x"),
            Error("its extended attribute user.a has 70000 bytes"),
        ),
        one(
            "an extended attribute with a name of 300 bytes",
            raw()
                .pax(&Raw::record(
                    &format!("SCHILY.xattr.user.{}", "x".repeat(295)),
                    b"x",
                ))
                .file(b"a", b"x"),
            Error("an extended attribute has a name of 300 bytes"),
        ),
        one(
            "a sparse map that never ends",
            raw().long_sparse_map(3000),
            Error("the sparse map is too long"),
        ),
        one(
            "the same file three times",
            raw().file(b"a", b"1").file(b"a", b"22").file(b"a", b"333"),
            Tree(vec!["/a file 3"]),
        ),
        one(
            "a file, then a directory of that name, then a file in it",
            raw().file(b"a", b"1").dir(b"a").file(b"a/b", b"x"),
            Tree(vec!["/a/", "/a/b file 1"]),
        ),
        one(
            "a directory with files, then a file of that name",
            raw().dir(b"a").file(b"a/b", b"x").file(b"a", b"1"),
            Tree(vec!["/a file 1"]),
        ),
        one(
            "a file below a file",
            raw().file(b"a", b"1").file(b"a/b", b"x"),
            Error("is not a directory in this layer"),
        ),
        one(
            "a disk's device node",
            raw().entry(Header::new(b"sda", b'4', 0).device(8, 0), b""),
            Tree(vec!["/sda block 8,0"]),
        ),
        one(
            "the kernel's memory as a device node",
            raw().entry(Header::new(b"mem", b'3', 0).device(1, 1), b""),
            Tree(vec!["/mem char 1,1"]),
        ),
        one(
            "a pipe",
            raw().entry(Header::new(b"pipe", b'6', 0), b""),
            Tree(vec!["/pipe pipe"]),
        ),
        one(
            "a type that does not exist",
            raw().entry(Header::new(b"what", b'Q', 0), b""),
            Error("unknown type"),
        ),
        one(
            "setuid root",
            raw().entry(Header::new(b"su", b'0', 1).set(100, b"0004755\0"), b"x"),
            Tree(vec!["/su file 1"]),
        ),
    ]
}

fn headers() -> Vec<Kind> {
    let raw = Raw::default;
    let whole = raw().file(b"a", &[7; 2000]).end();
    vec![
        one(
            "a size of eight exabytes",
            raw().entry(
                Header::new(b"big", b'0', 0)
                    .set(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
                b"x",
            ),
            Error("ends at byte"),
        ),
        one(
            "a negative size",
            raw().entry(
                Header::new(b"neg", b'0', 0)
                    .set(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                b"x",
            ),
            Error("size"),
        ),
        one(
            "a size that is no number",
            raw().entry(Header::new(b"nan", b'0', 0).set(124, b"not a number"), b""),
            Error("size"),
        ),
        Kind::layers(
            "a wrong checksum",
            vec![{
                let mut bytes = raw().file(b"a", b"x").end();
                bytes[0] = b'b';
                bytes
            }],
            Error("checksum"),
        ),
        Kind::layers(
            "an end in the middle of a file",
            vec![whole[..1000].to_vec()],
            Error("ends at byte"),
        ),
        Kind::layers(
            "an end in the middle of a header",
            vec![[&whole[..2560], &whole[..300]].concat()],
            Error("ends at byte"),
        ),
        Kind::layers(
            "no end mark",
            vec![raw().file(b"a", b"x").cut()],
            Tree(vec!["/a file 1"]),
        ),
        one(
            "a PAX record that is longer than its header",
            raw().pax(b"999 path=x\n").file(b"a", b"x"),
            Error("extended header"),
        ),
        one(
            "a PAX size that contradicts the bytes",
            raw()
                .pax(&Raw::record("size", b"99999999"))
                .file(b"a", b"x"),
            Error("ends at byte"),
        ),
        one(
            "a PAX header of a gigabyte",
            raw().entry(Header::new(b"pax", b'x', 1 << 30), b""),
            Error("bytes|ends at byte"),
        ),
        one(
            "a GNU long name of a gigabyte",
            raw().entry(Header::new(b"././@LongLink", b'L', 1 << 30), b""),
            Error("bytes|ends at byte"),
        ),
        one(
            "a PAX header with nothing behind it",
            raw().pax(&Raw::record("path", b"x")),
            Tree(vec![]),
        ),
        one(
            "an owner beyond 32 bits",
            raw()
                .pax(&Raw::record("uid", b"99999999999"))
                .file(b"a", b"x"),
            Error("owner"),
        ),
        one(
            "a time beyond all calendars",
            raw()
                .pax(&Raw::record("mtime", b"99999999999999999999999"))
                .file(b"a", b"x"),
            Error("time"),
        ),
        one(
            "a sparse file of a petabyte in one block",
            raw()
                .pax(
                    &[
                        Raw::record("GNU.sparse.major", b"1"),
                        Raw::record("GNU.sparse.minor", b"0"),
                        Raw::record("GNU.sparse.name", b"sparse"),
                        Raw::record("GNU.sparse.realsize", b"1125899906842624"),
                    ]
                    .concat(),
                )
                .file(b"GNUSparseFile.0/sparse", &{
                    let mut map = b"1\n0\n1\n".to_vec();
                    map.resize(512, 0);
                    map.push(b'x');
                    map
                }),
            Sparse("/sparse", 1 << 50),
        ),
    ]
}

fn whiteouts() -> Vec<Kind> {
    let raw = Raw::default;
    let base = || raw().dir(b"d").file(b"d/a", b"1").file(b"d/b", b"22").end();
    let over = |name: &'static str, upper: Raw, outcome| {
        Kind::layers(name, vec![base(), upper.end()], outcome)
    };
    vec![
        over(
            "a whiteout that climbs",
            raw().file(b"../../.wh.etc", b""),
            Tree(vec!["/d/", "/d/a file 1", "/d/b file 2"]),
        ),
        over(
            "a whiteout of the parent: .wh...",
            raw().file(b"d/.wh...", b""),
            Error("whiteout that names nothing"),
        ),
        over(
            "a whiteout of nothing: .wh.",
            raw().file(b"d/.wh.", b""),
            Error("whiteout that names nothing"),
        ),
        over(
            "a whiteout of what is not there",
            raw().file(b"x/y/.wh.z", b""),
            Tree(vec!["/d/", "/d/a file 1", "/d/b file 2"]),
        ),
        over(
            "an opaque whiteout after the files of its own layer",
            raw().file(b"d/c", b"333").file(b"d/.wh..wh..opq", b""),
            Tree(vec!["/d/", "/d/c file 3"]),
        ),
        over(
            "a whiteout and a file of the same name in one layer",
            raw().file(b"d/a", b"4444").file(b"d/.wh.a", b""),
            Tree(vec!["/d/", "/d/a file 4", "/d/b file 2"]),
        ),
        over(
            "an opaque whiteout of the root",
            raw().file(b".wh..wh..opq", b""),
            Tree(vec![]),
        ),
    ]
}

/// How deep a path is.
pub(crate) fn depth(path: &ImagePath) -> usize {
    path.components().count()
}
