//! What documents say of the code: the direction of dependencies between the folders of `minifier/src`, as ARCHITECTURE.md
//! states it, and the tests that docs/security.md names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which sibling modules, and which of the watched crates, each folder may name.
const ALLOWED: &[(&str, &[&str])] = &[
    ("image", &[]),
    ("rootfs", &["image"]),
    ("transport", &["image", "rootfs", "rebuild", "bollard"]),
    ("runtime", &["image", "rootfs", "bollard"]),
    ("probe", &["image", "runtime"]),
    ("trace", &["rootfs", "aya"]),
    ("analyze", &["image", "rootfs"]),
    ("plan", &["image", "rootfs", "analyze", "trace"]),
    ("rebuild", &["image", "rootfs", "plan"]),
    (
        "report",
        &[
            "analyze", "image", "plan", "probe", "rootfs", "trace", "xray",
        ],
    ),
    (
        "xray",
        &["analyze", "image", "plan", "rootfs", "trace", "transport"],
    ),
];

const WATCHED_CRATES: [&str; 3] = ["bollard", "aya", "indicatif"];

#[test]
fn folders_depend_in_the_documented_direction_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../minifier/src");
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (folder, may) in &allowed {
        for file in rust_files(&src.join(folder)) {
            checked += 1;
            let text = fs::read_to_string(&file).expect("a source file reads");
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for name in named(code) {
                    if name != *folder && !may.contains(&name.as_str()) {
                        wrong.push(format!("{}:{}: {name}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} files were found");
    assert!(
        wrong.is_empty(),
        "imports against the direction:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_test_that_the_table_of_threats_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = root.join("docs/security.md");
    let table = fs::read_to_string(table).expect("docs/security.md reads");
    let mut sources = String::new();
    for folder in ["minifier/src", "tests/tests"] {
        for file in rust_files(&root.join(folder)) {
            sources += &fs::read_to_string(&file).expect("a source file reads");
        }
    }
    let mut rows = 0;
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cell = row.trim_end_matches('|').rsplit('|').next();
        let cell = cell.unwrap_or_default().trim();
        if cell == "test" {
            continue;
        }
        rows += 1;
        let names = cell.split(", ").map(|name| name.trim_matches('`'));
        missing.extend(names.filter(|name| !sources.contains(&format!("fn {name}("))));
    }
    assert!(rows > 25, "only {rows} rows were found");
    assert!(missing.is_empty(), "no such test: {}", missing.join(", "));
}

/// Sibling modules after `crate::`, and watched crates before `::`.
fn named(code: &str) -> Vec<String> {
    let mut names: Vec<String> = code
        .split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect();
    for watched in WATCHED_CRATES {
        let path = format!("{watched}::");
        if code.match_indices(&path).any(|(at, _)| {
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
        }) {
            names.push(watched.to_owned());
        }
    }
    names
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder entry reads").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
