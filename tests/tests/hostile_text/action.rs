//! The action for GitHub: what it has `minifier` print is no command to the runner.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use minifier_tests::action::Action;

/// A `minifier` that is less careful than the real one: it prints commands on both streams, one of them at the end of a
/// line without an end, and ends with `code`.
fn careless(folder: &Path, code: i32) {
    let script = format!(
        "#!/bin/sh\necho ::error::a\necho ::warning::b >&2\nprintf ::notice::c\nexit {code}\n"
    );
    let program = folder.join("minify");
    fs::write(&program, script).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The lines that a runner takes for commands while it follows `stop-commands`.
fn followed(output: &str) -> Vec<String> {
    let (mut stopped, mut followed) = (None, Vec::new());
    for line in output.lines().map(str::trim_start) {
        match (&stopped, line.strip_prefix("::stop-commands::")) {
            (None, Some(token)) => stopped = Some(format!("::{token}::")),
            (None, None) if line.starts_with("::") => followed.push(line.to_owned()),
            (Some(token), _) if line == token => stopped = None,
            _ => {}
        }
    }
    assert_eq!(stopped, None, "commands are followed again: {output}");
    followed
}

#[test]
fn the_runner_follows_no_command_of_an_image() {
    let action = Action::read(|text| serde_saphyr::from_str(text).expect("it is YAML"));
    let inputs = BTreeMap::from([("image", "app:1"), ("slim-tag", "app:slim")]);
    let mut tokens = Vec::new();
    for step in ["Analyse the image", "Make it smaller"] {
        for code in [0, 1, 10] {
            let folder = tempfile::tempdir().unwrap();
            careless(folder.path(), code);
            fs::create_dir(folder.path().join("minifier-reports")).unwrap();
            fs::write(
                folder
                    .path()
                    .join("minifier-reports/minifier-comparison.md"),
                "",
            )
            .unwrap();
            let output = action
                .step(step, folder.path(), folder.path(), &inputs)
                .output();
            let output = output.expect("bash runs");
            assert_eq!(output.status.code(), Some(code), "{step}: {output:?}");
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert!(
                stdout.contains("::error::a") && stdout.contains("::warning::b"),
                "{stdout}"
            );
            assert_eq!(followed(&stdout), [""; 0], "{stdout}");
            assert!(
                output.stderr.is_empty(),
                "the order of two streams is not known"
            );
            let token = stdout
                .lines()
                .find_map(|line| line.strip_prefix("::stop-commands::"));
            tokens.push(token.expect("a token").to_owned());
        }
    }
    let count = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), count, "a token is not to be guessed");
    assert!(tokens.iter().all(|token| token.len() == 32), "{tokens:?}");
}
