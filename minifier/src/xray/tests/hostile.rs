//! Archives and databases that are made to break the reader: problems are named, and the rest is reported.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::rootfs::tar::testing::Tar;
use crate::transport::{Control, Limits};
use crate::xray::testing::{analyse, image};
use crate::xray::{ScanOptions, XrayError, XrayOptions, xray};

#[test]
fn a_layer_that_ends_early_leaves_the_others() {
    let good = Tar::new().file("good", b"12345").bytes();
    let bad = Tar::new().file("bad", &[b'x'; 5000]).bytes();
    let xray = analyse(&image(&[good, bad[..2000].to_vec()], json!({}))).xray;
    assert!(xray.is_partial());
    assert!(
        xray.problems
            .iter()
            .any(|p| p.starts_with("layer 1: ") && p.contains("bad")),
        "{:?}",
        xray.problems
    );
    assert!(
        xray.contents
            .largest_files
            .iter()
            .any(|f| f.path == "/good")
    );
}

#[test]
fn entries_that_take_far_more_memory_than_is_stored_are_refused() {
    let below = "d/".repeat(90);
    let tar = (0..1500)
        .fold(Tar::new(), |tar, i| tar.file(&format!("{i}/{below}f"), b""))
        .bytes();
    let stored = image(std::slice::from_ref(&tar), json!({}));
    for contents in [true, false] {
        let scan = |limits| ScanOptions {
            contents,
            limits,
            threads: 2,
        };
        let options = |limits| XrayOptions {
            scan: scan(limits),
            ..XrayOptions::default()
        };
        let limits = Limits::default();
        let error = xray(&stored, &options(limits), &Control::none()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the entries of the layers take more than"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("--max-uncompressed"));
        let trusted = Limits {
            ratio: None,
            ..limits
        };
        let analysis = xray(&stored, &options(trusted), &Control::none()).unwrap();
        assert_eq!(analysis.xray.image.files, 1500);
    }
}

#[test]
fn a_layer_that_unpacks_to_too_much_is_cut_off() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&Tar::new().file("zeros", &vec![0; 3 << 20]).bytes())
        .unwrap();
    let limits = Limits {
        uncompressed: 1 << 20,
        ..Limits::default()
    };
    let options = XrayOptions {
        scan: ScanOptions {
            limits,
            ..ScanOptions::default()
        },
        ..XrayOptions::default()
    };
    let stored = image(&[gzip.finish().unwrap()], json!({}));
    let xray = xray(&stored, &options, &Control::none()).unwrap().xray;
    assert!(
        xray.problems
            .iter()
            .any(|p| p.starts_with("layer 0: ") && p.contains("more than 1048576 bytes")),
        "{:?}",
        xray.problems
    );
}

#[test]
fn whoever_cancels_gets_no_report() {
    let token = CancellationToken::new();
    let stored = image(&[Tar::new().file("a", b"1").bytes()], json!({}));
    token.cancel();
    for contents in [true, false] {
        let scan = ScanOptions {
            contents,
            ..ScanOptions::default()
        };
        let options = XrayOptions {
            scan,
            ..XrayOptions::default()
        };
        let control = Control::new(token.clone(), Arc::new(|_| {}));
        let error = xray(&stored, &options, &control).unwrap_err();
        assert!(matches!(error, XrayError::Cancelled { .. }), "{error}");
    }
}

#[test]
fn garbage_in_databases_is_named_and_the_rest_is_read() {
    let status = b"garbage\n\xff\xfe\n\nPackage: good\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\n";
    let tar = Tar::new()
        .file("var/lib/dpkg/status", status)
        .file(
            "lib/apk/db/installed",
            b"garbage\n\nP:busybox\nV:1\nA:x86_64\n",
        )
        .file("a/node_modules/.package-lock.json", b"{garbage")
        .file("broken.jar", b"PK\x03\x04 and no directory")
        .file("usr/lib/liba.so.1", b"\x7fELF and no header")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let names: Vec<&str> = xray
        .packages
        .packages
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["good", "busybox", "broken"]);
    for part in [
        "/var/lib/dpkg/status",
        "/lib/apk/db/installed",
        ".package-lock.json",
        "/broken.jar",
        "/usr/lib/liba.so.1",
    ] {
        assert!(
            xray.problems.iter().any(|p| p.contains(part)),
            "{part} in {:?}",
            xray.problems
        );
    }
}

#[test]
fn a_broken_rpm_database_is_named_as_not_read() {
    let tar = Tar::new()
        .file("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let unread = &xray.packages.unread[0];
    assert_eq!(unread.path, "/var/lib/rpm/rpmdb.sqlite");
    assert!(unread.reason.contains("malformed"), "{}", unread.reason);
    assert!(
        xray.problems.iter().any(|p| p.contains(&unread.path)),
        "{:?}",
        xray.problems
    );
}

#[test]
fn paths_that_no_system_can_use_are_left_out() {
    let long = vec!["d"; 2100].join("/");
    let tar = Tar::new().file(&long, b"x").file("short", b"x").bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    assert_eq!(xray.image.files, 1);
    assert!(
        xray.problems[0].contains("more than a file system accepts"),
        "{:?}",
        xray.problems
    );
}

#[test]
fn sizes_and_efficiency_do_not_need_contents() {
    let layers = [
        Tar::new()
            .file("a", &[b'x'; 5000])
            .file("b", &[b'y'; 300])
            .bytes(),
        Tar::new().file(".wh.a", b"").bytes(),
    ];
    let stored = image(&layers, json!({}));
    let scan = ScanOptions {
        contents: false,
        ..ScanOptions::default()
    };
    let options = XrayOptions {
        scan,
        ..XrayOptions::default()
    };
    let quick = xray(&stored, &options, &Control::none()).unwrap().xray;
    let full = analyse(&stored).xray;
    assert_eq!(quick.efficiency, full.efficiency);
    assert_eq!(quick.image.size, full.image.size);
    assert_eq!(quick.problems, full.problems);
}

proptest::proptest! {
    #[test]
    fn edited_layers_never_panic(edits in proptest::collection::vec((0usize..4000, proptest::prelude::any::<u8>()), 0..20)) {
        let mut tar = Tar::new()
            .file("var/lib/dpkg/status", b"Package: a\nStatus: install ok installed\n")
            .file("app/x.jar", &crate::xray::testing::zip(&[("META-INF/MANIFEST.MF", b"A: b\n")]))
            .symlink("l", "app")
            .bytes();
        for (at, value) in edits {
            let length = tar.len();
            tar[at % length] = value;
        }
        let _ = analyse(&image(&[tar], serde_json::json!({}))).xray;
    }
}
