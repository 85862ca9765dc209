//! Hostile images: harmless as archives, traps for whoever runs them. Each is built by the program itself, with runc.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use minifier_tests::{Minifier, elf};
use serde_json::{Value, json};

use super::tar::{Archive, Header, Raw};

/// What a trap's device is a link to: it bounds how many kernel messages of one place come at once, and hurts nobody.
const SYSCTL: &str = "/proc/sys/kernel/printk_ratelimit_burst";
/// What the image's program prints: a value that the sysctl takes.
const PRINTED: &str = "11\n";

/// One kind of image.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What it holds beside the program `/print`.
    layer: Raw,
    /// What its config has beside the command.
    config: Value,
    /// Options of the user.
    options: Vec<&'static str>,
    /// The exit code.
    pub(crate) code: i32,
    /// What the error says; what happens, where it is built.
    pub(crate) says: &'static str,
}

fn kind(name: &'static str, layer: Raw, config: Value, code: i32, says: &'static str) -> Kind {
    Kind {
        name,
        layer,
        config,
        options: Vec::new(),
        code,
        says,
    }
}

fn raw() -> Raw {
    Raw::default()
}

/// The trap: a runtime that takes the image's own null device opens a file of the kernel's.
fn trap() -> Raw {
    raw().symlink(b"dev/null", SYSCTL.as_bytes())
}

fn volume(path: &str) -> Value {
    json!({"Volumes": {path: {}}})
}

fn work_in(path: &str) -> Value {
    json!({"WorkingDir": path})
}

/// Every kind, with what becomes of it.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = volumes();
    kinds.extend(directories());
    kinds.extend(files());
    kinds.extend(options());
    kinds
}

fn volumes() -> Vec<Kind> {
    let deep = "n".repeat(300);
    vec![
        kind(
            "a volume that is a link to /dev, where the null device is a link to a setting of the kernel",
            trap().symlink(b"vol", b"/dev"),
            volume("/vol"),
            9,
            "mount the image's VOLUME /vol: it leads to /dev,",
        ),
        kind(
            "a volume with a link to the root in the middle of its path",
            trap().symlink(b"a", b"."),
            volume("/a/a/dev"),
            9,
            "mount the image's VOLUME /a/a/dev: it leads to /dev,",
        ),
        kind(
            "a volume that is a link through a name that is not there",
            trap().symlink(b"vol", b"gone/../dev"),
            volume("/vol"),
            9,
            "mount the image's VOLUME /vol: it leads to /dev,",
        ),
        kind(
            "a volume in the place of /dev",
            trap(),
            volume("/dev"),
            9,
            "mount the image's VOLUME /dev: it leads to /dev,",
        ),
        kind(
            "a volume below /proc",
            raw(),
            volume("/proc/keys"),
            9,
            "mount the image's VOLUME /proc/keys: it leads to /proc/keys,",
        ),
        kind(
            "a volume in the place of the root",
            raw(),
            volume("/"),
            9,
            "mount the image's VOLUME /: it leads to the root of the image",
        ),
        kind(
            "a volume in the place of a file",
            raw().file(b"f", b"x"),
            volume("/f"),
            9,
            "mount the image's VOLUME /f: /f is not a directory",
        ),
        kind(
            "a volume below a file",
            raw().file(b"f", b"x"),
            volume("/f/g"),
            9,
            "mount the image's VOLUME /f/g: /f is not a directory",
        ),
        kind(
            "a volume that is a link to itself",
            raw().symlink(b"loop", b"loop"),
            volume("/loop"),
            9,
            "mount the image's VOLUME /loop: it leads through too many links",
        ),
        kind(
            "a volume with a name that no file system accepts",
            raw(),
            volume(&deep),
            9,
            "mount the image's VOLUME of 301 bytes: it is, or leads to, a path that no file system accepts",
        ),
        kind(
            "several volumes that are links to one folder",
            raw()
                .file(b"srv/f", b"x")
                .symlink(b"a", b"srv")
                .symlink(b"b", b"a"),
            json!({"Volumes": {"/a": {}, "/b": {}, "/srv": {}}}),
            0,
            "one volume, filled once",
        ),
    ]
}

fn directories() -> Vec<Kind> {
    vec![
        kind(
            "a working directory that is a descriptor of the runtime's",
            raw(),
            work_in("/proc/self/fd/7"),
            9,
            "use the image's WORKDIR /proc/self/fd/7: it leads to /proc/self,",
        ),
        kind(
            "a working directory that is a link to one",
            raw().symlink(b"work", b"/proc/self/fd/8"),
            work_in("/work"),
            9,
            "use the image's WORKDIR /work: it leads to /proc/self,",
        ),
        kind(
            "a working directory that is a file",
            raw().file(b"f", b"x"),
            work_in("/f"),
            9,
            "use the image's WORKDIR /f: /f is not a directory",
        ),
        kind(
            "a working directory that is a link to itself",
            raw().symlink(b"loop", b"loop"),
            work_in("/loop/x"),
            9,
            "use the image's WORKDIR /loop/x: it leads through too many links",
        ),
        kind(
            "/dev as a link to a folder with devices of the image's own",
            raw()
                .symlink(b"x/null", SYSCTL.as_bytes())
                .symlink(b"dev", b"x"),
            json!({}),
            9,
            "/dev is not a directory",
        ),
        kind(
            "/proc as a link",
            raw().dir(b"x").symlink(b"proc", b"x"),
            json!({}),
            9,
            "/proc is not a directory",
        ),
    ]
}

fn files() -> Vec<Kind> {
    vec![
        kind(
            "a null device that is a link to a setting of the kernel, and no volume",
            trap(),
            json!({}),
            0,
            "built: the container has devices of its own",
        ),
        kind(
            "the kernel's memory and a disk in the place of the null and the zero device",
            raw()
                .entry(Header::new(b"dev/null", b'3', 0).device(1, 1), b"")
                .entry(Header::new(b"dev/zero", b'4', 0).device(8, 0), b""),
            json!({}),
            0,
            "built: the container has devices of its own",
        ),
        kind(
            "/etc/hosts and /etc/hostname as links to the null device",
            raw()
                .symlink(b"etc/hosts", b"/dev/null")
                .symlink(b"etc/hostname", b"../dev/null"),
            json!({}),
            0,
            "built: nothing is mounted over the null device",
        ),
        kind(
            "/etc/resolv.conf as a directory",
            raw().dir(b"etc/resolv.conf"),
            json!({}),
            9,
            "/etc/resolv.conf is a directory",
        ),
        kind(
            "/etc/passwd as a link to the kernel's log, which never ends",
            raw()
                .symlink(b"etc/passwd", b"/proc/kmsg")
                .symlink(b"etc/group", b"/proc/kmsg"),
            json!({}),
            9,
            "read /etc/passwd of the image: it leads to /proc/kmsg",
        ),
        kind(
            "/etc/passwd as a pipe that nobody writes to",
            raw().entry(Header::new(b"etc/passwd", b'6', 0), b""),
            json!({}),
            9,
            "read /etc/passwd of the image: it is not a regular file",
        ),
    ]
}

fn options() -> Vec<Kind> {
    let with = |options: &[&'static str], kind: Kind| Kind {
        options: options.to_vec(),
        ..kind
    };
    vec![
        with(
            &["--volume", "mine:/data"],
            kind(
                "--volume mine:/data, and a link from /data to /dev",
                trap().symlink(b"data", b"/dev"),
                json!({}),
                9,
                "mount something at /data: it leads to /dev,",
            ),
        ),
        with(
            &["--tmpfs", "/data"],
            kind(
                "--tmpfs /data, and a link from /data to /sys",
                raw().symlink(b"data", b"sys/kernel"),
                json!({}),
                9,
                "mount something at /data: it leads to /sys/kernel,",
            ),
        ),
        with(
            &["--tmpfs", "/dev"],
            kind(
                "--tmpfs /dev, whatever the image holds",
                trap(),
                json!({}),
                2,
                "mount something at /dev: it leads to /dev,",
            ),
        ),
    ]
}

/// The docker-archive.
fn archive(kind: &Kind) -> Vec<u8> {
    let program = elf::printing(PRINTED.as_bytes());
    let header = Header::new(b"print", b'0', program.len() as u64).set(100, b"0000755\0");
    let layer = kind.layer.clone().entry(header, &program).end();
    let archive = Archive::new(&[layer]);
    let mut config = archive.config();
    config["config"] = kind.config.clone();
    config["config"]["Cmd"] = json!(["/print"]);
    if cfg!(target_arch = "aarch64") {
        config["architecture"] = json!("arm64");
    }
    let manifest = json!([{"Config": "config.json", "RepoTags": ["hostile:latest"], "Layers": ["layer-0.tar"]}]);
    archive.end_with(config.to_string().as_bytes(), &manifest)
}

/// Builds it; the exit code and what was said.
fn build(kind: &Kind, work: &Path) -> (i32, String) {
    let file = work.join("image.tar");
    fs::write(&file, archive(kind)).expect("room for the archive");
    let minifier = Minifier::find().expect("the program");
    let mut build = minifier.command(work);
    build.args(["build", "--runtime", "runc", "--timeout", "60s", "--target"]);
    build.arg(format!("docker-archive:{}", file.display()));
    build.arg("--cache-dir").arg(work.join("cache"));
    build.arg("--report").arg(work.join("report.json"));
    build.args(&kind.options).stdout(Stdio::null());
    let output = build.output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// What the traps aim at, as it is now.
fn of_this_host() -> Vec<(&'static str, String)> {
    let paths = [SYSCTL, "/etc/hosts", "/etc/hostname", "/etc/passwd"];
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    paths.map(|path| (path, text(path))).to_vec()
}

#[test]
fn privileged_every_hostile_image_is_refused_or_built_and_this_host_stays_as_it_is() {
    let before = of_this_host();
    let mut wrong = Vec::new();
    for kind in kinds() {
        let work = tempfile::tempdir().expect("a temporary folder");
        let (code, said) = build(&kind, work.path());
        let now = of_this_host();
        // Whatever it was set to, the next one must show by itself.
        let _ = fs::write(SYSCTL, &before[0].1);
        if now != before {
            wrong.push(format!("{}: this host is {now:?}", kind.name));
        }
        let told = kind.code == 0
            || (said.contains(kind.says) && said.contains("hint: ") == (kind.code != 1));
        if code != kind.code || !told {
            wrong.push(format!("{}: {code}, {said}", kind.name));
        }
        let runs = fs::read_dir(work.path().join("cache/runs")).map_or(0, Iterator::count);
        if runs != 0 {
            wrong.push(format!("{}: a container is left", kind.name));
        }
        if kind.code == 0 {
            let report = fs::read(work.path().join("report.json")).unwrap_or_default();
            let report: Value = serde_json::from_slice(&report).unwrap_or_default();
            if report["probe"]["logs_tail"] != json!([PRINTED.trim()]) {
                wrong.push(format!("{}: its output is lost: {report}", kind.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
