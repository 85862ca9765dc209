//! Programs that need no store: umoci, skopeo, GNU tar.

use std::fs;
use std::process::Command;

use minifier::rebuild::LayerMode;
use minifier_tests::command::run;
use minifier_tests::listing;

use crate::rebuild_tools::case::{Case, ON_DISK};

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
