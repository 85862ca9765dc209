//! Tests of reading in place, against a folder laid out as the daemon does it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::tarsplit::TarSplit;
use super::*;
use crate::image::{ChainId, DiffId, Digest};
use crate::rootfs::IndexBudget;
use crate::rootfs::tar::testing::Tar;
use crate::rootfs::tar::{IndexedLayer, StreamInput, TarError, TarReader, index_layer};
use crate::rootfs::{ContentRef, EntryKind};

/// What the daemon records of a tar: its bytes but for the contents of files. Base64 as in Go.
fn record(tar: &[u8]) -> Vec<serde_json::Value> {
    let crc = crc::Crc::<u64>::new(&crc::CRC_64_GO_ISO);
    let mut pieces = Vec::new();
    let mut reader = TarReader::new(StreamInput::new(tar));
    let mut from = 0;
    let segment = |bytes: &[u8]| json!({"type": 2, "payload": STANDARD.encode(bytes)});
    while let Some(member) = reader.next_member().unwrap() {
        let (at, end) = (
            member.body_at as usize,
            (member.body_at + member.size) as usize,
        );
        pieces.push(segment(&tar[from..at]));
        let mut file = json!({"type": 1, "payload": null});
        match String::from_utf8(member.name.clone()) {
            Ok(name) => file["name"] = name.into(),
            Err(_) => file["name_raw"] = STANDARD.encode(&member.name).into(),
        }
        if member.size > 0 {
            file["size"] = member.size.into();
            let sum = crc.checksum(&tar[at..end]).to_be_bytes();
            file["payload"] = STANDARD.encode(sum).into();
        }
        pieces.push(file);
        from = end;
    }
    pieces.push(segment(&tar[from..]));
    for (i, piece) in pieces.iter_mut().enumerate() {
        piece["position"] = i.into();
    }
    pieces
}

fn pack(pieces: &[serde_json::Value]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for piece in pieces {
        writeln!(gzip, "{piece}").unwrap();
    }
    gzip.finish().unwrap()
}

fn index_record(packed: &[u8]) -> Result<IndexedLayer, TarError> {
    index_layer(
        &mut TarReader::new(TarSplit::new(packed)),
        0,
        &IndexBudget::default(),
    )
}

fn sample() -> Vec<u8> {
    Tar::new()
        .file("etc/conf", b"contents")
        .file(&format!("{}/long", "d".repeat(200)), b"of a long name")
        .file("empty", b"")
        .symlink("link", "etc/conf")
        .file("etc/.wh.gone", b"")
        .bytes()
}

/// A daemon's data folder with one image of the given layers.
struct FakeDaemon {
    root: tempfile::TempDir,
    layout: StoreLayout,
    folders: Vec<PathBuf>,
    records: Vec<PathBuf>,
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

impl FakeDaemon {
    fn new(tars: &[Vec<u8>]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let diff_ids: Vec<DiffId> = tars.iter().map(|tar| DiffId::of(tar)).collect();
        let config = json!({"os": "linux", "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string();
        let image_id = Digest::of(config.as_bytes());
        let image = root.path().join("image/overlay2");
        write(
            image.join("imagedb/content/sha256").join(image_id.to_hex()),
            config,
        );
        let (mut folders, mut records) = (Vec::new(), Vec::new());
        for (i, (tar, chain)) in tars.iter().zip(ChainId::stack(&diff_ids)).enumerate() {
            let entry = image.join("layerdb/sha256").join(chain.to_hex());
            write(entry.join("diff"), diff_ids[i].to_string());
            write(entry.join("cache-id"), format!("cache{i}"));
            records.push(write(entry.join("tar-split.json.gz"), pack(&record(tar))));
            let folder = root.path().join(format!("overlay2/cache{i}/diff"));
            fs::create_dir_all(&folder).unwrap();
            tar::Archive::new(&tar[..]).unpack(&folder).unwrap();
            folders.push(folder);
        }
        let name = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let mut driver_data = HashMap::new();
        if let Some((top, lower)) = folders.split_last() {
            let lower: Vec<String> = lower.iter().rev().map(name).collect();
            driver_data.insert("UpperDir".to_owned(), name(top));
            driver_data.insert("LowerDir".to_owned(), lower.join(":"));
        }
        let layout = StoreLayout {
            root: root.path().into(),
            image_id,
            driver_data,
        };
        Self {
            root,
            layout,
            folders,
            records,
        }
    }

    fn read(&self) -> Result<InPlaceImage, InPlaceError> {
        read_in_place(&self.layout, &AtomicBool::new(false))
    }

    fn error(&self) -> String {
        match self.read() {
            Ok(_) => panic!("the image was read"),
            Err(error) => error.to_string(),
        }
    }
}

fn contents(image: &InPlaceImage) -> Vec<(String, io::Result<Vec<u8>>)> {
    let mut contents = Vec::new();
    for entry in image.layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = entry.kind {
            contents.push((entry.path.to_string(), read(image, content)));
        }
    }
    contents
}

fn read(image: &InPlaceImage, content: ContentRef) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image.content.open(content)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn a_record_gives_the_index_that_the_tar_gives() {
    let tar = sample();
    let whole = index_layer(
        &mut TarReader::new(StreamInput::new(&tar[..])),
        0,
        &IndexBudget::default(),
    )
    .unwrap();
    assert_eq!(index_record(&pack(&record(&tar))).unwrap(), whole);
}

#[test]
fn layers_and_contents_are_read_from_the_folders() {
    let upper = Tar::new().file("etc/conf", b"changed").bytes();
    let daemon = FakeDaemon::new(&[sample(), upper.clone()]);
    let image = daemon.read().unwrap();
    assert_eq!(
        image.layer_bytes,
        [sample().len() as u64, upper.len() as u64]
    );
    let contents: Vec<(String, Vec<u8>)> = contents(&image)
        .into_iter()
        .map(|(path, bytes)| (path, bytes.unwrap()))
        .collect();
    let long = format!("/{}/long", "d".repeat(200));
    let expected = [
        ("/etc/conf", "contents"),
        (&long, "of a long name"),
        ("/empty", ""),
        ("/etc/conf", "changed"),
    ];
    assert_eq!(contents.len(), expected.len());
    for ((path, bytes), (name, body)) in contents.iter().zip(expected) {
        assert_eq!((path.as_str(), bytes.as_slice()), (name, body.as_bytes()));
    }
}

#[test]
fn a_changed_file_is_an_error_when_it_is_read() {
    let daemon = FakeDaemon::new(&[sample()]);
    let file = daemon.folders[0].join("etc/conf");
    for (bytes, message) in [
        (
            &b"CONTENTS"[..],
            "its contents changed since the daemon stored the layer",
        ),
        (b"content", "expected a file of 8 bytes"),
        (b"contents and more", "expected a file of 8 bytes"),
    ] {
        fs::write(&file, bytes).unwrap();
        let image = daemon.read().unwrap();
        let (_, result) = contents(&image).swap_remove(0);
        let error = result.unwrap_err().to_string();
        assert!(
            error.contains(message) && error.contains("/etc/conf"),
            "{error}"
        );
    }
    fs::remove_file(&file).unwrap();
    let error = contents(&daemon.read().unwrap())
        .swap_remove(0)
        .1
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_head_of_a_file_can_be_read_alone() {
    let daemon = FakeDaemon::new(&[sample()]);
    let image = daemon.read().unwrap();
    let EntryKind::File(content) = image.layers[0].entries[0].kind else {
        panic!("no file")
    };
    assert_eq!(image.content.read_head(content, 3).unwrap(), b"con");
    assert_eq!(image.content.read_head(content, 100).unwrap(), b"contents");
}

#[test]
fn links_in_a_folder_do_not_lead_out_of_it() {
    let daemon = FakeDaemon::new(&[sample()]);
    let secret = write(daemon.root.path().join("secret/conf"), "contents");
    let etc = daemon.folders[0].join("etc");
    for target in [secret.parent().unwrap(), Path::new("../../../secret")] {
        fs::remove_dir_all(&etc)
            .or_else(|_| fs::remove_file(&etc))
            .unwrap();
        symlink(target, &etc).unwrap();
        let error = contents(&daemon.read().unwrap())
            .swap_remove(0)
            .1
            .unwrap_err();
        assert!(error.to_string().contains("read /etc/conf"), "{error}");
    }
    fs::remove_file(&etc).unwrap();
    fs::create_dir(&etc).unwrap();
    symlink(&secret, etc.join("conf")).unwrap();
    assert!(contents(&daemon.read().unwrap()).swap_remove(0).1.is_err());
}

#[test]
fn stores_that_are_not_as_expected_are_errors() {
    let daemon = FakeDaemon::new(&[sample()]);
    let mut layout = daemon.layout.clone();
    layout
        .driver_data
        .insert("UpperDir".into(), "/elsewhere".into());
    let other = read_in_place(&layout, &AtomicBool::new(false))
        .err()
        .unwrap();
    assert!(other.to_string().contains("names other folders"), "{other}");

    let entry = daemon.records[0].parent().unwrap().to_owned();
    let cache = fs::read(entry.join("cache-id")).unwrap();
    fs::write(entry.join("cache-id"), "../../etc").unwrap();
    assert!(daemon.error().contains("no identifier of a folder"));
    fs::write(entry.join("cache-id"), cache).unwrap();
    fs::write(entry.join("diff"), DiffId::of(b"other").to_string()).unwrap();
    assert!(daemon.error().contains("expected the diff ID"));
    fs::remove_dir_all(daemon.root.path().join("image")).unwrap();
    assert!(daemon.error().starts_with("open "));
}

#[test]
fn records_that_do_not_fit_their_tar_are_errors() {
    let change = |edit: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut pieces = record(&sample());
        edit(&mut pieces);
        let daemon = FakeDaemon::new(&[sample()]);
        fs::write(&daemon.records[0], pack(&pieces)).unwrap();
        daemon.error()
    };
    let renumber = |pieces: &mut Vec<serde_json::Value>| {
        for (i, piece) in pieces.iter_mut().enumerate() {
            piece["position"] = i.into();
        }
    };
    for (error, message) in [
        (
            change(&|p| p[1]["size"] = 9.into()),
            "disagree about a file's size",
        ),
        (
            change(&|p| p[1]["name"] = "etc/other".into()),
            "calls /etc/conf another name",
        ),
        (
            change(&|p| p[1]["payload"] = "AAAA".into()),
            "checksum does not have 8 bytes",
        ),
        (change(&|p| p[1]["type"] = 7.into()), "unknown type 7"),
        (change(&|p| p.swap(0, 1)), "piece 1 follows piece 0"),
        (
            change(&|p| {
                p.remove(1);
                renumber(p)
            }),
            "the record has none",
        ),
        (
            change(&|p| {
                p.remove(0);
                renumber(p)
            }),
            "contents stand where the tar has a header",
        ),
        (change(&|p| p[0]["payload"] = "!".into()), "Invalid"),
        (change(&|p| p[0] = json!(1)), "line 0"),
    ] {
        assert!(error.contains(message), "{error}");
    }
    let daemon = FakeDaemon::new(&[sample()]);
    let whole = fs::read(&daemon.records[0]).unwrap();
    fs::write(&daemon.records[0], &whole[..whole.len() / 2]).unwrap();
    assert!(daemon.error().contains("tar-split.json.gz"));
}

#[test]
fn a_cancelled_read_ends_with_an_error() {
    let daemon = FakeDaemon::new(&[sample()]);
    let error = read_in_place(&daemon.layout, &AtomicBool::new(true)).err();
    assert!(error.unwrap().to_string().contains("cancelled"));
}

proptest::proptest! {
    #[test]
    fn arbitrary_records_never_panic(
        lines in proptest::collection::vec("[ -~]{0,80}", 0..8),
        pieces in proptest::collection::vec((0u8..4, 0usize..4, 0u64..3), 0..8),
    ) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for (i, (kind, which, size)) in pieces.into_iter().enumerate() {
            let payload = ["", "AAAAAAAAAAA=", "AAAA", "x"][which];
            let piece = json!({"type": kind, "payload": payload, "size": size, "position": i});
            writeln!(gzip, "{piece}").unwrap();
        }
        for line in lines {
            writeln!(gzip, "{line}").unwrap();
        }
        let _ = index_record(&gzip.finish().unwrap());
    }
}
