//! Packages of every kind, with licences as people declare them.

use minifier::xray::model::{PackageInfo, PackageKind, Packages, UnreadDatabase};

use super::HOSTILE;

pub(crate) fn package(
    kind: PackageKind,
    purl: &str,
    (name, version): (&str, &str),
    licence: Option<&str>,
    size: u64,
) -> PackageInfo {
    let location = match kind {
        PackageKind::Deb => "/var/lib/dpkg/status".to_owned(),
        PackageKind::Apk => "/lib/apk/db/installed".to_owned(),
        PackageKind::Rpm => "/usr/lib/sysimage/rpm/rpmdb.sqlite".to_owned(),
        PackageKind::Python => format!("/usr/lib/python3/{name}.dist-info/METADATA"),
        PackageKind::Npm => format!("/app/node_modules/{name}/package.json"),
        PackageKind::Gem => format!("/var/lib/gems/{name}.gemspec"),
        PackageKind::Java => "/opt/app.jar!BOOT-INF/lib/inner.jar".to_owned(),
        PackageKind::Go | PackageKind::Cargo => "/usr/local/bin/tool".to_owned(),
    };
    PackageInfo {
        id: purl.to_owned(),
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: (kind == PackageKind::Deb).then(|| "amd64".to_owned()),
        licence: licence.map(str::to_owned),
        source: (name == "libc6").then(|| "glibc".to_owned()),
        supplier: None,
        download: None,
        checksums: Vec::new(),
        depends_on: Vec::new(),
        size,
        files: size / 20_000,
        layer: usize::from(kind != PackageKind::Deb) + 1,
        location,
        dev: name == "eslint",
        vendored: false,
        application: false,
    }
}

pub(crate) fn packages() -> Packages {
    use PackageKind as K;
    Packages {
        packages: vec![
            package(
                K::Deb,
                "pkg:deb/debian/gcc-12@12.2.0-14?arch=amd64",
                ("gcc-12", "12.2.0-14"),
                Some("GPL-3.0-or-later WITH GCC-exception-3.1"),
                71_000_000,
            ),
            package(
                K::Deb,
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64",
                ("libc6", "2.36-9+deb12u10"),
                None,
                12_900_000,
            ),
            package(
                K::Apk,
                "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64",
                ("musl", "1.2.5-r0"),
                Some("MIT"),
                650_000,
            ),
            package(
                K::Python,
                "pkg:pypi/gunicorn@22.0.0",
                ("gunicorn", "22.0.0"),
                Some("MIT License"),
                420_000,
            ),
            package(
                K::Python,
                "pkg:pypi/requests@2.32.3",
                ("requests", "2.32.3"),
                Some("Apache-2.0"),
                610_000,
            ),
            package(
                K::Python,
                "pkg:pypi/requests@2.32.3",
                ("requests", "2.32.3"),
                Some("Apache-2.0"),
                610_000,
            ),
            package(
                K::Npm,
                "pkg:npm/%40scope/name@1.0.0",
                ("@scope/name", "1.0.0"),
                Some("(MIT OR Apache-2.0)"),
                90_000,
            ),
            package(
                K::Npm,
                "pkg:npm/eslint@9.1.0",
                ("eslint", "9.1.0"),
                Some("SEE LICENSE IN LICENCE.txt"),
                3_100_000,
            ),
            package(K::Npm, "pkg:npm/evil@1", (HOSTILE, ""), Some(HOSTILE), 10),
            package(
                K::Gem,
                "pkg:gem/rack@3.1.0",
                ("rack", "3.1.0"),
                Some("MIT"),
                500_000,
            ),
            package(
                K::Java,
                "pkg:maven/org.slf4j/slf4j-api@2.0.13",
                ("org.slf4j:slf4j-api", "2.0.13"),
                Some("GPL-2.0+ AND BSD"),
                63_000,
            ),
            package(
                K::Go,
                "pkg:golang/golang.org/x/net@v0.30.0",
                ("golang.org/x/net", "v0.30.0"),
                None,
                0,
            ),
            package(
                K::Cargo,
                "pkg:cargo/serde@1.0.210",
                ("serde", "1.0.210"),
                Some("MIT/Apache-2.0"),
                0,
            ),
        ],
        unread: vec![UnreadDatabase {
            path: "/var/lib/rpm/rpmdb.sqlite".to_owned(),
            reason: "rpm databases are not read yet".to_owned(),
        }],
        unowned_files: 801,
        unowned_size: 9_700_000,
    }
}

/// Adds suppliers, origins, checksums and dependencies in each form, and a package of rpm with a licence of its own.
pub(crate) fn relate(packages: &mut Vec<PackageInfo>) {
    packages.push(package(
        PackageKind::Rpm,
        "pkg:rpm/fedora/zlib-ng@2.1.6-2.fc40?arch=x86_64",
        ("zlib-ng", "2.1.6-2.fc40"),
        Some("Zlib AND LicenseRef-Fedora-Public-Domain"),
        190_000,
    ));
    let ids: Vec<String> = packages.iter().map(|info| info.id.clone()).collect();
    let id_of = |name: &str| {
        let at = packages.iter().position(|info| info.name == name);
        ids[at.expect("a package of the sample")].clone()
    };
    let (libc, rack) = (id_of("libc6"), id_of("rack"));
    for info in packages {
        match info.name.as_str() {
            "gcc-12" => {
                let maintainers = "Debian GCC Maintainers <debian-gcc@lists.debian.org>";
                info.supplier = Some(maintainers.to_owned());
                info.depends_on = vec![libc.clone(), "pkg:deb/debian/not-there@1".to_owned()];
            }
            "libc6" => info.supplier = Some(HOSTILE.to_owned()),
            "zlib-ng" => {
                info.supplier = Some("Fedora Project".to_owned());
                info.checksums = vec![format!("sha256:{}", "a".repeat(64))];
            }
            "requests" => {
                info.supplier = Some("Kenneth Reitz <me@example.org>".to_owned());
                let origin = "git+https://example.org/requests.git@0a1b2c";
                info.download = Some(origin.to_owned());
            }
            "@scope/name" => {
                info.download = Some("https://example.org/name-1.0.0.tgz".to_owned());
                info.checksums = vec![format!("sha512:{}", "b".repeat(128))];
            }
            "org.slf4j:slf4j-api" => {
                info.vendored = true;
                info.depends_on = vec![rack.clone()];
            }
            "golang.org/x/net" => info.application = true,
            _ => {}
        }
    }
}
