//! Small images whose files hold as much as can be kept of each: `xray` keeps as much as is stored of the image, and
//! names what it leaves out.

use std::fs;

use minifier::image::DiffId;

use super::memory::{many, run_in};
use super::tar::{Archive, Raw};

/// What `xray` may take, which looks into files and writes what they hold into a report.
const MEMORY: u64 = 200 << 20;

/// A layer of files with the same text but for their number.
fn files(count: usize, name: impl Fn(usize) -> String, body: impl Fn(usize) -> String) -> Vec<u8> {
    many(count, |n| {
        Raw::default().file(name(n).as_bytes(), body(n).as_bytes())
    })
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// A jar of one stored entry for each of so many artifacts with long names, without checksums.
fn jar(artifacts: usize) -> Vec<u8> {
    let (mut jar, mut directory) = (Vec::new(), Vec::new());
    for n in 0..artifacts {
        let long = "x".repeat(400);
        let name = format!("META-INF/maven/g/{n}/pom.properties");
        let body = format!("groupId={long}\nartifactId={long}{n}\nversion={long}\n");
        let size = (body.len() as u32).to_le_bytes();
        let header = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &size,
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let at = (jar.len() as u32).to_le_bytes();
        directory.extend(
            [
                b"PK\x01\x02\x14\0",
                &header[..],
                &[0; 10],
                &at,
                name.as_bytes(),
            ]
            .concat(),
        );
        jar.extend([b"PK\x03\x04", &header[..], name.as_bytes(), body.as_bytes()].concat());
    }
    let (size, at) = (directory.len() as u32, jar.len() as u32);
    jar.extend(&directory);
    jar.extend(b"PK\x05\x06\0\0\0\0");
    jar.extend([(artifacts as u16).to_le_bytes(); 2].concat());
    jar.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    jar.extend([0, 0]);
    jar
}

/// Layers of a few megabytes whose files hold what `xray` keeps of each, and what is said of them; nothing of texts that
/// stand where a name is wanted.
fn hoards() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const NO_ROOM: &str = "there is no room for";
    const TOO_LARGE: &str = "which is more than is read of such a file";
    let package = |n| format!("Package: p{n}\nStatus: install ok installed\nVersion: 1\n\n");
    let secret = |n| format!("DB_PASSWORD{n}=t7Gh2kLp9\n");
    let artifacts = jar(4000);
    vec![
        (
            "scripts",
            files(
                90_000,
                |n| format!("f/{n}"),
                |n| format!("#!/bin/{n}\n{}", "#".repeat(250)),
            ),
            NO_ROOM,
        ),
        (
            "lists of dpkg",
            files(
                90_000,
                |n| format!("var/lib/dpkg/info/{n}.list"),
                |n| format!("/f{n}\n").repeat(40),
            ),
            NO_ROOM,
        ),
        (
            "Python distributions",
            files(
                50_000,
                |n| format!("s/{n}.dist-info/METADATA"),
                |n| {
                    let requires = lines(20, |n| format!("Requires-Dist: q{n}\n"));
                    format!("Name: p{n}\nVersion: 1\n{requires}\n")
                },
            ),
            NO_ROOM,
        ),
        (
            "npm packages",
            files(
                50_000,
                |n| format!("node_modules/p{n}/package.json"),
                |n| {
                    let needs = lines(20, |n| format!(r#""p{n}":"1","#));
                    let needs = needs.trim_end_matches(',');
                    format!(r#"{{"name":"p{n}","version":"1","dependencies":{{{needs}}}}}"#)
                },
            ),
            NO_ROOM,
        ),
        (
            "gems",
            files(
                40_000,
                |n| format!("s/specifications/{n}.gemspec"),
                |n| {
                    let text = "x".repeat(5000);
                    format!("s.name=\"g{n}\"\ns.version=\"1\"\ns.authors=\"{text}\"\n")
                },
            ),
            "",
        ),
        (
            "secrets",
            files(8000, |n| format!("f/{n}.env"), |_| lines(100, secret)),
            NO_ROOM,
        ),
        (
            "archives of Java",
            many(25, |n| {
                Raw::default().file(format!("j/{n}.jar").as_bytes(), &artifacts)
            }),
            NO_ROOM,
        ),
        (
            "a database of dpkg",
            files(
                1,
                |_| "var/lib/dpkg/status".into(),
                |_| lines(500_000, package),
            ),
            TOO_LARGE,
        ),
        (
            "a smaller database of dpkg",
            files(
                1,
                |_| "var/lib/dpkg/status".into(),
                |_| lines(120_000, package),
            ),
            NO_ROOM,
        ),
        (
            "a database of apk",
            files(
                1,
                |_| "lib/apk/db/installed".into(),
                |_| lines(500_000, |n| format!("P:p{n}\nV:1\n\n")),
            ),
            NO_ROOM,
        ),
        (
            "a list of rpm packages",
            files(
                1,
                |_| "var/lib/rpmmanifest/container-manifest-2".into(),
                |_| "\n".repeat(1 << 20),
            ),
            "more problems of packages are not listed",
        ),
        (
            "lists of Python copies",
            files(
                14,
                |n| format!("s/{n}/_vendor/vendor.txt"),
                |_| lines(120_000, |n| format!("{n:x}==\n")),
            ),
            "",
        ),
        (
            "npm's record",
            files(
                1,
                |_| "node_modules/.package-lock.json".into(),
                |_| {
                    let packages = lines(600_000, |n| format!(r#""{n}":{{}},"#));
                    let packages = packages.trim_end_matches(',');
                    format!(r#"{{"packages":{{{packages}}}}}"#)
                },
            ),
            NO_ROOM,
        ),
    ]
}

#[test]
fn xray_takes_as_much_memory_as_is_stored_of_an_image_and_names_what_it_leaves_out() {
    for (name, layer, says) in hoards() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hoard.tar");
        assert!(layer.len() < 8 << 20, "{name}: {} bytes", layer.len());
        let archive = Archive::new(&[]).layer(layer, DiffId::of(b"")).end();
        fs::write(&file, archive).expect("it is written");
        let location = format!("docker-archive:{}", file.display());
        let args = ["xray", "--target", &location, "--output", "json=report"];
        let (code, text) = run_in(MEMORY, &args, folder.path());
        assert_eq!(code, Some(0), "{name}: {text}");
        let report = fs::read(folder.path().join("report")).expect("a report");
        let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
        let problems = report["problems"].as_array().expect("a list");
        let said =
            |problem: &serde_json::Value| problem.as_str().is_some_and(|text| text.contains(says));
        assert!(
            says.is_empty() || problems.iter().any(said),
            "{name}: {problems:?}"
        );
        assert!(problems.len() < 200, "{name}: {}", problems.len());
    }
}
