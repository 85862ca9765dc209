//! Small inputs that are made to take all memory: each is refused at once, in little memory and in few words.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use minifier::image::DiffId;
use minifier_tests::Minifier;

use super::tar::{Archive, Header, Raw};

/// What the program may take for any of them, bytes.
const MEMORY: u64 = 200 << 20;
/// With a program that is not optimised, on a busy machine.
const TIME: Duration = Duration::from_secs(60);
/// The image is damaged or not understood.
const INVALID: i32 = 9;
/// `validate` found something.
const MISMATCH: i32 = 10;
/// The longest message, bytes.
const MESSAGE: usize = 2000;

/// An input: an archive, and what is said of it.
pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    /// Made when it is needed: some take a while.
    archive: Box<dyn Fn() -> Vec<u8>>,
    pub(crate) says: &'static str,
    /// Exit codes of `validate` and of `copy`, which does not look into layers.
    codes: [i32; 2],
}

/// `count` times the same entries, as gzip members: small, and quickly made.
fn repeated(entries: &Raw, count: usize) -> Vec<u8> {
    super::tar::gzip(&entries.clone().cut()).repeat(count)
}

/// One layer, whose diff ID nobody will ever know.
fn bomb(name: &'static str, layer: impl Fn() -> Vec<u8> + 'static, says: &'static str) -> Bomb {
    Bomb {
        name,
        archive: Box::new(move || Archive::new(&[]).layer(layer(), DiffId::of(b"")).end()),
        says,
        codes: [MISMATCH, 0],
    }
}

fn named(path: &[u8], flag: u8) -> Raw {
    Raw::default()
        .pax(&Raw::record("path", path))
        .entry(Header::new(b"short", flag, 0), b"")
}

fn with(records: &[u8], flag: u8) -> Raw {
    Raw::default()
        .pax(records)
        .entry(Header::new(b"short", flag, 0), b"")
}

/// Entries with names that differ, by `entry` of their number.
pub(crate) fn many(count: usize, entry: impl Fn(usize) -> Raw) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for number in 0..count {
        gzip.write_all(&entry(number).cut()).expect("memory");
    }
    gzip.finish().expect("memory")
}

/// An archive with that config.
fn with_config(
    name: &'static str,
    config: impl Fn() -> String + 'static,
    says: &'static str,
) -> Bomb {
    let archive = move || {
        let manifest =
            serde_json::json!([{"Config": "config.json", "RepoTags": null, "Layers": []}]);
        Archive::new(&[]).end_with(config().as_bytes(), &manifest)
    };
    Bomb {
        name,
        archive: Box::new(archive),
        says,
        codes: [MISMATCH, INVALID],
    }
}

/// A config of three megabytes, of which `field` is a list of nothing but `element`.
fn config_of(field: &str, element: &str) -> String {
    let list = vec![element; (3 << 20) / (element.len() + 1)].join(",");
    format!(r#"{{"rootfs":{{"type":"layers"}},"{field}":[{list}]}}"#)
}

fn documents() -> Vec<Bomb> {
    vec![
        with_config(
            "a history of a million steps",
            || config_of("history", "{}"),
            "steps of history, more than an image may have",
        ),
        with_config(
            "a config of 40,000 layers",
            || {
                let digest = format!(r#""{}""#, DiffId::of(b""));
                let layers = vec![digest; 40_000].join(",");
                format!(r#"{{"rootfs":{{"type":"layers","diff_ids":[{layers}]}}}}"#)
            },
            "it has 40000 layers, more than an image may have",
        ),
        with_config(
            "a config with a word of three megabytes",
            || format!(r#"{{"rootfs":{{"type":"{}"}}}}"#, "x".repeat(3 << 20)),
            "rootfs.type is",
        ),
        Bomb {
            codes: [0, 0],
            ..with_config(
                "a config with a million numbers that mean nothing",
                || config_of("x", "0"),
                "good",
            )
        },
    ]
}

/// Long enough for any limit.
const LONG: usize = 900_000;

fn long() -> Vec<u8> {
    vec![b'n'; LONG]
}

/// A file in as many pieces as it has bytes.
fn sparse() -> Raw {
    let map: Vec<String> = (0..60_000).map(|n| format!("{},1", 2 * n)).collect();
    let records = [
        Raw::record("GNU.sparse.major", b"0"),
        Raw::record("GNU.sparse.minor", b"1"),
        Raw::record("GNU.sparse.size", b"120000"),
        Raw::record("GNU.sparse.map", map.join(",").as_bytes()),
    ]
    .concat();
    Raw::default().pax(&records).file(b"sparse", &[0; 60_000])
}

/// Every one of them.
pub(crate) fn bombs() -> Vec<Bomb> {
    const TOO_MANY: &str = "the entries of the layers take more than";
    let mut bombs = vec![
        bomb(
            "names of 900,000 bytes",
            || repeated(&named(&long(), b'0'), 400),
            "its path has 900001 bytes",
        ),
        bomb(
            "a path of 200,000 directories",
            || repeated(&named(&b"d/".repeat(200_000), b'5'), 1),
            "its path has 400000 bytes",
        ),
        bomb(
            "link targets of 900,000 bytes",
            || repeated(&with(&Raw::record("linkpath", &long()), b'2'), 400),
            "its target has 900000 bytes",
        ),
        bomb(
            "hard link targets of 900,000 bytes",
            || repeated(&with(&Raw::record("linkpath", &long()), b'1'), 400),
            "its target has 900001 bytes",
        ),
        bomb(
            "extended attributes of 900,000 bytes",
            || {
                let record = Raw::record("SCHILY.xattr.user.a", &long());
                repeated(&with(&record, b'0'), 400)
            },
            "its extended attribute user.a has 900000 bytes",
        ),
        bomb(
            "25,000 extended attributes for each file",
            || {
                let names: Vec<u8> = (0..25_000)
                    .flat_map(|n| Raw::record(&format!("SCHILY.xattr.user.{n}"), b""))
                    .collect();
                repeated(&with(&names, b'0'), 60)
            },
            "the names of its extended attributes have",
        ),
        bomb(
            "three million files",
            || {
                let files = (0..30_000).fold(Raw::default(), |raw, n| {
                    raw.file(format!("f{n}").as_bytes(), b"")
                });
                // A hundred times the same, which takes as much.
                repeated(&files, 100)
            },
            TOO_MANY,
        ),
        bomb(
            "1,500 paths of 2,000 directories",
            || {
                many(1500, |n| {
                    let path = [format!("{n}/").as_bytes(), &b"d/".repeat(2000)].concat();
                    named(&path, b'5')
                })
            },
            TOO_MANY,
        ),
        bomb(
            "sparse files of 60,000 pieces",
            || repeated(&sparse(), 400),
            TOO_MANY,
        ),
        Bomb {
            archive: Box::new(|| repeated(&named(&long(), b'0'), 400)),
            codes: [INVALID, INVALID],
            ..bomb(
                "members of the archive with names of 900,000 bytes",
                Vec::new,
                "its path has 900001 bytes",
            )
        },
        Bomb {
            archive: Box::new(|| {
                many(60_000, |n| {
                    named(format!("{n}/{}", "nnnnnnn/".repeat(500)).as_bytes(), b'0')
                })
            }),
            codes: [INVALID, INVALID],
            ..bomb(
                "60,000 members of the archive with names of 4,000 bytes",
                Vec::new,
                TOO_MANY,
            )
        },
    ];
    bombs.extend(documents());
    bombs
}

/// Runs the program in so much memory; gives its exit code and what it said.
pub(crate) fn run_in(memory: u64, args: &[&str], folder: &Path) -> (Option<i32>, String) {
    let minifier = Minifier::find().expect("the program is there");
    let (out, err) = (folder.join("out"), folder.join("err"));
    let create = |path| fs::File::create(path).expect("a file");
    let started = Instant::now();
    let mut child = minifier
        .command(folder)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(create(&out))
        .stderr(create(&err))
        .spawn()
        .expect("it runs");
    let (status, peak) = xtask::command::wait_with_peak(&mut child).expect("it is ours");
    let took = started.elapsed();
    let read = |path| fs::read_to_string(path).expect("text");
    let text = read(&out) + &read(&err);
    assert!(peak > 0 && peak < memory, "{args:?}: {peak} bytes\n{text}");
    assert!(took < TIME, "{args:?}: {took:?}");
    assert!(text.len() < MESSAGE, "{args:?}: {} bytes", text.len());
    (status.code(), text)
}

fn run(args: &[&str], folder: &Path) -> (Option<i32>, String) {
    run_in(MEMORY, args, folder)
}

#[test]
fn small_inputs_that_take_all_memory_are_refused_in_little_memory_and_few_words() {
    for bomb in bombs() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bomb.tar");
        let archive = (bomb.archive)();
        assert!(archive.len() < 64 << 20, "{}", bomb.name);
        fs::write(&file, archive).expect("it is written");
        let location = format!("docker-archive:{}", file.display());
        let (code, text) = run(&["validate", &location], folder.path());
        assert_eq!(code, Some(bomb.codes[0]), "{}: {text}", bomb.name);
        assert!(text.contains(bomb.says), "{}: {text}", bomb.name);
        let (code, text) = run(&["copy", "--quiet", &location, "oci:copy"], folder.path());
        assert_eq!(code, Some(bomb.codes[1]), "{}: {text}", bomb.name);
        let args = ["xray", "--target", &location, "--output", "json=report"];
        let (code, text) = run(&args, folder.path());
        // A layer that cannot be read to its end leaves a report that says so.
        let report = fs::read_to_string(folder.path().join("report")).unwrap_or_default();
        let said = match code {
            Some(0) => bomb.says == "good" || report.contains(bomb.says),
            code => code == Some(INVALID) && text.contains(bomb.says),
        };
        assert!(said, "{}: {code:?} {text}", bomb.name);
    }
}

#[test]
fn privileged_a_build_refuses_small_inputs_that_take_all_memory_in_little_memory() {
    for bomb in bombs().into_iter().filter(|bomb| bomb.says != "good") {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bomb.tar");
        fs::write(&file, (bomb.archive)()).expect("it is written");
        let location = format!("docker-archive:{}", file.display());
        let args = ["build", "--target", &location, "--output", "oci:made"];
        let (code, text) = run(&args, folder.path());
        assert_eq!(code, Some(INVALID), "{}: {text}", bomb.name);
        assert!(text.contains(bomb.says), "{}: {text}", bomb.name);
        assert!(!folder.path().join("made").exists(), "{}", bomb.name);
    }
}
