//! Statements of the documents about the code: the direction of dependencies between the folders of `minifier/src`, as ARCHITECTURE.md
//! states it, and the tests that docs/security.md names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use xtask::shape::{Import, SourceFile, circles, source_files};

/// Which other rooms, and which of the watched crates, each room may name. A room is a folder or a file below
/// `minifier/src`. Each permission is used.
const ALLOWED: &[(&str, &[&str])] = &[
    ("analyze", &["image", "rootfs"]),
    ("cgroups", &[]),
    (
        "cli",
        &[
            "evidence",
            "image",
            "indicatif",
            "plan",
            "probe",
            "rebuild",
            "report",
            "rootfs",
            "runtime",
            "tasks",
            "trace",
            "transport",
            "units",
            "xray",
        ],
    ),
    ("evidence", &["analyze", "rootfs"]),
    ("image", &[]),
    ("plan", &["analyze", "evidence", "image", "rootfs", "trace"]),
    ("probe", &["image", "runtime", "tasks", "tls"]),
    ("rebuild", &["image", "plan", "rootfs"]),
    (
        "report",
        &[
            "analyze", "evidence", "image", "plan", "probe", "rootfs", "trace", "units", "xray",
        ],
    ),
    ("rootfs", &["image"]),
    (
        "runtime",
        &["bollard", "cgroups", "image", "rootfs", "tasks", "units"],
    ),
    ("tasks", &[]),
    ("tls", &[]),
    ("trace", &["aya", "cgroups", "rootfs", "tasks", "units"]),
    ("transport", &["bollard", "image", "rootfs", "tasks", "tls"]),
    ("units", &[]),
    (
        "xray",
        &[
            "analyze",
            "image",
            "plan",
            "rootfs",
            "trace",
            "transport",
            "units",
        ],
    ),
];

/// Files that are no rooms: the roots of the library and of the program.
const ROOTS: [&str; 3] = ["former_name", "lib", "main"];

const WATCHED_CRATES: [&str; 3] = ["bollard", "aya", "indicatif"];

#[test]
fn rooms_depend_in_the_documented_direction_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../minifier/src");
    let wrong = violations(&src, ALLOWED);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_that_nobody_knows_and_permissions_that_nobody_uses_are_found() {
    let src = tempfile::tempdir().expect("a folder");
    for (file, text) in [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a/mod.rs", "mod deep; // crate::c"),
        (
            "a/deep.rs",
            "use crate::b::{B, C}; fn f() { bollard::run(); }",
        ),
        ("b.rs", "use crate::c;"),
        (
            "c.rs",
            "use crate::a::deep; use crate::b; type T = my_aya::aya::T;",
        ),
    ] {
        let file = src.path().join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder is made");
        fs::write(file, text).expect("a file is written");
    }
    let allowed: &[(&str, &[&str])] = &[
        ("a", &["b", "c", "aya", "bollard"]),
        ("b", &[]),
        ("gone", &["a"]),
    ];
    assert_eq!(
        violations(src.path(), allowed),
        [
            "a may name aya, and does not",
            "a may name c, and does not",
            "b names c in b.rs:1",
            "c is a room that the table does not have",
            "gone is no room, and the table has it",
        ]
    );
}

/// Rooms that name what they may not, do not name what they may, or are missing on either side.
fn violations(src: &Path, allowed: &[(&str, &[&str])]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = allowed.iter().copied().collect();
    let rooms = rooms(src);
    let mut wrong: Vec<String> = Vec::new();
    for (room, files) in &rooms {
        let Some(may) = allowed.get(room.as_str()) else {
            wrong.push(format!("{room} is a room that the table does not have"));
            continue;
        };
        let mut unused: BTreeSet<&str> = may.iter().copied().collect();
        for file in files {
            for import in &file.imports {
                let Some(name) = named(import) else { continue };
                unused.remove(name);
                if name != *room && !may.contains(&name) {
                    let file = file.path.display();
                    wrong.push(format!("{room} names {name} in {file}:{}", import.line));
                }
            }
        }
        let unused = unused.into_iter();
        wrong.extend(unused.map(|name| format!("{room} may name {name}, and does not")));
    }
    let gone = allowed.keys().filter(|room| !rooms.contains_key(**room));
    wrong.extend(gone.map(|room| format!("{room} is no room, and the table has it")));
    wrong.sort();
    wrong
}

/// The source files of each room.
fn rooms(src: &Path) -> BTreeMap<String, Vec<SourceFile>> {
    let mut rooms: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    for file in source_files(src).expect("the sources are read") {
        let first = file.path.iter().next().expect("a name").to_string_lossy();
        let room = first.strip_suffix(".rs").unwrap_or(&first).to_owned();
        if !ROOTS.contains(&room.as_str()) {
            rooms.entry(room).or_default().push(file);
        }
    }
    rooms
}

/// The room or the watched crate that an import names.
fn named(import: &Import) -> Option<&str> {
    let first = import.path.first()?;
    if first == "crate" {
        return import.path.get(1).map(String::as_str);
    }
    WATCHED_CRATES.contains(&first.as_str()).then_some(first)
}

/// Circles of modules that may stay, each with the reason. A circle is allowed if all its modules stand in one row.
const CIRCLES: &[(&[&str], &str)] = &[];

#[test]
fn no_circle_of_modules_appears() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../minifier/src");
    let found = circles(&source_files(&src).expect("the sources are read"));
    let within = |circle: &[String], row: &[&str]| circle.iter().all(|m| row.contains(&m.as_str()));
    let fresh = found
        .iter()
        .filter(|circle| !CIRCLES.iter().any(|(row, _)| within(circle, row)))
        .map(|circle| format!("a circle: {}", circle.join(" ")));
    let gone = CIRCLES
        .iter()
        .filter(|(row, _)| !found.iter().any(|circle| within(circle, row)))
        .map(|(row, _)| {
            format!(
                "no circle any more, and the table has it: {}",
                row.join(" ")
            )
        });
    let wrong: Vec<String> = fresh.chain(gone).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
