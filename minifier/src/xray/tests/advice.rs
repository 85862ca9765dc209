//! Each recommendation is applied to an unpacked tree, and what that frees is compared with what it claims.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::Analysis;
use crate::xray::advice::WORTH_IT;
use crate::xray::caches_known::CACHES;
use crate::xray::model::WasteKind;
use crate::xray::testing::{analyse, image};

/// Bytes of a file that make advice worth it; each file's content is its own.
const SIZE: usize = 150_000;

fn content(seed: &str) -> Vec<u8> {
    seed.bytes().cycle().take(SIZE).collect()
}

fn program_source(functions: usize) -> String {
    let function = |number| {
        format!("int a_function_with_a_long_name_{number}(int x) {{ return x + {number}; }}\n")
    };
    (0..functions).map(function).collect()
}

fn compiled(folder: &Path, source: &str, options: &[&str]) -> Vec<u8> {
    let (file, program) = (folder.join("a.c"), folder.join("a"));
    fs::write(&file, source).expect("it is written");
    let mut compiler = Command::new("cc");
    compiler
        .args(options)
        .arg("-g")
        .arg("-o")
        .arg(&program)
        .arg(&file);
    assert!(compiler.status().expect("a compiler").success());
    fs::read(program).expect("a program")
}

/// A program with debug information and symbols.
fn program(folder: &Path) -> Vec<u8> {
    let source = program_source(3000) + "int main(void) { return 0; }\n";
    compiled(folder, &source, &[])
}

/// A base layer with waste of its own, and a layer above it with everything that there is advice on.
fn layers(folder: &Path) -> [Vec<u8>; 2] {
    let base = Tar::new()
        .file("etc/os-release", b"ID=debian\nVERSION_ID=12\n")
        .file("usr/share/doc/base/manual", &content("base manual"))
        .file("usr/share/doc/base/copyright", b"free")
        .file("var/lib/apt/lists/base", &content("base list"))
        .file("var/log/base.log", &content("base log"))
        .file("usr/lib/base.bin", &content("base"))
        .bytes();
    let mut core = b"\x7fELF\x02\x01\x01".to_vec();
    core.resize(SIZE, 7);
    core[16] = 4;
    let mut tar = Tar::new()
        .file("usr/share/doc/tool/copyright", b"free")
        .file("usr/share/man/man1/tool.1", &[b'm'; 900_000])
        .file("usr/share/locale/de/tool.mo", &[b'l'; 900_000])
        .file("srv/core", &core)
        .file("tmp/left", &content("left"))
        .file("var/tmp/left", &content("left, too"))
        .file("var/log/dpkg.log", &content("log"))
        .file("app/.git/objects/pack", &content("pack"))
        .file("usr/lib/base.bin", &content("in place of the base's"))
        .file("app/tool", &program(folder))
        .file("app/copy-one", &[b'c'; 600_000])
        .file("app/copy-two", &[b'c'; 600_000])
        .file("app/copy-three", &[b'c'; 600_000])
        .file("app/copies", &[b'd'; 10_000])
        .file("app/main.py", b"import app\n")
        .file("app/__pycache__/main.cpython-312.pyc", &content("main"))
        .file("app/sourceless.pyc", &content("sourceless"))
        // A cache of which one file is in use under another name, and a directory that has more than waste.
        .file("opt/conda/pkgs/a/lib.so", &content("conda"))
        .add(
            tar::EntryType::Link,
            "opt/conda/lib/lib.so",
            "opt/conda/pkgs/a/lib.so",
            b"",
        )
        .file(
            "usr/local/lib/python3.12/site-packages/p/__init__.py",
            b"x = 1\n",
        );
    // Far more than five.
    for number in 0..40 {
        let path = format!("usr/local/lib/python3.12/site-packages/p{number}/tests/data");
        tar = tar.file(&path, &content(&path));
    }
    for cache in CACHES {
        for place in cache.places {
            let place = place.trim_start_matches('/').replace('*', "any");
            let home = if place.starts_with('.') { "root/" } else { "" };
            let path = if place.starts_with("usr/") || place.starts_with("var/") {
                format!("{place}/x")
            } else {
                format!("{home}{place}/x")
            };
            tar = tar.file(&path, &content(&path));
        }
    }
    [base, tar.bytes()]
}

/// The image, analysed once for all tests of a run.
fn analysed() -> &'static (Analysis, [Vec<u8>; 2]) {
    static DONE: OnceLock<(Analysis, [Vec<u8>; 2])> = OnceLock::new();
    DONE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let layers = layers(folder.path());
        let history = json!([{"created_by": "ADD rootfs.tar /"}, {"created_by": "RUN everything"}]);
        let config = json!({"config": {"User": "1"}, "history": history});
        (analyse(&image(&layers, config)), layers)
    })
}

/// The commands of the lines that begin with `RUN`, as words; nothing but what removes, strips and links.
fn commands(change: &str) -> Vec<Vec<String>> {
    let text = change.replace("\\\n", " ");
    let runs = text.lines().filter_map(|line| line.strip_prefix("RUN "));
    let mut commands = Vec::new();
    for run in runs {
        let words = shell_words::split(run).expect("words");
        commands.extend(words.split(|word| word == "&&").map(<[String]>::to_vec));
    }
    let known = ["rm", "find", "strip", "ln"];
    commands.retain(|words| known.contains(&&*words[0]));
    commands
}

/// Runs a command with its absolute paths below `root`.
fn run(root: &Path, words: &[String]) {
    let below = |word: &String| match word.strip_prefix('/') {
        Some(path) => root.join(path).into_os_string(),
        None => word.into(),
    };
    let status = Command::new(&words[0])
        .args(words[1..].iter().map(below))
        .status()
        .expect("it runs");
    assert!(status.success(), "{words:?}");
}

/// Bytes of the files that come from the upper layer.
fn own_bytes(root: &Path, analysis: &Analysis) -> u64 {
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for file in analysis
        .merged
        .files
        .iter()
        .filter(|file| file.content.layer > 0)
    {
        let path = root.join(String::from_utf8_lossy(file.path.relative()).as_ref());
        if let Ok(about) = fs::symlink_metadata(path)
            && seen.insert(about.ino())
        {
            bytes += about.len();
        }
    }
    bytes
}

fn unpack(layers: &[Vec<u8>; 2]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for layer in layers {
        let mut archive = tar::Archive::new(layer.as_slice());
        archive.unpack(root.path()).expect("it is unpacked");
    }
    root
}

#[test]
fn every_command_frees_what_its_recommendation_claims() {
    let (analysis, layers) = analysed();
    let root = unpack(layers);
    let root = root.path();
    let mut applied = BTreeMap::new();
    for advice in &analysis.advice {
        let about = &advice.recommendation;
        let commands = commands(&about.change);
        if commands.is_empty() || about.saves == 0 {
            continue;
        }
        // One after the other: no two of them are about the same file.
        let before = own_bytes(root, analysis);
        for words in &commands {
            run(root, words);
        }
        let freed = before - own_bytes(root, analysis);
        // `strip` aligns what it leaves in another way.
        let near = if about.id == "strip" {
            about.saves / 50
        } else {
            0
        };
        assert!(
            freed.abs_diff(about.saves) <= near,
            "{} claims {} and frees {freed}: {}",
            about.id,
            about.saves,
            about.change
        );
        applied.insert(about.id.clone(), freed);
    }
    // Licences, byte code without a source, and what is in use under another name.
    for path in [
        "usr/share/doc/base/copyright",
        "usr/share/doc/tool/copyright",
        "app/sourceless.pyc",
        "opt/conda/lib/lib.so",
    ] {
        assert!(root.join(path).exists(), "{path}");
    }
    for id in [
        "strip",
        "no-documentation",
        "remove-tests",
        "no-byte-code",
        "remove-core-dumps",
        "remove-temporary-files",
        "remove-logs",
        "link-duplicates",
        "remove-apt-lists",
    ] {
        assert!(
            applied.contains_key(id),
            "{id} is not among {:?}",
            applied.keys()
        );
    }
    let removed = CACHES
        .iter()
        .filter(|cache| cache.kind != WasteKind::DownloadedData);
    for cache in removed {
        assert!(applied.contains_key(cache.id), "{}", cache.id);
    }
}

#[test]
fn advice_on_byte_code_names_what_stops_pip() {
    let (analysis, _) = analysed();
    let advice = analysis
        .advice
        .iter()
        .find(|a| a.recommendation.id == "no-byte-code");
    let change = &advice.expect("there is byte code").recommendation.change;
    // PYTHONDONTWRITEBYTECODE alone does not: `pip install` compiles by itself.
    assert!(change.contains("pip install --no-compile"), "{change}");
}

#[test]
fn all_recommendations_together_free_what_their_union_claims() {
    let (analysis, layers) = analysed();
    let root = unpack(layers);
    let root = root.path();
    let before = own_bytes(root, analysis);
    let mut others = 0;
    for advice in &analysis.advice {
        let about = &advice.recommendation;
        let commands = commands(&about.change);
        match about.saves {
            0 => {}
            saves if commands.is_empty() => others += saves,
            _ => commands.iter().for_each(|words| run(root, words)),
        }
    }
    // What the author keeps out of the context has no command.
    assert_eq!(others, SIZE as u64, "the pack of git");
    let freed = before - own_bytes(root, analysis) + others;
    let fixable = analysis.xray.fixable;
    assert!(
        freed.abs_diff(fixable) <= fixable / 500,
        "{freed}, {fixable} claimed"
    );
    let sum: u64 = analysis.xray.recommendations.iter().map(|r| r.saves).sum();
    assert!(sum >= fixable && fixable <= analysis.xray.image.size);
}

/// A program that needs nothing, with debug information.
fn static_program(folder: &Path) -> Vec<u8> {
    let functions = program_source(2000);
    let start = "void _start(void) { for (;;) {} }\n";
    compiled(
        folder,
        &format!("{functions}{start}"),
        &["-static", "-nostdlib"],
    )
}

#[test]
fn bytes_that_two_recommendations_free_count_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(folder.path());
    let base = Tar::new().file("etc/x", b"x").bytes();
    let upper = Tar::new().file("tmp/tool", &program).bytes();
    let history = json!([{"created_by": "ADD rootfs.tar /"}, {"created_by": "RUN make"}]);
    let xray = analyse(&image(&[base, upper], json!({"history": history}))).xray;
    let saves = |id: &str| {
        let found = xray.recommendations.iter().find(|r| r.id == id);
        found.unwrap_or_else(|| panic!("{id}")).saves
    };
    let size = program.len() as u64;
    assert_eq!(saves("remove-temporary-files"), size);
    assert!((WORTH_IT..size).contains(&saves("strip")));
    assert_eq!(xray.fixable, size);
}

#[test]
fn another_base_frees_the_base_and_the_rest_counts_on_top() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = Tar::new()
        .file("etc/os-release", b"ID=debian\nVERSION_ID=12\n")
        .file("usr/share/doc/manual", &vec![b'm'; 3_000_000])
        .bytes();
    let upper = Tar::new()
        .program("app", &static_program(folder.path()))
        .bytes();
    let history = json!([{"created_by": "ADD rootfs.tar /"}, {"created_by": "COPY app /app"}]);
    let config = json!({"config": {"Entrypoint": ["/app"]}, "history": history});
    let xray = analyse(&image(&[base, upper], config)).xray;
    let found = |id: &str| xray.recommendations.iter().find(|r| r.id == id);
    let exchange = found("smaller-base").expect("another base");
    assert_eq!(exchange.change, "FROM scratch");
    assert_eq!(exchange.saves, xray.layers[0].size);
    assert!(found("no-documentation").is_none(), "it is the base's");
    let strip = found("strip").expect("symbols").saves;
    assert_eq!(xray.fixable, exchange.saves + strip);
}

#[test]
fn bytes_of_the_base_are_claimed_by_the_advice_on_the_base_only() {
    let (analysis, _) = analysed();
    let base = analysis
        .merged
        .bodies
        .iter()
        .filter(|body| body.content.layer == 0);
    let base: Vec<_> = base.map(|body| body.content).collect();
    assert!(base.len() > 4);
    for advice in &analysis.advice {
        for content in &base {
            assert_eq!(advice.claim.of(*content), 0, "{}", advice.recommendation.id);
        }
    }
}

#[test]
fn downloaded_models_are_named_and_nothing_is_claimed_for_them() {
    let (analysis, _) = analysed();
    for id in ["mount-models", "leave-out-browsers"] {
        let found = analysis.xray.recommendations.iter().find(|r| r.id == id);
        let found = found.unwrap_or_else(|| panic!("{id}"));
        assert_eq!(found.saves, 0);
        assert!(found.evidence[0].contains(" has "), "{:?}", found.evidence);
    }
}
