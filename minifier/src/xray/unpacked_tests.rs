//! Images of the fixtures, against what other tools say of the tree that umoci unpacks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Analysis;
use super::model::{PackageKind, Xray};
use super::testing::{analyse, docker_image};
use crate::rootfs::{ImagePath, NodeKind};

const FIXTURES: [&str; 11] = [
    "healthcheck",
    "java",
    "job",
    "nginx",
    "node-express",
    "postgres",
    "python-gunicorn",
    "redis",
    "static",
    "tini",
    "traps",
];

/// An analysis, and the same image as umoci unpacks it.
struct Unpacked {
    analysis: Analysis,
    _dir: tempfile::TempDir,
    rootfs: PathBuf,
}

fn unpacked(fixture: &str) -> Unpacked {
    let (dir, stored) = docker_image(&format!("minifier-fixture/{fixture}:latest"));
    // umoci reads layers that are compressed only.
    let from = format!("oci:{}:latest", dir.path().display());
    let packed = dir.path().join("packed");
    let to = format!("oci:{}:latest", packed.display());
    capture(
        Command::new("skopeo")
            .args(["copy", "--quiet", "--dest-compress-format=gzip"])
            .args(["--dest-compress-level=1", &from, &to]),
    );
    let bundle = dir.path().join("bundle");
    let image = format!("{}:latest", packed.display());
    capture(
        Command::new("umoci")
            .args(["unpack", "--image", &image])
            .arg(&bundle),
    );
    Unpacked {
        analysis: analyse(&stored),
        _dir: dir,
        rootfs: bundle.join("rootfs"),
    }
}

fn capture(command: &mut Command) -> Vec<u8> {
    let out = command
        .output()
        .unwrap_or_else(|e| panic!("run {command:?}: {e}"));
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.stdout
}

/// Path to type, size of a file, target of a link.
type Tree = BTreeMap<ImagePath, String>;

fn found(rootfs: &Path) -> Tree {
    let format = ["-mindepth", "1", "-printf", "/%P\\0%y\\0%s\\0%l\\0"];
    let out = capture(Command::new("find").arg(rootfs).args(format));
    let fields: Vec<&[u8]> = out.split(|&b| b == 0).collect();
    fields
        .as_chunks()
        .0
        .iter()
        .map(|[path, kind, size, target]| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let about = match *kind {
                b"f" => format!("f {}", text(size)),
                b"l" => format!("l {}", text(target)),
                kind => text(kind),
            };
            (ImagePath::new(path), about)
        })
        .collect()
}

fn analysed(analysis: &Analysis) -> Tree {
    let rootfs = &analysis.merged.rootfs;
    rootfs
        .walk()
        .filter(|(path, _)| !path.is_root())
        .map(|(path, id)| {
            let about = match &rootfs.node(id).kind {
                NodeKind::File { content } => format!("f {}", content.size),
                NodeKind::Symlink { target } => format!("l {}", String::from_utf8_lossy(target)),
                NodeKind::Directory { .. } => "d".into(),
                NodeKind::CharDevice { .. } => "c".into(),
                NodeKind::BlockDevice { .. } => "b".into(),
                NodeKind::Fifo => "p".into(),
            };
            (path, about)
        })
        .collect()
}

#[test]
fn docker_fixtures_are_what_umoci_unpacks_find_lists_and_pip_knows() {
    let mut distributions = 0;
    for name in FIXTURES {
        let unpacked = unpacked(name);
        distributions += check_python(name, &unpacked);
        check_tree(name, &unpacked);
    }
    assert!(distributions > 5, "{distributions}");
}

fn check_tree(name: &str, unpacked: &Unpacked) {
    let (found, analysed) = (found(&unpacked.rootfs), analysed(&unpacked.analysis));
    let differs: Vec<String> = found
        .keys()
        .chain(analysed.keys())
        .filter(|path| found.get(path) != analysed.get(path))
        .map(|path| format!("{path}: {:?}, {:?}", found.get(path), analysed.get(path)))
        .take(20)
        .collect();
    assert!(differs.is_empty(), "{name}: {differs:#?}");
    let xray = &unpacked.analysis.xray;
    let inodes = capture(
        Command::new("find")
            .arg(&unpacked.rootfs)
            .args(["-type", "f", "-printf", "%i\\n"]),
    );
    let inodes = String::from_utf8_lossy(&inodes);
    let files: BTreeSet<&str> = inodes.lines().collect();
    assert_eq!(xray.image.files, files.len() as u64, "{name}");
    assert_eq!(xray.contents.tree.files, xray.image.files, "{name}");
    // `du` counts a file with several names once, as the analysis does.
    let du = capture(
        Command::new("du")
            .args(["--apparent-size", "--bytes", "--summarize"])
            .arg(&unpacked.rootfs),
    );
    let total: u64 = String::from_utf8_lossy(&du)
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // It counts directories and links, too.
    let others = capture(Command::new("find").arg(&unpacked.rootfs).args([
        "(", "-type", "d", "-o", "-type", "l", ")", "-printf", "%s\n",
    ]));
    let others: u64 = String::from_utf8_lossy(&others)
        .lines()
        .map(|size| size.parse::<u64>().unwrap())
        .sum();
    assert_eq!(xray.image.visible_size, total - others, "{name}");
}

fn names(xray: &Xray, kind: PackageKind) -> Vec<String> {
    let of_kind = xray.packages.packages.iter();
    let mut names: Vec<String> = of_kind
        .filter(|p| p.kind == kind)
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The images have no pip of their own: that of the host reads their folders. Gives how many it knows.
fn check_python(name: &str, unpacked: &Unpacked) -> usize {
    let folders = [
        "usr/lib/python3/dist-packages",
        "usr/local/lib/python3.11/dist-packages",
    ];
    let mut expected = Vec::new();
    for folder in folders {
        let list = capture(
            Command::new("pip")
                .args([
                    "list",
                    "--format=json",
                    "--disable-pip-version-check",
                    "--path",
                ])
                .arg(unpacked.rootfs.join(folder)),
        );
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let packages = list.as_array().unwrap().iter();
        expected.extend(packages.map(|p| format!("{} {}", text(&p["name"]), text(&p["version"]))));
    }
    expected.sort();
    assert_eq!(
        names(&unpacked.analysis.xray, PackageKind::Python),
        expected,
        "{name}"
    );
    expected.len()
}
