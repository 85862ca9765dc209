//! Databases of distributions in the states that images have them in.

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::model::{PackageKind, Packages};
use crate::xray::testing::{analyse, image};

fn packages(layers: &[Vec<u8>]) -> Packages {
    let xray = analyse(&image(layers, json!({}))).xray;
    assert_eq!(xray.problems, [""; 0]);
    xray.packages
}

fn list(packages: &Packages) -> Vec<String> {
    let all = packages.packages.iter();
    all.map(|p| format!("{} {} {}", p.name, p.files, p.layer))
        .collect()
}

#[test]
fn packages_of_dpkg_in_every_state_have_the_files_that_diversions_leave_them() {
    let status = "Package: dash\nStatus: install ok installed\nVersion: 1\nMaintainer: Ann <ann@example.org>\n\
                  Pre-Depends: libc6 (>= 2.36), awk\nDepends: bash | zsh, debconf (>= 0.5) | debconf-2.0\n\n\
                  Package: bash\nStatus: install ok half-configured\nVersion: 1\n\n\
                  Package: libc6\nStatus: install ok triggers-awaited\nVersion: 1\nArchitecture: amd64\n\n\
                  Package: mawk\nStatus: install ok unpacked\nVersion: 1\nProvides: awk (= 1)\n\n\
                  Package: half\nStatus: install reinstreq half-installed\nVersion: 1\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
    let tar = Tar::new()
        .file("var/lib/dpkg/status", status.as_bytes())
        .file(
            "var/lib/dpkg/diversions",
            b"/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n",
        )
        .file("var/lib/dpkg/info/dash.list", b"/usr/bin/sh\n")
        .file("var/lib/dpkg/info/bash.list", b"/usr/bin/sh\n")
        .file("usr/bin/sh", b"#!dash")
        .file("usr/bin/sh.distrib", b"#!bash, which is longer")
        .bytes();
    let found = packages(&[tar]);
    assert_eq!(
        list(&found),
        ["bash 2 0", "dash 2 0", "half 0 0", "libc6 0 0", "mawk 0 0"]
    );
    let sizes: Vec<u64> = found.packages.iter().take(2).map(|p| p.size).collect();
    assert_eq!(sizes, [23 + 12, 6 + 12]);
    let dash = &found.packages[1];
    assert_eq!(dash.supplier.as_deref(), Some("Ann <ann@example.org>"));
    assert_eq!(
        dash.depends_on,
        [
            "pkg:deb/debian/bash@1",
            "pkg:deb/debian/libc6@1?arch=amd64",
            "pkg:deb/debian/mawk@1"
        ]
    );
}

#[test]
fn packages_that_both_databases_of_dpkg_have_are_told_once() {
    let control = "Package: a\nVersion: 1\nArchitecture: amd64\n";
    let status = format!("{control}Status: install ok installed\n");
    let tar = Tar::new()
        .file("var/lib/dpkg/status", status.as_bytes())
        .file("var/lib/dpkg/status.d/a", control.as_bytes())
        .file("var/lib/dpkg/status.d/b", b"Package: b\nVersion: 2\n")
        .file(
            "var/lib/dpkg/info/b.md5sums",
            b"0123456789abcdef0123456789abcdef  usr/lib/libb.so\n",
        )
        .file("usr/lib/libb.so", b"x")
        .bytes();
    // The control file and the library.
    assert_eq!(list(&packages(&[tar])), ["a 0 0", "b 2 0"]);
}

#[test]
fn rpm_databases_of_every_form_give_packages_with_files_and_dependencies() {
    let forms: [(&str, &[u8]); 3] = [
        (
            "rpmdb.sqlite",
            include_bytes!("../../../../fuzz/corpus/rpm_database/sqlite"),
        ),
        (
            "Packages.db",
            include_bytes!("../../../../fuzz/corpus/rpm_database/ndb"),
        ),
        (
            "Packages",
            include_bytes!("../../../../fuzz/corpus/rpm_database/bdb"),
        ),
    ];
    for (name, bytes) in forms {
        let base = Tar::new()
            .file("etc/os-release", b"ID=fedora\nVERSION_ID=40\n")
            .symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm")
            .bytes();
        let upper = Tar::new()
            .file(&format!("usr/lib/sysimage/rpm/{name}"), bytes)
            .file("usr/bin/hello", b"#!/bin/sh\n")
            .file("usr/share/greeting/words", b"hello\n")
            .bytes();
        let found = packages(&[base, upper]);
        assert_eq!(list(&found), ["greeting-data 1 1", "hello 1 1"], "{name}");
        let hello = &found.packages[1];
        assert_eq!(hello.kind, PackageKind::Rpm);
        assert_eq!(
            hello.id,
            "pkg:rpm/fedora/hello@2.10-3?arch=noarch&distro=fedora-40&epoch=1&upstream=hello-2.10-3.src.rpm"
        );
        assert_eq!(
            (hello.version.as_str(), hello.source.as_deref()),
            ("1:2.10-3", None)
        );
        assert_eq!(hello.supplier.as_deref(), Some("Example Project"));
        assert_eq!(hello.depends_on, [found.packages[0].id.as_str()]);
        assert_eq!(found.packages[0].source.as_deref(), Some("hello"));
        assert!(
            hello.checksums[0].starts_with("sha256:"),
            "{:?}",
            hello.checksums
        );
        assert_eq!(found.unread, []);
        // The database itself, and os-release.
        assert_eq!(found.unowned_files, 2);
    }
}

#[test]
fn changes_of_an_rpm_database_that_are_in_its_log_are_named() {
    let tar = Tar::new()
        .file(
            "var/lib/rpm/rpmdb.sqlite",
            include_bytes!("../../../../fuzz/corpus/rpm_database/sqlite"),
        )
        .file("var/lib/rpm/rpmdb.sqlite-wal", b"changes")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    assert_eq!(xray.packages.packages.len(), 2);
    assert!(
        xray.problems[0].contains("rpmdb.sqlite-wal"),
        "{:?}",
        xray.problems
    );
}

#[test]
fn the_list_of_a_distroless_image_of_azure_linux_names_its_packages() {
    let line = "filesystem\t1.1-19.azl3\t1715000000\t1714000000\tMicrosoft Corporation\t0\t7596\tx86_64\t0\tfilesystem-1.1-19.azl3.src.rpm\n";
    let tar = Tar::new()
        .file("var/lib/rpmmanifest/container-manifest-2", line.as_bytes())
        .bytes();
    let found = packages(&[tar]);
    let package = &found.packages[0];
    assert_eq!(
        package.id,
        "pkg:rpm/filesystem@1.1-19.azl3?arch=x86_64&upstream=filesystem-1.1-19.azl3.src.rpm"
    );
    assert_eq!(package.supplier.as_deref(), Some("Microsoft Corporation"));
}
