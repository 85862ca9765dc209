//! Images that are made to take time or memory: what they take grows as what is stored of them, and large images lose
//! nothing. None of these tests ends in its time if something is looked at once for each of many others.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::Xray;
use crate::xray::testing::{analyse, image};

fn gzip(tar: Tar) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.bytes()).unwrap();
    gzip.finish().unwrap()
}

fn xray_of(tar: Tar) -> Xray {
    analyse(&image(&[gzip(tar)], json!({}))).xray
}

#[test]
fn thousands_of_packages_lose_nothing() {
    const PACKAGES: usize = 6000;
    let mut status = String::new();
    let mut tar = Tar::new();
    for n in 0..PACKAGES {
        let description = " A line of a description, as long as they are.\n".repeat(8);
        writeln!(
            status,
            "Package: libpackage{n}\nStatus: install ok installed\nPriority: optional\nSection: libs\n\
             Installed-Size: 100\nMaintainer: Some Maintainers <maintainers@lists.example.org>\n\
             Architecture: amd64\nMulti-Arch: same\nVersion: 1.{n}.0-1\n\
             Depends: libc6 (>= 2.34), libpackage{} (>= 1.0)\nDescription: one\n{description}",
            n / 2
        )
        .unwrap();
        let list = format!("/.\n/usr\n/usr/share/doc/libpackage{n}\n").repeat(8);
        let name = format!("var/lib/dpkg/info/libpackage{n}:amd64.list");
        tar = tar.file(&name, format!("{list}/usr/lib/{n}\n").as_bytes());
        tar = tar.file(&format!("usr/lib/{n}"), b"x");
    }
    let xray = xray_of(tar.file("var/lib/dpkg/status", status.as_bytes()));
    assert_eq!(xray.problems, Vec::<String>::new());
    let packages = &xray.packages.packages;
    assert_eq!(packages.len(), PACKAGES);
    assert!(packages.iter().all(|package| package.files == 2));
    let needing = packages.iter().filter(|p| !p.depends_on.is_empty());
    // The first one needs itself.
    assert_eq!(needing.count(), PACKAGES - 1);
}

#[test]
fn packages_beyond_what_is_stored_are_left_out_and_named() {
    let mut status = String::new();
    for n in 0..60_000 {
        writeln!(
            status,
            "Package: p{n}\nStatus: install ok installed\nVersion: 1\n"
        )
        .unwrap();
    }
    let xray = xray_of(Tar::new().file("var/lib/dpkg/status", status.as_bytes()));
    let packages = xray.packages.packages.len();
    assert!((5_000..50_000).contains(&packages), "{packages}");
    let named = "there is no room for the package pkg:deb/debian/p";
    assert!(xray.problems[0].contains(named), "{:?}", xray.problems);
    let more = format!("{} more problems", 60_000 - packages - 50);
    assert!(xray.problems[50].starts_with(&more), "{:?}", xray.problems);
    assert_eq!(xray.problems.len(), 51);
}

#[test]
fn what_small_files_hold_is_kept_as_far_as_there_is_room() {
    let requires: String = (0..500).map(|n| format!("Requires-Dist: q{n}\n")).collect();
    let tar = (0..4000).fold(Tar::new(), |tar, n| {
        let text = format!("Name: p{n}\nVersion: 1\n{requires}\n");
        tar.file(&format!("s/p{n}.dist-info/METADATA"), text.as_bytes())
    });
    let xray = xray_of(tar);
    let packages = xray.packages.packages.len();
    assert!((100..4000).contains(&packages), "{packages}");
    let problems = &xray.problems;
    assert!(problems[0].contains("there is no room"), "{problems:?}");
    assert!(problems[0].contains("METADATA"), "{problems:?}");
    assert!(problems.len() < 120, "{}", problems.len());
}

#[test]
fn secrets_are_found_where_there_is_no_room_for_documents() {
    let list = b"/a\n".repeat(4 << 20);
    let tar = (0..6).fold(Tar::new(), |tar, n| {
        tar.file(&format!("var/lib/dpkg/info/{n}.list"), &list)
    });
    let xray = xray_of(tar.file("z/.env", b"DB_PASSWORD=t7Gh2kLp9\n"));
    assert!(
        xray.problems.iter().any(|p| p.contains("4.list")),
        "{:?}",
        xray.problems
    );
    let details = xray.security.findings.iter().map(|f| f.detail.as_str());
    assert!(details.into_iter().any(|detail| detail == "env-secret"));
}

#[test]
fn a_list_of_dpkg_is_that_of_one_package() {
    let mut status = String::new();
    for n in 0..10_000 {
        writeln!(
            status,
            "Package: a\nStatus: install ok installed\nVersion: {n}\n"
        )
        .unwrap();
    }
    let mut list = String::new();
    let mut tar = Tar::new();
    for n in 0..5000 {
        writeln!(list, "/f/{n}").unwrap();
        tar = tar.file(&format!("f/{n}"), b"");
    }
    let xray = xray_of(
        tar.file("var/lib/dpkg/status", status.as_bytes())
            .file("var/lib/dpkg/info/a.list", list.as_bytes()),
    );
    let files = xray.packages.packages.iter().map(|package| package.files);
    assert_eq!(files.clone().max(), Some(5001));
    assert_eq!(files.filter(|&files| files > 1).count(), 1);
}

#[test]
fn packages_that_lie_in_each_other_have_their_files_counted_so_often() {
    // Each has the files of all that lie in it.
    let mut tar = Tar::new();
    for depth in 1..=100 {
        let dir = "a.dist-info/".repeat(depth);
        let metadata = format!("Name: p{depth}\nVersion: 1\n\n");
        tar = tar.file(&format!("{dir}METADATA"), metadata.as_bytes());
    }
    let dir = "a.dist-info/".repeat(100);
    for n in 0..20_000 {
        tar = tar.file(&format!("{dir}{n}"), b"");
    }
    let xray = xray_of(tar);
    assert_eq!(xray.packages.packages.len(), 100);
    let said = "their directories are nested too deeply";
    assert!(
        xray.problems.iter().any(|p| p.contains(said)),
        "{:?}",
        xray.problems
    );
}

#[test]
fn a_file_that_is_needed_by_a_hundred_thousand_names_has_one_owner() {
    let mut installed = String::new();
    for package in 0..20 {
        // Every way to write `/a` with so many slashes and dots.
        let ways = (0..5000).map(|n| {
            let parts = (0..17).map(|bit| match (package * 5000 + n) >> bit & 1 {
                0 => "/",
                _ => "/.",
            });
            parts.collect::<String>() + "/a"
        });
        let needs: Vec<String> = ways.collect();
        let needs = needs.join(" ");
        writeln!(installed, "P:p{package}\nV:1\nD:{needs}\n").unwrap();
    }
    installed += "P:owner\nV:1\nF:\nR:a\n\n";
    let xray = xray_of(
        Tar::new()
            .file("a", b"")
            .file("lib/apk/db/installed", installed.as_bytes()),
    );
    let packages = &xray.packages.packages;
    let needing = packages.iter().filter(|p| p.depends_on.len() == 1);
    assert_eq!((packages.len(), needing.count()), (21, 20));
}

#[test]
fn names_of_a_file_that_goes_are_looked_at_once() {
    let first = Tar::new().file("tmp/0", &vec![b'x'; 3 << 20]);
    let tar = (1..20_000).fold(first, |tar, n| {
        tar.add(tar::EntryType::Link, &format!("tmp/{n}"), "tmp/0", b"")
    });
    let xray = xray_of(tar);
    assert_eq!(xray.image.files, 1);
    let freed = xray.recommendations.iter().map(|r| r.saves).max();
    assert_eq!(freed, Some(3 << 20), "{:?}", xray.recommendations);
}

#[test]
fn places_of_waste_that_lie_in_each_other_are_looked_at_once() {
    let mut tar = Tar::new();
    for depth in 1..=600 {
        let dir = "a/".repeat(depth);
        tar = tar.file(&format!("{dir}x.pyc"), &[b'x'; 2000]);
    }
    let dir = "a/".repeat(600);
    for n in 0..20_000 {
        tar = tar.file(&format!("{dir}{n}.pyc"), &[b'x'; 100]);
    }
    let xray = xray_of(tar.file(&format!("{dir}kept"), b"x"));
    let waste = xray.waste.iter().map(|waste| waste.files).max();
    assert_eq!(waste, Some(20_600));
}

#[test]
fn whiteouts_deep_in_the_tree_are_looked_at_once() {
    let dir = "d/".repeat(1900);
    let below = Tar::new().file(&format!("{dir}0"), b"x");
    let above = (0..2000).fold(Tar::new(), |tar, n| tar.file(&format!("{dir}.wh.{n}"), b""));
    let xray = analyse(&image(&[gzip(below), gzip(above)], json!({}))).xray;
    assert_eq!(xray.layers[1].removed, 1);
}
