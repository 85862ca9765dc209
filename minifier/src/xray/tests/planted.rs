//! Things that are there to be found, and an image with nothing to find.

use serde_json::json;

use crate::rootfs::tar::testing::Tar;
use crate::xray::compare;
use crate::xray::model::{
    ChangeKind, FindingKind, FindingLocation, PackageKind, Severity, WasteKind, Xray,
};
use crate::xray::testing::{analyse, image, tree_files, zip};

/// It expired on 2026-12-22.
pub(crate) const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBSDCB+6ADAgECAhQnoGLXCNaiG+Kpk3eywC8Q5OylNjAFBgMrZXAwGjEYMBYG
A1UEAwwPcGxhbnRlZC5leGFtcGxlMB4XDTI2MTEyMjA3MTI0N1oXDTI2MTIyMjA3
MTI0N1owGjEYMBYGA1UEAwwPcGxhbnRlZC5leGFtcGxlMCowBQYDK2VwAyEAqHUS
0ZTVOmWSuXJalyT4sCx9XR3BQgIPg+cHEkdfcGmjUzBRMB0GA1UdDgQWBBSnKnnO
S963utdAwc8v4vxf2uiIEjAfBgNVHSMEGDAWgBSnKnnOS963utdAwc8v4vxf2uiI
EjAPBgNVHRMBAf8EBTADAQH/MAUGAytlcANBALEMpnj7EsZZGy/eEJd7vsms4msi
ZQyo4f7BQ3ofFCEEcLQeG0S15BakcWRj8M68xOloOcW7HXFFOvxsOfs1FgU=
-----END CERTIFICATE-----
";

/// A key of nobody, put together here so that no scanner of this repository finds one.
fn private_key() -> String {
    let body = "MC4CAQAwBQYDK2VwBCIEIPy8rxE3V/S+nZja7SHc4VEAXN7MGkDXwaSJMYwkYzoV";
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn findings(xray: &Xray, kind: FindingKind) -> Vec<String> {
    let of_kind = xray.security.findings.iter().filter(|f| f.kind == kind);
    of_kind
        .map(|f| match &f.location {
            FindingLocation::File {
                path,
                layer,
                line,
                visible,
            } => {
                format!(
                    "{path} {layer} {} {visible} {}",
                    line.unwrap_or(0),
                    f.detail
                )
            }
            FindingLocation::Config { field } => format!("{field} {}", f.detail),
            FindingLocation::History { step } => format!("step {step} {}", f.detail),
        })
        .collect()
}

#[test]
fn secrets_are_found_also_where_a_later_layer_removes_them() {
    let token = format!(
        "# comment\ntoken: ghp_{}\n",
        "Q7wE2rT9yU4iO1pAsDf5GhJ8kLzX3cVbN6mK"
    );
    let lower = Tar::new()
        .file("app/id.pem", private_key().as_bytes())
        .file("app/config.yaml", token.as_bytes())
        .bytes();
    let upper = Tar::new().file("app/.wh.id.pem", b"").bytes();
    let history = json!([
        {"created_by": "COPY . /app # buildkit"},
        {"created_by": "RUN |1 NPM_TOKEN=8f3a9c77aa /bin/sh -c rm /app/id.pem # buildkit"},
    ]);
    let config =
        json!({"config": {"Env": ["DB_PASSWORD=hunter2", "PATH=/bin"]}, "history": history});
    let xray = analyse(&image(&[lower, upper], config)).xray;
    assert_eq!(
        findings(&xray, FindingKind::PrivateKey),
        ["/app/id.pem 0 1 false pem-private-key"]
    );
    assert_eq!(
        findings(&xray, FindingKind::Credential),
        ["/app/config.yaml 0 2 true github-token"]
    );
    assert_eq!(
        findings(&xray, FindingKind::SecretInEnvironment),
        ["Env named-variable"]
    );
    assert_eq!(
        findings(&xray, FindingKind::SecretInHistory),
        ["step 1 named-variable"]
    );
    let text = serde_json::to_string(&xray).unwrap();
    for secret in [
        "hunter2",
        "8f3a9c77aa",
        "Q7wE2rT9yU4iO1pA",
        "MC4CAQAwBQYDK2VwBCIEIPy8",
    ] {
        assert!(!text.contains(secret), "{secret} is shown");
    }
    assert_eq!(xray.image.env, ["DB_PASSWORD=********", "PATH=/bin"]);
}

#[test]
fn an_expired_certificate_and_a_setuid_program_are_found() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, mode: u32, body: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(body.len() as u64);
        builder.append_data(&mut header, name, body).unwrap();
    };
    add("app/tls.crt", 0o644, CERTIFICATE.as_bytes());
    add("app/run", 0o4755, b"#!/bin/sh\n");
    add("app/open", 0o666, b"x");
    let capability = [1u8, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    builder
        .append_pax_extensions([("SCHILY.xattr.security.capability", capability.as_slice())])
        .unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(1);
    builder
        .append_data(&mut header, "app/bind", &b"x"[..])
        .unwrap();
    let xray = analyse(&image(
        &[builder.into_inner().unwrap()],
        json!({"config": {"User": "1"}}),
    ))
    .xray;
    assert_eq!(
        findings(&xray, FindingKind::ExpiredCertificate),
        ["/app/tls.crt 0 0 true "]
    );
    let certificate = &xray.security.certificates[0];
    assert_eq!(
        (
            certificate.subject.as_str(),
            certificate.not_after.as_str(),
            certificate.expired
        ),
        ("CN=planted.example", "2026-12-22T07:12:47Z", true)
    );
    assert_eq!(findings(&xray, FindingKind::Setuid), ["/app/run 0 0 true "]);
    assert_eq!(
        findings(&xray, FindingKind::WorldWritable),
        ["/app/open 0 0 true "]
    );
    let privileged: Vec<_> = xray
        .security
        .privileged
        .iter()
        .map(|p| (p.path.as_str(), p.mode.as_str(), p.capabilities.as_deref()))
        .collect();
    assert_eq!(
        privileged,
        [
            ("/app/bind", "755", Some("cap_net_bind_service=ep")),
            ("/app/run", "4755", None)
        ]
    );
}

#[test]
fn packages_of_languages_are_found_with_their_licences_and_files() {
    let inner = zip(&[(
        "META-INF/maven/org.example/inner/pom.properties",
        b"groupId=org.example\nartifactId=inner\nversion=1.2\n",
    )]);
    let jar = zip(&[
        (
            "META-INF/MANIFEST.MF",
            b"Implementation-Title: app\nImplementation-Version: 3\n",
        ),
        ("BOOT-INF/lib/inner-1.2.jar", &inner),
    ]);
    let tar = Tar::new()
        .file(
            "s/Flask-3.0.dist-info/METADATA",
            b"Name: Flask\nVersion: 3.0\nLicense: BSD\n\n",
        )
        .file(
            "s/Flask-3.0.dist-info/RECORD",
            b"flask/app.py,,\nFlask-3.0.dist-info/RECORD,,\n",
        )
        .file("s/flask/app.py", b"import os\n")
        .file(
            "a/node_modules/.package-lock.json",
            br#"{"packages":{"node_modules/d":{"dev":true},"node_modules/p":{}}}"#,
        )
        .file(
            "a/node_modules/d/package.json",
            br#"{"name":"d","version":"1.0.0","license":"MIT"}"#,
        )
        .file(
            "a/node_modules/p/package.json",
            br#"{"name":"p","version":"2.0.0"}"#,
        )
        .file(
            "a/node_modules/p/test/package.json",
            br#"{"name":"no package","version":"2.0.0"}"#,
        )
        .file(
            "g/specifications/rack-3.0.gemspec",
            b"  s.name = \"rack\".freeze\n  s.version = \"3.0\"\n",
        )
        .file("g/gems/rack-3.0/lib/rack.rb", b"module Rack; end\n")
        .file("app.jar", &jar)
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let found: Vec<String> = xray
        .packages
        .packages
        .iter()
        .map(|p| {
            format!(
                "{} {} {} {}",
                p.id,
                p.licence.as_deref().unwrap_or("-"),
                p.files,
                p.dev
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "pkg:pypi/flask@3.0 BSD 3 false",
            "pkg:npm/d@1.0.0 MIT 1 true",
            "pkg:npm/p@2.0.0 - 2 false",
            "pkg:gem/rack@3.0 - 2 false",
            "pkg:generic/app@3 - 1 false",
            "pkg:maven/org.example/inner@1.2 - 0 false",
        ]
    );
    assert_eq!(
        xray.packages.packages[5].location,
        "/app.jar!BOOT-INF/lib/inner-1.2.jar"
    );
    assert_eq!(xray.packages.packages[5].kind, PackageKind::Java);
    assert!(
        xray.waste
            .iter()
            .any(|w| w.kind == WasteKind::DevDependencies && w.files == 1)
    );
    assert!(xray.recommendations.iter().any(|r| r.id == "npm-omit-dev"));
}

#[test]
fn a_program_whose_library_is_missing_is_broken() {
    let tar = Tar::new()
        .file("bin/sh", &std::fs::read("/bin/sh").unwrap())
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let needs: Vec<&str> = xray
        .binaries
        .broken
        .iter()
        .map(|b| b.needs.as_str())
        .collect();
    assert!(needs.contains(&"libc.so.6"), "{needs:?}");
    assert_eq!(
        findings(&xray, FindingKind::BrokenBinary).len(),
        needs.len()
    );
}

#[test]
fn duplicates_count_all_but_one_and_no_hard_links() {
    let tar = Tar::new()
        .file("one", &[b'x'; 5000])
        .file("two", &[b'x'; 5000])
        .file("three", &[b'x'; 5000])
        .add(tar::EntryType::Link, "four", "one", b"")
        .file("other", &[b'y'; 5000])
        .symlink("no-file", "other")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let group = &xray.contents.duplicates[0];
    assert_eq!(
        (group.count, group.wasted, xray.contents.duplicate_bytes),
        (3, 10_000, 10_000)
    );
    assert_eq!(xray.contents.duplicates.len(), 1);
    assert_eq!(
        (
            xray.contents.tree.sizes[0],
            tree_files(&xray),
            xray.image.files
        ),
        (20_000, 4, 4)
    );
}

#[test]
fn waste_counts_duplicates_that_are_not_listed() {
    let mut layers = [Tar::new(), Tar::new()];
    // More groups than are listed; the smallest, which are not, have their copy in a layer of its own.
    for number in 0..250u32 {
        let content = vec![b'a'; 400 - number as usize];
        let [first, second] = layers;
        let first = first.file(&format!("one/{number}"), &content);
        layers = if number < 240 {
            [first.file(&format!("two/{number}"), &content), second]
        } else {
            [first, second.file(&format!("two/{number}"), &content)]
        };
    }
    let layers = layers.map(|layer| layer.bytes());
    let xray = analyse(&image(&layers, json!({}))).xray;
    assert_eq!(xray.contents.duplicates.len(), 200);
    let waste = xray.waste.iter().find(|w| w.kind == WasteKind::Duplicates);
    let waste = waste.expect("duplicates");
    assert_eq!((waste.files, &*waste.layers), (250, &[0, 1][..]));
}

#[test]
fn licences_and_change_logs_do_not_fill_the_list_of_duplicates() {
    let licence = [b'L'; 9000];
    let tar = Tar::new()
        .file("app/a.js", b"var same = 1;")
        .file("app/b.js", b"var same = 1;")
        .file("app/node_modules/x/LICENSE", &licence)
        .file("app/node_modules/y/LICENSE", &licence)
        .file("usr/share/doc/z/changelog.gz", b"\x1f\x8bnews")
        .file("usr/share/doc/w/changelog.gz", b"\x1f\x8bnews")
        .bytes();
    let xray = analyse(&image(&[tar], json!({}))).xray;
    let contents = &xray.contents;
    let listed: Vec<_> = contents
        .duplicates
        .iter()
        .map(|g| g.paths.clone())
        .collect();
    assert_eq!(listed, [["/app/a.js", "/app/b.js"]]);
    assert_eq!(
        (
            contents.duplicate_bytes,
            contents.duplicate_documentation_bytes
        ),
        (9019, 9006)
    );
    let waste = xray.waste.iter().find(|w| w.kind == WasteKind::Duplicates);
    assert_eq!(waste.map(|w| (w.bytes, w.files)), Some((13, 1)));
}

#[test]
fn a_clean_image_has_no_findings_and_no_advice() {
    let tar = Tar::new()
        .file("server", b"not a program")
        .file("pages/index.html", b"<p>hello</p>")
        .bytes();
    let config = json!({
        "config": {"User": "65532", "Entrypoint": ["/server"], "Env": ["PATH=/usr/bin", "KEY_COUNT=3", "TOKEN_FILE=/run/t"]},
        "history": [{"created_by": "COPY server pages / # buildkit"}],
    });
    let xray = analyse(&image(&[tar], config)).xray;
    assert!(
        xray.security.findings.is_empty(),
        "{:?}",
        xray.security.findings
    );
    assert!(
        xray.recommendations.is_empty(),
        "{:?}",
        xray.recommendations
    );
    assert!(xray.problems.is_empty(), "{:?}", xray.problems);
    assert_eq!(xray.efficiency.score, 1.0);
}

#[test]
fn a_comparison_names_what_changed() {
    let before = Tar::new()
        .file("same", b"1")
        .file("gone", b"22")
        .file("edited", b"333")
        .bytes();
    let after = Tar::new()
        .file("same", b"1")
        .file("edited", b"444")
        .file("new", b"55555")
        .bytes();
    let (before, after) = (
        analyse(&image(&[before], json!({"config": {"Env": ["A=1"]}}))),
        analyse(&image(
            &[after],
            json!({"config": {"Env": ["A=2"], "User": "1"}}),
        )),
    );
    let comparison = compare(&before, &after);
    let files: Vec<_> = comparison
        .files
        .iter()
        .map(|f| (f.path.as_str(), f.change))
        .collect();
    assert_eq!(
        files,
        [
            ("/new", ChangeKind::Added),
            ("/gone", ChangeKind::Removed),
            ("/edited", ChangeKind::Content)
        ]
    );
    assert_eq!(comparison.unchanged_files, 1);
    let config: Vec<_> = comparison
        .config
        .iter()
        .map(|c| (c.field.as_str(), c.from.as_str(), c.to.as_str()))
        .collect();
    assert_eq!(config, [("Env.A", "1", "2"), ("User", "", "1")]);
    let same = compare(&before, &before);
    assert!(same.files.is_empty() && same.config.is_empty());
    assert_eq!(same.common_layers.len(), 1);
}

#[test]
fn severities_order_the_findings() {
    let tar = Tar::new().file("k.pem", private_key().as_bytes()).bytes();
    let xray = analyse(&image(
        &[tar],
        json!({"config": {"ExposedPorts": {"80/tcp": {}}}}),
    ))
    .xray;
    let severities: Vec<Severity> = xray.security.findings.iter().map(|f| f.severity).collect();
    assert_eq!(
        severities,
        [Severity::Error, Severity::Warning, Severity::Note]
    );
}
