//! Databases of rpm, against what rpm itself says of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use xtask::command;

use super::{archive, layer, xray};

const SPEC: &str = "\
Name: hello
Epoch: 1
Version: 2.10
Release: 3
Summary: A greeting
License: GPL-3.0-or-later AND LicenseRef-Fedora-Public-Domain
Vendor: Example Project
BuildArch: noarch
Requires: greeting-data >= 1, /bin/sh
%description
A greeting.
%package -n greeting-data
Summary: What a greeting says
License: MIT
%description -n greeting-data
Words.
%install
mkdir -p %{buildroot}/usr/share/greeting
for i in $(seq 300); do echo $i > %{buildroot}/usr/share/greeting/word-$i; done
touch %{buildroot}/usr/share/hello
%files
/usr/share/hello
%files -n greeting-data
/usr/share/greeting
";
/// What is compared, a line for each package.
const FORMAT: &str =
    "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH} %{VENDOR} sha256:%{SHA256HEADER}\\n";

fn rpm(database: &Path) -> Command {
    let mut rpm = Command::new("rpm");
    rpm.arg("--dbpath").arg(database);
    rpm
}

/// Packages that were built, registered in a database of the form that Debian's rpm writes.
fn sqlite(work: &Path) -> std::path::PathBuf {
    let spec = work.join("two.spec");
    fs::write(&spec, SPEC).expect("room for it");
    let mut build = Command::new("rpmbuild");
    build
        .arg("-bb")
        .args([
            "--define",
            &format!("_topdir {}", work.join("top").display()),
        ])
        .arg(&spec);
    command::capture(&mut build).expect("rpmbuild builds");
    let built = work.join("top/RPMS/noarch");
    let database = work.join("sqlite");
    let mut install = rpm(&database);
    install.args(["--install", "--justdb", "--nodeps", "--nosignature"]);
    for name in ["greeting-data", "hello"] {
        install.arg(built.join(format!("{name}-2.10-3.noarch.rpm")));
    }
    fs::create_dir(&database).expect("a folder");
    command::capture(rpm(&database).arg("--initdb")).expect("rpm makes a database");
    command::capture(&mut install).expect("rpm registers them");
    database
}

/// The same headers in a hash of Berkeley DB, made by its own tool.
fn berkeley(work: &Path, sqlite: &Path) -> std::path::PathBuf {
    let mut query = Command::new("python3");
    query.args(["-c", "import sqlite3, sys\nfor n, b in sqlite3.connect(sys.argv[1]).execute('select hnum, blob from Packages'): print(n, b.hex())"]);
    let rows = command::capture(query.arg(sqlite.join("rpmdb.sqlite"))).expect("rows");
    let mut dump = String::from("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n");
    // The record with the number of the last package, then the packages.
    for (number, value) in std::iter::once("0 02000000".to_owned())
        .chain(rows.lines().map(str::to_owned))
        .filter_map(|row| {
            let (number, value) = row.split_once(' ')?;
            Some((number.parse::<u32>().ok()?, value.to_owned()))
        })
    {
        writeln!(dump, " {:08x}\n {value}", number.swap_bytes()).expect("memory");
    }
    dump += "DATA=END\n";
    let folder = work.join("berkeley");
    fs::create_dir(&folder).expect("a folder");
    let text = work.join("dump");
    fs::write(&text, dump).expect("room for it");
    let mut load = Command::new("db5.3_load");
    load.arg("-f").arg(&text).arg(folder.join("Packages"));
    command::capture(&mut load).expect("Berkeley DB loads them");
    folder
}

#[test]
fn docker_rpm_databases_read_as_rpm_reads_them() {
    let work = tempfile::tempdir().expect("a folder");
    let sqlite = sqlite(work.path());
    let berkeley = berkeley(work.path(), &sqlite);
    for (folder, name, backend) in [
        (&sqlite, "rpmdb.sqlite", "sqlite"),
        (&berkeley, "Packages", "bdb_ro"),
    ] {
        let query = |what: &[&str]| {
            let mut rpm = rpm(folder);
            rpm.args(["--define", &format!("_db_backend {backend}")]);
            let text = command::capture(rpm.args(what)).expect("rpm reads it");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let expected = query(&["--query", "--all", "--queryformat", FORMAT]);
        let listed = query(&["--query", "--list", "--all"]);
        let database = fs::read(folder.join(name)).expect("it is there");
        let place = format!("usr/lib/sysimage/rpm/{name}");
        let mut files: Vec<(&str, &[u8])> = vec![(&place, &database)];
        let listed: Vec<&str> = listed
            .iter()
            .map(|path| path.trim_start_matches('/'))
            .collect();
        files.extend(
            listed
                .iter()
                .filter(|p| **p != "usr/share/greeting")
                .map(|p| (*p, &b"1"[..])),
        );
        let (bytes, id) = layer(&files);
        let report = xray(&archive(work.path(), &[bytes], &[id]));
        let packages = report["packages"]["packages"].as_array().expect("a list");
        let mut found: Vec<String> = packages
            .iter()
            .map(|p| {
                let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
                let [name, version, arch] =
                    ["name", "version", "architecture"].map(|f| text(&p[f]));
                format!(
                    "{name} {version} {arch} {} {}",
                    text(&p["supplier"]),
                    text(&p["checksums"][0])
                )
            })
            .collect();
        found.sort();
        assert_eq!(found, expected, "{backend}");
        let files: u64 = packages.iter().filter_map(|p| p["files"].as_u64()).sum();
        assert_eq!(files, 301, "{backend}");
        assert_eq!(report["packages"]["unread"], Value::Array(Vec::new()));
    }
}
