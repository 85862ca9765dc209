//! The daemon: what it makes of the layers, and of a container.

use std::fs;
use std::path::Path;
use std::process::Command;

use minifier::image::Bundle;
use minifier::rebuild::LayerMode;
use minifier::rootfs::RootFs;
use minifier_tests::command::{output, run};
use minifier_tests::layers::MemoryStore;
use minifier_tests::listing::{self, Detail, Listing};
use minifier_tests::traps::SECRET;
use minifier_tests::ustar;
use tempfile::TempDir;
use xtask::container::Container;
use xtask::docker::{TemporaryImage, docker, docker_output};

use crate::rebuild_tools::case::{Case, ON_DISK, archive};

/// An image in the daemon, removed at the end.
struct Loaded(TemporaryImage);

impl Loaded {
    fn new(bundle: &Bundle, what: &str, folder: &Path) -> Self {
        let tag = format!("mfrebuild-{what}:{}", std::process::id());
        let path = folder.join(format!("{what}.tar"));
        let info = archive(bundle, &tag, &path);
        let loaded = Self(TemporaryImage::new(tag));
        run(docker().args(["load", "-q", "-i"]).arg(&path));
        let id = loaded.inspect("{{.Id}}");
        assert_eq!(id, info.image_id.to_string(), "the image ID is another");
        loaded
    }

    fn inspect(&self, format: &str) -> String {
        docker_output(&["image", "inspect", "-f", format, self.0.name()]).unwrap()
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
        let container = Container::create(&[self.0.name()]).unwrap();
        let tar = output(docker().args(["export", container.id()]));
        assert!(
            tar.status.success(),
            "{}",
            String::from_utf8_lossy(&tar.stderr)
        );
        let mut store = MemoryStore::default();
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
    let case = Case::keeping(LayerMode::Preserve, |_| true);
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

#[test]
fn docker_an_image_of_which_nothing_stays_is_an_image() {
    let case = Case::keeping(LayerMode::Preserve, |_| false);
    let loaded = Loaded::new(&case.rebuilt.bundle(), "nothing", case.folder.path());
    assert_eq!(loaded.inspect("{{len .RootFS.Layers}}"), "0");
    let archive = case.path("nothing.tar");
    run(Command::new("skopeo").args(["inspect", &format!("docker-archive:{}", archive.display())]));
}
