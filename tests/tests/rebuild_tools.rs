//! Rebuilt images in the hands of other programs: Docker, podman, skopeo, umoci and GNU tar take the archive and
//! make of it exactly the kept part of the original tree.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use minifier::image::{Bundle, Image, TaggedName};
use minifier::plan::KeepSet;
use minifier::rebuild::{LayerMode, RebuildOptions, Rebuilt, rebuild};
use minifier::rootfs::RootFs;
use minifier::transport::{ArchiveInfo, check_archive, write_archive_file};
use minifier_tests::command::{output, run};
use minifier_tests::layers::keep;
use minifier_tests::listing::{self, ALL, Detail, Listing};
use minifier_tests::traps::{SECRET, Traps, traps, write_original};
use minifier_tests::ustar;
use tempfile::TempDir;

/// What a file system keeps of the listing.
const ON_DISK: Detail = Detail {
    link_modes: false,
    ..ALL
};

struct Case {
    folder: TempDir,
    traps: Traps,
    rootfs: RootFs,
    keep: KeepSet,
    rebuilt: Rebuilt,
    original: Bundle,
    image: Image,
}

impl Case {
    fn new(mode: LayerMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let traps = traps();
        let (image, original) = write_original(&traps, folder.path()).unwrap();
        let rootfs = RootFs::merge(traps.layers.clone()).unwrap();
        // Some of each kind goes: a first name of a group, a folder with all in it, odd names.
        let dropped = [
            "/bin/capable",
            "/sizes/513",
            "/links/loop-a",
            "/mail",
            "/mail/private",
        ];
        let keep = keep(&rootfs, |path| {
            !dropped.iter().any(|d| *path == (*d).into())
        });
        let options = RebuildOptions {
            layers: mode,
            ..RebuildOptions::default()
        };
        let mut watch = |_| ControlFlow::Continue(());
        let rebuilt = rebuild(
            &image,
            &rootfs,
            &keep,
            &traps.store,
            &options,
            folder.path(),
            &mut watch,
        )
        .unwrap();
        Self {
            folder,
            traps,
            rootfs,
            keep,
            rebuilt,
            original,
            image,
        }
    }

    fn expected(&self, detail: Detail) -> Listing {
        listing::of_tree(&self.rootfs, &self.traps.store, Some(&self.keep), detail)
    }

    fn archive(&self, tag: &str) -> (PathBuf, ArchiveInfo) {
        let path = self.folder.path().join("image.tar");
        let info = archive(&self.rebuilt.bundle(), tag, &path);
        (path, info)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn archive(bundle: &Bundle, tag: &str, path: &Path) -> ArchiveInfo {
    let tag: TaggedName = tag.parse().unwrap();
    let mut watch = |_| ControlFlow::Continue(());
    let info = write_archive_file(bundle, &[tag], 0, path, &mut watch).unwrap();
    assert_eq!(check_archive(File::open(path).unwrap()).unwrap(), []);
    info
}

fn docker() -> Command {
    Command::new("/usr/bin/docker")
}

/// An image in the daemon, removed at the end.
struct Loaded(String);

impl Loaded {
    fn new(bundle: &Bundle, what: &str, folder: &Path) -> Self {
        let tag = format!("mfrebuild-{what}:{}", std::process::id());
        let path = folder.join(format!("{what}.tar"));
        let info = archive(bundle, &tag, &path);
        let loaded = Self(tag);
        run(docker().args(["load", "-q", "-i"]).arg(&path));
        let id = loaded.inspect("{{.Id}}");
        assert_eq!(id, info.image_id.to_string(), "the image ID is another");
        loaded
    }

    fn inspect(&self, format: &str) -> String {
        let out = run(docker().args(["image", "inspect", "-f", format, &self.0]));
        String::from_utf8(out).unwrap().trim().to_owned()
    }

    /// What the daemon made of the layers on its disk, put over each other as a container gets them.
    fn on_disk(&self, folder: &Path, detail: Detail) -> Listing {
        let data: serde_json::Value =
            serde_json::from_str(&self.inspect("{{json .GraphDriver}}")).unwrap();
        assert_eq!(
            data["Name"], "overlay2",
            "this test reads the layers' folders"
        );
        let empty = tempfile::tempdir_in(folder).unwrap();
        let mut lower: Vec<&str> = vec![data["Data"]["UpperDir"].as_str().unwrap()];
        lower.extend(data["Data"]["LowerDir"].as_str());
        lower.push(empty.path().to_str().unwrap());
        let mount = Mount::overlay(&lower.join(":"), tempfile::tempdir_in(folder).unwrap());
        listing::of_folder(mount.0.path(), detail).unwrap()
    }

    /// The tree as `docker export` of a container writes it.
    fn exported(&self, detail: Detail) -> Listing {
        let out = run(docker().args(["create", &self.0]));
        let id = String::from_utf8(out).unwrap().trim().to_owned();
        let tar = output(docker().args(["export", &id]));
        run(docker().args(["rm", "-f", &id]));
        assert!(
            tar.status.success(),
            "{}",
            String::from_utf8_lossy(&tar.stderr)
        );
        let mut store = minifier_tests::layers::MemoryStore::default();
        let layer = ustar::read_layer(&tar.stdout[..], 0, &mut store).unwrap();
        let rootfs = RootFs::merge([layer]).unwrap();
        let mut listing = listing::of_tree(&rootfs, &store, None, detail);
        // What Docker puts into every container.
        listing.retain(|path, _| {
            let top = path.components().next().unwrap_or_default();
            ![&b".dockerenv"[..], b"dev", b"etc", b"proc", b"sys"].contains(&top)
        });
        listing
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = docker().args(["image", "rm", "-f", &self.0]).output();
    }
}

struct Mount(TempDir);

impl Mount {
    fn overlay(lower: &str, at: TempDir) -> Self {
        let options = format!("ro,lowerdir={lower}");
        run(Command::new("mount")
            .args(["-t", "overlay", "overlay", "-o", &options])
            .arg(at.path()));
        Self(at)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn docker_load_gives_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let name = format!("traps-{mode:?}").to_lowercase();
        let loaded = Loaded::new(&case.rebuilt.bundle(), &name, case.folder.path());
        // Docker's own folder for the root, and times it takes for out of range.
        let detail = Detail {
            root: false,
            bound_times: true,
            ..ON_DISK
        };
        let found = loaded.on_disk(case.folder.path(), detail);
        listing::assert_same("docker's layers", &found, &case.expected(detail));

        let detail = Detail {
            xattrs: &["security.capability"],
            ..detail
        };
        let mut expected = case.expected(detail);
        for line in expected.values_mut() {
            // Exports have whole seconds.
            let point = line.find(" time ").unwrap()
                + line[line.find(" time ").unwrap()..].find('.').unwrap();
            line.replace_range(point..point + 10, ".000000000");
        }
        let found = loaded.exported(detail);
        listing::assert_same("docker export", &found, &expected);

        let diff_ids: Vec<String> = (case.rebuilt.layers.iter())
            .map(|layer| layer.file.diff_id.to_string())
            .collect();
        let layers = loaded.inspect("{{json .RootFS.Layers}}");
        assert_eq!(layers, serde_json::json!(diff_ids).to_string());
    }
}

#[test]
fn docker_makes_the_same_of_the_original_and_of_all_of_it_rebuilt() {
    let mut case = Case::new(LayerMode::Preserve);
    let all = keep(&case.rootfs, |_| true);
    let mut watch = |_| ControlFlow::Continue(());
    case.rebuilt = rebuild(
        &case.image,
        &case.rootfs,
        &all,
        &case.traps.store,
        &RebuildOptions::default(),
        case.folder.path(),
        &mut watch,
    )
    .unwrap();
    let folder = case.folder.path();
    let original = Loaded::new(&case.original, "original", folder);
    let rebuilt = Loaded::new(&case.rebuilt.bundle(), "all", folder);
    let detail = Detail {
        root: false,
        ..ON_DISK
    };
    let found = rebuilt.on_disk(folder, detail);
    listing::assert_same("rebuilt", &found, &original.on_disk(folder, detail));
    for layer in &case.rebuilt.layers {
        let tar = fs::read(&layer.file.path).unwrap();
        assert!(!tar.windows(SECRET.len()).any(|window| window == SECRET));
    }
}

/// A store of podman's own in a folder, unmounted at the end.
struct Podman(PathBuf);

impl Podman {
    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        // Its vfs driver copies layers, and loses hard links and extended attributes on the way.
        command.args([
            "--storage-driver",
            "overlay",
            "--cgroup-manager",
            "cgroupfs",
        ]);
        command.arg("--root").arg(self.0.join("root"));
        command.arg("--runroot").arg(self.0.join("run"));
        command
    }

    fn text(&self, args: &[&str]) -> String {
        let out = run(self.command().args(args));
        String::from_utf8(out).unwrap().trim().to_owned()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self
            .command()
            .args(["image", "umount", "-a", "-f"])
            .output();
        let _ = self.command().args(["image", "rm", "-a", "-f"]).output();
        let _ = Command::new("umount")
            .arg(self.0.join("root/overlay"))
            .output();
    }
}

#[test]
fn docker_podman_load_gives_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, info) = case.archive("localhost/mfrebuild-podman:x");
        let podman = Podman(case.path("podman"));
        podman.text(&["load", "-q", "-i", archive.to_str().unwrap()]);
        let id = podman.text(&["image", "inspect", "-f", "{{.Id}}", "mfrebuild-podman:x"]);
        assert_eq!(id, info.image_id.to_hex());
        let mounted = podman.text(&["image", "mount", "mfrebuild-podman:x"]);
        let detail = Detail {
            root: false,
            bound_times: true,
            ..ON_DISK
        };
        let found = listing::of_folder(Path::new(&mounted), detail).unwrap();
        listing::assert_same("podman", &found, &case.expected(detail));
    }
}

#[test]
fn docker_umoci_unpacks_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, _) = case.archive("mfrebuild:x");
        let layout = case.path("layout");
        fs::create_dir(&layout).unwrap();
        run(Command::new("tar")
            .arg("-xf")
            .arg(&archive)
            .arg("-C")
            .arg(&layout));
        let image = format!("{}:x", layout.display());
        run(Command::new("umoci")
            .args(["unpack", "--image", &image])
            .arg(case.path("bundle")));
        let found = listing::of_folder(&case.path("bundle/rootfs"), ON_DISK).unwrap();
        listing::assert_same("umoci", &found, &case.expected(ON_DISK));
    }
}

#[test]
fn docker_skopeo_reads_the_archive_both_ways() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, info) = case.archive("mfrebuild:x");
        let diff_ids: Vec<String> = case
            .rebuilt
            .layers
            .iter()
            .map(|l| l.file.diff_id.to_string())
            .collect();
        for source in [
            format!("docker-archive:{}", archive.display()),
            format!("docker-archive:{}:mfrebuild:x", archive.display()),
            format!("oci-archive:{}", archive.display()),
            format!("oci-archive:{}:x", archive.display()),
        ] {
            let out = run(Command::new("skopeo").args(["inspect", &source]));
            let seen: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(seen["Layers"], serde_json::json!(diff_ids), "{source}");
            let out = run(Command::new("skopeo").args(["inspect", "--config", "--raw", &source]));
            assert_eq!(out, case.rebuilt.config.to_bytes(), "{source}");
            if source.starts_with("oci") {
                let out = run(Command::new("skopeo").args(["inspect", "--raw", &source]));
                assert_eq!(minifier::image::Digest::of(&out), info.manifest);
            }
            let copy = tempfile::tempdir_in(case.folder.path()).unwrap();
            run(Command::new("skopeo")
                .args(["--insecure-policy", "copy", "-q", &source])
                .arg(format!("oci:{}:x", copy.path().display())));
        }
    }
}

#[test]
fn docker_gnu_tar_extracts_exactly_the_kept_part() {
    let case = Case::new(LayerMode::Flatten);
    for locale in ["C", "C.UTF-8"] {
        let out = case.path(locale);
        fs::create_dir(&out).unwrap();
        run(Command::new("tar")
            .env("LC_ALL", locale)
            .args(["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"])
            .arg(&case.rebuilt.layers[0].file.path)
            .arg("-C")
            .arg(&out));
        let found = listing::of_folder(&out, ON_DISK).unwrap();
        listing::assert_same("GNU tar", &found, &case.expected(ON_DISK));
    }
}

#[test]
fn docker_an_image_of_which_nothing_stays_is_an_image() {
    let case = Case::new(LayerMode::Preserve);
    let mut watch = |_| ControlFlow::Continue(());
    let rebuilt = rebuild(
        &case.image,
        &case.rootfs,
        &KeepSet::default(),
        &case.traps.store,
        &RebuildOptions::default(),
        case.folder.path(),
        &mut watch,
    )
    .unwrap();
    let loaded = Loaded::new(&rebuilt.bundle(), "nothing", case.folder.path());
    assert_eq!(loaded.inspect("{{len .RootFS.Layers}}"), "0");
    let archive = case.path("nothing.tar");
    run(Command::new("skopeo").args(["inspect", &format!("docker-archive:{}", archive.display())]));
}

/// A namespace of its own in the containerd that runs below Docker.
struct Containerd {
    namespace: String,
    image: String,
    mounted: PathBuf,
}

impl Containerd {
    fn command(&self) -> Command {
        let sockets = [
            "/run/containerd/containerd.sock",
            "/run/docker/containerd/containerd.sock",
        ];
        let socket = sockets.iter().find(|socket| Path::new(socket).exists());
        let mut command = Command::new("ctr");
        command.args([
            "-a",
            socket.expect("containerd listens at one of its usual places"),
        ]);
        command.args(["-n", &self.namespace]);
        command
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self
            .command()
            .args(["images", "unmount", "--rm"])
            .arg(&self.mounted)
            .output();
        let _ = self
            .command()
            .args(["images", "rm", "--sync", &self.image])
            .output();
        let _ = self
            .command()
            .args(["namespaces", "rm", &self.namespace])
            .output();
    }
}

/// Current Docker engines keep images in containerd and load archives as it does.
#[test]
fn docker_containerd_imports_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, info) = case.archive("mfrebuild:x");
        let containerd = Containerd {
            namespace: format!("mfrebuild-{}", std::process::id()),
            image: "docker.io/library/mfrebuild:x".into(),
            mounted: case.path("mounted"),
        };
        fs::create_dir(&containerd.mounted).unwrap();
        run(containerd
            .command()
            .args(["images", "import"])
            .arg(&archive));
        let listed = run(containerd.command().args(["images", "ls"]));
        let listed = String::from_utf8(listed).unwrap();
        assert!(listed.contains(&info.manifest.to_string()), "{listed}");
        run(containerd
            .command()
            .args(["images", "mount", &containerd.image])
            .arg(&containerd.mounted));
        // It sets no extended attributes on links.
        let detail = Detail {
            root: false,
            bound_times: true,
            xattrs: &["user.", "security.", "system."],
            ..ON_DISK
        };
        let found = listing::of_folder(&containerd.mounted, detail).unwrap();
        listing::assert_same("containerd", &found, &case.expected(detail));
    }
}
