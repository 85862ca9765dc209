//! The made-up image against its minified form.

use minifier::xray::model::{
    ChangeKind, Comparison, FileChange, PackageChange, PackageInfo, PackageKind, SCHEMA_VERSION,
    SideSummary, ValueChange,
};

use super::HOSTILE;
use super::packages::package;

fn requests(version: &str) -> PackageInfo {
    package(
        PackageKind::Python,
        &format!("pkg:pypi/requests@{version}"),
        ("requests", version),
        Some("Apache-2.0"),
        610_000,
    )
}

/// What changed.
pub fn comparison() -> Comparison {
    let file = |path: &str, change, from_size, to_size| FileChange {
        path: path.to_owned(),
        change,
        from_size,
        to_size,
    };
    let gcc = package(
        PackageKind::Deb,
        "pkg:deb/debian/gcc-12@12.2.0-14?arch=amd64",
        ("gcc-12", "12.2.0-14"),
        None,
        71_000_000,
    );
    Comparison {
        schema_version: SCHEMA_VERSION,
        minifier: "0.1.0".to_owned(),
        from: SideSummary {
            reference: "shop/web:1.4.2".to_owned(),
            id: format!("sha256:{}", "b".repeat(64)),
            size: 226_900_000,
            stored_size: 82_345_678,
            files: 12_345,
            layers: 4,
            packages: 13,
            efficiency: 0.905_685,
        },
        to: SideSummary {
            reference: "shop/web:1.4.2-slim".to_owned(),
            id: format!("sha256:{}", "c".repeat(64)),
            size: 33_600_000,
            stored_size: 13_000_000,
            files: 1_204,
            layers: 4,
            packages: 11,
            efficiency: 1.0,
        },
        files: vec![
            file("/usr/lib/gcc/cc1", ChangeKind::Removed, 31_000_000, 0),
            file(
                &format!("/app/{HOSTILE}"),
                ChangeKind::Removed,
                2_000_000,
                0,
            ),
            file("/app/new.txt", ChangeKind::Added, 0, 300_000),
            file("/app/shop.db", ChangeKind::Content, 1_400_000, 1_300_000),
            file("/etc/passwd", ChangeKind::Metadata, 1_000, 1_000),
        ],
        unchanged_files: 1_201,
        packages: vec![
            PackageChange {
                from: Some(gcc),
                to: None,
            },
            PackageChange {
                from: Some(requests("2.32.3")),
                to: Some(requests("2.32.4")),
            },
            PackageChange {
                from: None,
                to: Some(package(
                    PackageKind::Npm,
                    "pkg:npm/evil@1",
                    (HOSTILE, "1"),
                    None,
                    10,
                )),
            },
        ],
        config: vec![ValueChange {
            field: "User".to_owned(),
            from: String::new(),
            to: HOSTILE.to_owned(),
        }],
        common_layers: vec![format!("sha256:{}", "0".repeat(64))],
        problems: vec![format!("{HOSTILE}: not understood")],
    }
}
