//! Tests of the tar reader: against the `tar` crate and GNU tar as writers, and against arbitrary bytes.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Command;

use proptest::prelude::*;

use super::testing::Tar;
use super::*;
use crate::rootfs::{ContentRef, EntryKind, ImagePath, IndexBudget, LayerEntry, Metadata, Mtime};

fn index(bytes: &[u8]) -> Result<IndexedLayer, TarError> {
    index_layer(
        &mut TarReader::new(StreamInput::new(bytes)),
        0,
        &IndexBudget::default(),
    )
}

fn entries(bytes: &[u8]) -> Vec<LayerEntry> {
    index(bytes).unwrap().index.entries
}

/// The content of an entry, as a store would read it.
fn content(bytes: &[u8], layer: &IndexedLayer, content: ContentRef) -> Vec<u8> {
    let stored = &bytes[content.at as usize..];
    let mut out = Vec::new();
    match layer.sparse.get(&content.at) {
        Some(map) => SparseReader::new(map, stored)
            .read_to_end(&mut out)
            .unwrap(),
        None => stored.take(content.size).read_to_end(&mut out).unwrap(),
    };
    out
}

#[derive(Debug, Clone)]
enum MemberKind {
    File(Vec<u8>),
    Directory,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    Char(u32, u32),
    Fifo,
}

#[derive(Debug, Clone)]
struct Given {
    name: Vec<u8>,
    kind: MemberKind,
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: Mtime,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Components of any bytes; none that the reader would normalise away or take for a whiteout.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let component = prop::collection::vec(any::<u8>(), 1..80).prop_map(|mut bytes| {
        bytes.retain(|&b| b != 0 && b != b'/');
        bytes.insert(0, b'c');
        bytes
    });
    prop::collection::vec(component, 1..6).prop_map(|parts| parts.join(&b'/'))
}

fn given() -> impl Strategy<Value = Given> {
    let kind = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..1500).prop_map(MemberKind::File),
        Just(MemberKind::Directory),
        path().prop_map(MemberKind::Symlink),
        path().prop_map(MemberKind::HardLink),
        (0u32..0o777_7777, 0u32..0o777_7777)
            .prop_map(|(major, minor)| MemberKind::Char(major, minor)),
        Just(MemberKind::Fifo),
    ];
    let mtime = (-10_000_000_000i64..10_000_000_000, 0u32..1_000_000_000)
        .prop_map(|(secs, nanos)| Mtime { secs, nanos });
    let name = "[a-z.]{1,40}".prop_map(|name| format!("user.{name}").into_bytes());
    let xattrs = prop::collection::btree_map(name, prop::collection::vec(any::<u8>(), 1..50), 0..4);
    (
        path(),
        kind,
        0u32..0o10000,
        any::<u32>(),
        any::<u32>(),
        mtime,
        xattrs,
    )
        .prop_map(|(name, kind, mode, uid, gid, mtime, xattrs)| Given {
            name,
            kind,
            mode,
            uid,
            gid,
            mtime,
            xattrs,
        })
}

/// As Go writes it: what does not fit the plain header goes into PAX records.
fn write(all: &[Given]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for given in all {
        let mut header = tar::Header::new_ustar();
        let mut records: Vec<(String, Vec<u8>)> = vec![
            ("path".into(), given.name.clone()),
            ("mtime".into(), pax_time(given.mtime).into_bytes()),
            ("uid".into(), given.uid.to_string().into_bytes()),
            ("gid".into(), given.gid.to_string().into_bytes()),
        ];
        for (name, value) in &given.xattrs {
            let name = String::from_utf8(name.clone()).unwrap();
            records.push((format!("SCHILY.xattr.{name}"), value.clone()));
        }
        let mut body = &[][..];
        let (kind, link) = match &given.kind {
            MemberKind::File(bytes) => {
                body = bytes;
                (tar::EntryType::Regular, None)
            }
            MemberKind::Directory => (tar::EntryType::Directory, None),
            MemberKind::Symlink(target) => (tar::EntryType::Symlink, Some(target)),
            MemberKind::HardLink(target) => (tar::EntryType::Link, Some(target)),
            MemberKind::Char(major, minor) => {
                header.set_device_major(*major).unwrap();
                header.set_device_minor(*minor).unwrap();
                (tar::EntryType::Char, None)
            }
            MemberKind::Fifo => (tar::EntryType::Fifo, None),
        };
        records.extend(link.map(|link| ("linkpath".into(), link.clone())));
        header.set_path("placeholder").unwrap();
        header.set_entry_type(kind);
        header.set_mode(given.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(body.len() as u64);
        header.set_cksum();
        let records = records
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()));
        builder.append_pax_extensions(records).unwrap();
        builder.append(&header, body).unwrap();
    }
    builder.into_inner().unwrap()
}

fn pax_time(mtime: Mtime) -> String {
    match (mtime.secs < 0, mtime.nanos) {
        (true, nanos) if nanos > 0 => {
            format!("-{}.{:09}", -(mtime.secs + 1), 1_000_000_000 - nanos)
        }
        (_, nanos) => format!("{}.{nanos:09}", mtime.secs),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(all in prop::collection::vec(given(), 0..8)) {
        let bytes = write(&all);
        let layer = index(&bytes).unwrap();
        prop_assert_eq!(layer.index.entries.len(), all.len());
        for (entry, given) in layer.index.entries.iter().zip(&all) {
            prop_assert_eq!(entry.path.relative(), &given.name[..]);
            let meta = Metadata {
                mode: given.mode,
                uid: given.uid,
                gid: given.gid,
                mtime: given.mtime,
                xattrs: given.xattrs.clone(),
            };
            prop_assert_eq!(&entry.meta, &meta);
            match (&entry.kind, &given.kind) {
                (EntryKind::File(at), MemberKind::File(body)) => {
                    prop_assert_eq!(&content(&bytes, &layer, *at), body);
                }
                (EntryKind::Symlink { target }, MemberKind::Symlink(given)) => {
                    prop_assert_eq!(target, given);
                }
                (EntryKind::HardLink { target }, MemberKind::HardLink(given)) => {
                    prop_assert_eq!(target, &ImagePath::new(given));
                }
                (EntryKind::CharDevice { major, minor }, MemberKind::Char(a, b)) => {
                    prop_assert_eq!((major, minor), (a, b));
                }
                (EntryKind::Directory, MemberKind::Directory) | (EntryKind::Fifo, MemberKind::Fifo) => {}
                (read, written) => prop_assert!(false, "{read:?} for {written:?}"),
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let _ = index(&bytes);
    }

    #[test]
    fn a_damaged_tar_never_panics(
        all in prop::collection::vec(given(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        fix_checksums in any::<bool>(),
    ) {
        let mut bytes = write(&all);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if fix_checksums {
            for block in bytes.chunks_exact_mut(512) {
                block[148..156].fill(b' ');
                let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
                if sum > 8 * 32 {
                    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                } else {
                    block[148..156].fill(0);
                }
            }
        }
        let _ = index(&bytes);
    }

    #[test]
    fn a_cut_tar_is_an_error_or_ends_between_members(
        all in prop::collection::vec(given(), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = write(&all);
        let whole = entries(&bytes);
        if let Ok(layer) = index(&bytes[..cut.index(bytes.len())]) {
            prop_assert_eq!(&layer.index.entries[..], &whole[..layer.index.entries.len()]);
            for entry in &layer.index.entries {
                if let EntryKind::File(at) = entry.kind {
                    prop_assert!(at.at + at.size <= bytes.len() as u64);
                }
            }
        }
    }
}

#[test]
fn long_names_and_links_of_gnu_are_read() {
    let (name, target) = (["n"; 1500].join("/"), "t".repeat(2000));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, &name, &target).unwrap();
    let read = entries(&builder.into_inner().unwrap());
    assert_eq!(read[0].path.relative(), name.as_bytes());
    assert_eq!(
        read[0].kind,
        EntryKind::Symlink {
            target: target.into()
        }
    );
}

#[test]
fn a_later_entry_of_the_same_name_stays_for_the_merge_to_decide() {
    let bytes = Tar::new().file("a", b"1").file("a", b"22").bytes();
    let sizes: Vec<u64> = entries(&bytes)
        .iter()
        .filter_map(|entry| match entry.kind {
            EntryKind::File(content) => Some(content.size),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [1, 2]);
}

#[test]
fn whiteouts_are_told_from_files_and_aufs_metadata_is_left_out() {
    let bytes = Tar::new()
        .file("d/.wh.gone", b"")
        .file("d/.wh..wh..opq", b"")
        .file(".wh..wh.plnk/12.34", b"x")
        .file(".wh..wh.aufs", b"")
        .file("d/file.wh.", b"")
        .bytes();
    let read: Vec<(String, EntryKind)> = entries(&bytes)
        .into_iter()
        .map(|entry| (entry.path.to_string(), entry.kind))
        .collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[0], ("/d/gone".into(), EntryKind::Whiteout));
    assert_eq!(read[1], ("/d".into(), EntryKind::OpaqueWhiteout));
    assert_eq!(read[2].0, "/d/file.wh.");
}

#[test]
fn entries_that_no_layer_has_are_errors_that_name_them() {
    let opq = |name: &str| Tar::new().file(name, b"").bytes();
    let odd = Tar::new()
        .add(tar::EntryType::new(b'M'), "odd", "", b"")
        .bytes();
    for (bytes, message) in [
        (
            opq("x/.wh."),
            "read tar member x/.wh. at byte 0: a whiteout that names nothing",
        ),
        (
            opq(".wh..."),
            "read tar member .wh... at byte 0: a whiteout that names nothing",
        ),
        (odd, "read tar member odd at byte 0: unknown type 'M'"),
    ] {
        assert_eq!(index(&bytes).unwrap_err().to_string(), message);
    }
}

#[test]
fn owners_that_do_not_fit_are_errors_and_big_ones_are_read() {
    let with_uid = |uid: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path("f").unwrap();
        header.set_uid(uid);
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, &[][..]).unwrap();
        builder.into_inner().unwrap()
    };
    assert_eq!(entries(&with_uid(4_000_000_000))[0].meta.uid, 4_000_000_000);
    let error = index(&with_uid(1 << 40)).unwrap_err().to_string();
    assert!(error.contains("owner 1099511627776"), "{error}");
}

#[test]
fn sizes_that_are_read_allocate_nothing() {
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").unwrap();
    header.set_size(i64::MAX as u64);
    header.set_cksum();
    let error = index(header.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "read the tar: it ends at byte 512, in the middle of huge"
    );

    header.set_entry_type(tar::EntryType::XHeader);
    header.set_cksum();
    let error = index(header.as_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("an extended header of 9223372036854775807 bytes"),
        "{error}"
    );
}

#[test]
fn sizes_of_entries_without_a_body_are_ignored() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_path("d").unwrap();
    header.set_size(4096);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(Tar::new().file("after", b"x").bytes());
    assert_eq!(entries(&bytes).len(), 2);
}

/// Packs a file with holes by GNU tar, and reads it back.
fn sparse_round_trip(options: &[&str]) {
    use std::os::unix::fs::FileExt;
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("holes")).unwrap();
    // More parts than fit into one header of the old format, with the first bytes and the end in a hole.
    for i in 0..40u64 {
        file.write_all_at(&[b'a' + i as u8; 5000], 100_000 * (i + 1))
            .unwrap();
    }
    file.set_len(10_000_000).unwrap();
    std::fs::write(dir.path().join("z-after"), b"after").unwrap();
    let output = Command::new("tar")
        .current_dir(dir.path())
        .args(["-S", "-cf", "-"])
        .args(options)
        .args(["holes", "z-after"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.len() < 1_000_000, "GNU tar found no holes");
    let layer = index(&output.stdout).unwrap();
    for (entry, name) in layer.index.entries.iter().zip(["holes", "z-after"]) {
        assert_eq!(entry.path.relative(), name.as_bytes());
        let EntryKind::File(at) = entry.kind else {
            panic!("{entry:?}")
        };
        let expected = std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(at.size, expected.len() as u64);
        assert!(
            content(&output.stdout, &layer, at) == expected,
            "{options:?}"
        );
    }
}

#[test]
fn sparse_files_of_every_format_read_with_their_holes() {
    sparse_round_trip(&["--format=gnu"]);
    sparse_round_trip(&["--format=pax", "--sparse-version=0.0"]);
    sparse_round_trip(&["--format=pax", "--sparse-version=0.1"]);
    sparse_round_trip(&["--format=pax", "--sparse-version=1.0"]);
}

#[test]
fn every_dialect_of_gnu_tar_reads_alike() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
    std::fs::write(dir.path().join("a/b/file"), b"body").unwrap();
    std::os::unix::fs::symlink("b/file", dir.path().join("a/link")).unwrap();
    std::fs::hard_link(dir.path().join("a/b/file"), dir.path().join("a/hard")).unwrap();
    let pack = |format: &str| {
        let output = Command::new("tar")
            .current_dir(dir.path())
            .args([
                "-cf",
                "-",
                "--mtime=@1234",
                "--sort=name",
                "a",
                "--format",
                format,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut layer = index(&output.stdout).unwrap();
        for entry in &mut layer.index.entries {
            if let EntryKind::File(content) = &mut entry.kind {
                content.at = 0;
            }
        }
        layer.index
    };
    let ustar = pack("ustar");
    assert_eq!(ustar.entries.len(), 5);
    for format in ["v7", "oldgnu", "gnu", "pax"] {
        assert_eq!(pack(format), ustar, "{format}");
    }
}

#[test]
fn compressions_are_recognised_and_undone() {
    use std::io::Write;
    let plain = Tar::new().file("f", b"x").bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut gzip = gzip.finish().unwrap();
    gzip.extend(gzip.clone());
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let twice = [plain.clone(), plain.clone()].concat();
    for (bytes, compression, expected) in [
        (plain.clone(), Compression::None, &plain),
        (gzip, Compression::Gzip, &twice),
        (zstd, Compression::Zstd, &plain),
    ] {
        assert_eq!(Compression::detect(&bytes).unwrap(), compression);
        let mut out = Vec::new();
        let mut reader = decompress(&bytes[..], compression).unwrap();
        reader.read_to_end(&mut out).unwrap();
        assert!(out == *expected, "{compression}");
    }
    assert!(Compression::detect(b"BZh91AY").is_err());
    assert!(Compression::detect(b"\xfd7zXZ\0").is_err());
}
