//! The ignore list, as the program reads it.

use std::fs;
use std::path::Path;

use minifier_tests::Minifier;

use super::{archive, layer};

/// A key of nobody, put together here so that no scanner of this repository finds one.
fn private_key() -> String {
    let body = "MC4CAQAwBQYDK2VwBCIEIPy8rxE3V/S+nZja7SHc4VEAXN7MGkDXwaSJMYwkYzoV";
    let label = "PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// The gate's exit code and the report, with that ignore list in the current directory or named.
fn gate(folder: &Path, archive: &Path, list: Option<&str>, option: Option<&str>) -> (i32, String) {
    let default = folder.join(".minifier-ignore");
    match list {
        Some(list) => fs::write(&default, list).expect("the list is written"),
        None => drop(fs::remove_file(&default)),
    }
    let minifier = Minifier::find().expect("the program is there");
    let mut command = minifier.command(folder);
    command
        .current_dir(folder)
        .args(["xray", "--quiet", "--ci", "--target"])
        .arg(format!("docker-archive:{}", archive.display()));
    command.args(
        option
            .map(|file| ["--ignore-file", file])
            .into_iter()
            .flatten(),
    );
    let out = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        out.status.code().expect("an exit code"),
        text(&out.stdout) + &text(&out.stderr),
    )
}

#[test]
fn accepted_findings_pass_the_gate_until_their_entry_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, id) = layer(&[("app/tls.key", private_key().as_bytes())]);
    let archive = archive(folder.path(), &[bytes], &[id]);
    let list = |expires: &str| {
        format!(
            "ignore:\n  - path: /app/*.key\n    reason: it opens nothing\n    expires: {expires}\n"
        )
    };
    let run = |list: Option<&str>, option| gate(folder.path(), &archive, list, option);
    // 10: a rule failed.
    assert_eq!(run(None, None).0, 10);
    let (code, text) = run(Some(&list("2999-12-31")), None);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("1 finding accepted by the ignore list: 1 error"),
        "{text}"
    );
    let (code, text) = run(Some(&list("2020-12-31")), None);
    assert_eq!(code, 10, "{text}");
    assert!(text.contains("expired on 2020-12-31"), "{text}");
    fs::write(folder.path().join("other"), list("2999-12-31")).expect("it is written");
    assert_eq!(run(None, Some("other")).0, 0);
    // 2: bad usage.
    assert_eq!(run(None, Some("missing")).0, 2);
    let (code, text) = run(Some("ignore:\n  - path: /app\n"), None);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("entry 1") && text.contains("reason"),
        "{text}"
    );
}
