//! Images of the fixtures, against what other tools say of the tree that umoci unpacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::Analysis;
use super::model::{PackageKind, Xray};
use super::testing::{Fixture, docker_image, fixture, tree_files};
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

/// Where pip finds packages.
const PYTHON: [&str; 2] = [
    "usr/lib/python3/dist-packages",
    "usr/local/lib/python3.11/dist-packages",
];

/// An analysis, and what other tools printed about the same image as umoci unpacks it.
struct PrintedFixture {
    fixture: Arc<Fixture>,
    printed: PathBuf,
}

impl PrintedFixture {
    fn of(name: &str) -> Self {
        let fixture = fixture(name);
        Self {
            printed: printed(&fixture),
            fixture,
        }
    }

    fn bytes(&self, tool: &str) -> Vec<u8> {
        let file = self.printed.join(tool);
        fs::read(&file).unwrap_or_else(|e| panic!("read {}: {e}", file.display()))
    }

    fn text(&self, tool: &str) -> String {
        String::from_utf8_lossy(&self.bytes(tool)).into_owned()
    }
}

/// A folder with what the tools print about an image. It is made once for each and kept in the user's cache, since
/// unpacking takes longer than all else.
fn printed(fixture: &Fixture) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let cache = cache.join("minifier/unpacked");
    let done = cache.join(&fixture.id);
    if done.is_dir() {
        return done;
    }
    fs::create_dir_all(&cache).unwrap();
    let making = tempfile::tempdir_in(&cache).unwrap();
    let (dir, _) = docker_image(&fixture.image);
    let rootfs = unpack(dir.path());
    let save = |tool: &str, command: &mut Command| {
        fs::write(making.path().join(tool), capture(command)).unwrap();
    };
    let find = |arguments: &[&str]| {
        let mut find = Command::new("find");
        find.arg(&rootfs).args(arguments);
        find
    };
    let tree = ["-mindepth", "1", "-printf", "/%P\\0%y\\0%s\\0%l\\0"];
    save("tree", &mut find(&tree));
    save("inodes", &mut find(&["-type", "f", "-printf", "%i\\n"]));
    let others = [
        "(", "-type", "d", "-o", "-type", "l", ")", "-printf", "%s\\n",
    ];
    save("others", &mut find(&others));
    let mut du = Command::new("du");
    du.args(["--apparent-size", "--bytes", "--summarize"]);
    save("du", du.arg(&rootfs));
    // The images have no pip of their own: that of the host reads their folders.
    for (number, folder) in PYTHON.iter().enumerate() {
        let mut pip = Command::new("pip");
        pip.args(["list", "--format=json", "--disable-pip-version-check"]);
        pip.arg("--path").arg(rootfs.join(folder));
        save(&format!("pip-{number}"), &mut pip);
    }
    // Another test run may have been quicker; it has the same.
    match fs::rename(making.path(), &done) {
        Ok(()) => drop(making.keep()),
        Err(e) => assert!(done.is_dir(), "keep {}: {e}", done.display()),
    }
    done
}

/// Unpacks the image in the layout `dir` below that folder.
fn unpack(dir: &Path) -> PathBuf {
    // umoci reads layers that are compressed only.
    let from = format!("oci:{}:latest", dir.display());
    let packed = dir.join("packed");
    let to = format!("oci:{}:latest", packed.display());
    capture(
        Command::new("skopeo")
            .args(["copy", "--quiet", "--dest-compress-format=gzip"])
            .args(["--dest-compress-level=1", &from, &to]),
    );
    let bundle = dir.join("bundle");
    let image = format!("{}:latest", packed.display());
    capture(
        Command::new("umoci")
            .args(["unpack", "--image", &image])
            .arg(&bundle),
    );
    bundle.join("rootfs")
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
type FoundPaths = BTreeMap<ImagePath, String>;

/// From what `find` printed.
fn found(out: &[u8]) -> FoundPaths {
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

fn analysed(analysis: &Analysis) -> FoundPaths {
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
        let unpacked = PrintedFixture::of(name);
        distributions += check_python(name, &unpacked);
        check_tree(name, &unpacked);
    }
    assert!(distributions > 5, "{distributions}");
}

fn check_tree(name: &str, unpacked: &PrintedFixture) {
    let (found, analysed) = (
        found(&unpacked.bytes("tree")),
        analysed(&unpacked.fixture.analysis),
    );
    let differs: Vec<String> = found
        .keys()
        .chain(analysed.keys())
        .filter(|path| found.get(path) != analysed.get(path))
        .map(|path| format!("{path}: {:?}, {:?}", found.get(path), analysed.get(path)))
        .take(20)
        .collect();
    assert!(differs.is_empty(), "{name}: {differs:#?}");
    let xray = &unpacked.fixture.analysis.xray;
    let inodes = unpacked.text("inodes");
    let files: BTreeSet<&str> = inodes.lines().collect();
    assert_eq!(xray.image.files, files.len() as u64, "{name}");
    assert_eq!(tree_files(xray), xray.image.files, "{name}");
    // `du` counts a file with several names once, as the analysis does.
    let total: u64 = unpacked
        .text("du")
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    // It counts directories and links, too.
    let others: u64 = unpacked
        .text("others")
        .lines()
        .map(|size| size.parse::<u64>().unwrap())
        .sum();
    assert_eq!(xray.image.visible_size, total - others, "{name}");
}

fn names(xray: &Xray, kind: PackageKind) -> Vec<String> {
    let of_kind = xray.packages.packages.iter();
    let mut names: Vec<String> = of_kind
        .filter(|p| p.kind == kind && !p.vendored)
        .map(|p| format!("{} {}", p.name, p.version))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Gives how many packages pip knows.
fn check_python(name: &str, unpacked: &PrintedFixture) -> usize {
    let mut expected = Vec::new();
    for number in 0..PYTHON.len() {
        let list = unpacked.bytes(&format!("pip-{number}"));
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let packages = list.as_array().unwrap().iter();
        expected.extend(packages.map(|p| format!("{} {}", text(&p["name"]), text(&p["version"]))));
    }
    expected.sort();
    assert_eq!(
        names(&unpacked.fixture.analysis.xray, PackageKind::Python),
        expected,
        "{name}"
    );
    expected.len()
}
