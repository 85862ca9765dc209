//! Crates that `cargo auditable` wrote into a program that people use.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use xtask::{cache, command};

use super::{archive, layer, xray};

/// Its releases are compiled with `cargo auditable`.
const PACKAGE: &str = "uv==0.13.9";

#[test]
fn docker_crates_of_a_released_program_are_those_that_cargo_auditable_wrote() {
    let folder = cache::filled("auditable", PACKAGE, |folder| {
        let mut pip = Command::new("pip");
        pip.args([
            "install",
            "--quiet",
            "--no-cache-dir",
            "--no-deps",
            "--target",
        ])
        .arg(folder)
        .arg(PACKAGE);
        command::capture(&mut pip).map(drop)
    })
    .expect("the program is downloaded");
    let program = folder.join("bin/uv");
    let work = tempfile::tempdir().expect("a folder");
    let section = work.path().join("section");
    let mut objcopy = Command::new("objcopy");
    objcopy
        .args(["--output-target=binary", "--only-section=.dep-v0"])
        .arg("--set-section-flags=.dep-v0=alloc")
        .arg(&program)
        .arg(&section);
    command::capture(&mut objcopy).expect("the program has the section");
    let packed = fs::read(&section).expect("it is there");
    let list: Value =
        serde_json::from_reader(flate2::read::ZlibDecoder::new(&packed[..])).expect("it is JSON");
    let expected: BTreeSet<String> = list["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["kind"] != "build")
        .map(|package| format!("{} {}", package["name"], package["version"]))
        .collect();
    assert!(expected.len() > 100, "{expected:?}");
    let bytes = fs::read(&program).expect("it is there");
    let (bytes, id) = layer(&[("uv", &bytes)]);
    let report = xray(&archive(work.path(), &[bytes], &[id]));
    let found: BTreeSet<String> = report["packages"]["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["kind"] == "cargo" && package["location"] == "/uv")
        .map(|package| format!("{} {}", package["name"], package["version"]))
        .collect();
    assert_eq!(found, expected);
}
