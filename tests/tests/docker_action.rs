//! The scripts of the action for GitHub, run as a runner would run them, with the program under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use minifier_tests::{Minifier, fixture};
use serde_json::Value;
use tempfile::TempDir;

fn action() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../action.yml");
    let text = fs::read_to_string(file).expect("the action is there");
    serde_saphyr::from_str(&text).expect("it is YAML")
}

/// `value` with `${{ inputs.NAME }}` and `${{ github.action_path }}` replaced, which is all that the action uses in
/// the environment of its scripts.
fn expand(value: &str, inputs: &BTreeMap<&str, &str>, action: &Value) -> String {
    let Some(name) = value
        .strip_prefix("${{ ")
        .and_then(|v| v.strip_suffix(" }}"))
    else {
        return value.to_owned();
    };
    if name == "github.action_path" {
        return concat!(env!("CARGO_MANIFEST_DIR"), "/..").to_owned();
    }
    let name = name.strip_prefix("inputs.").expect("an input");
    let default = action["inputs"][name]["default"].as_str();
    inputs
        .get(name)
        .copied()
        .or(default)
        .unwrap_or_else(|| panic!("the input {name} has a value"))
        .to_owned()
}

/// Runs the script of the step `name`; gives its exit code.
fn run(name: &str, folder: &Path, inputs: &BTreeMap<&str, &str>) -> i32 {
    let action = action();
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let step = steps
        .iter()
        .find(|step| step["name"] == name)
        .expect("the step is there");
    let minifier = Minifier::find().expect("the program is there");
    let program = minifier.command(folder).get_program().to_owned();
    let programs = Path::new(&program).parent().expect("a folder").to_owned();
    let path = format!(
        "{}:{}",
        programs.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut command = Command::new("bash");
    command
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
        .arg(step["run"].as_str().expect("a script"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("PATH", path);
    for file in ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH"] {
        command.env(file, folder.join(file));
    }
    for (name, value) in step["env"].as_object().expect("an environment") {
        let value = value.as_str().expect("text");
        command.env(name, expand(value, inputs, &action));
    }
    let status = command.status().expect("bash runs");
    status.code().expect("no signal")
}

#[test]
fn docker_action_gates_writes_the_summary_and_the_findings() {
    let recipe = fixture("nginx").expect("the fixture is there");
    let image = recipe.image();
    let folder = TempDir::new().expect("a folder");
    let mut inputs = BTreeMap::from([("image", image.as_str()), ("max-size", "1MB")]);
    assert_eq!(run("Install minifier", folder.path(), &inputs), 0);
    assert_eq!(run("Analyse the image", folder.path(), &inputs), 10);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it is written");
    assert!(read("GITHUB_STEP_SUMMARY").contains("<code>maxSize</code>"));
    assert_eq!(read("GITHUB_OUTPUT"), "passed=false\n");
    let sarif: Value =
        serde_json::from_str(&read("minifier-reports/minifier.sarif")).expect("it is JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(read("minifier-reports/minifier.html").starts_with("<!DOCTYPE html>"));
    inputs.insert("gate", "false");
    assert_eq!(run("Analyse the image", folder.path(), &inputs), 0);
    inputs.insert("image", "minifier-fixture/never-made:latest");
    let code = run("Analyse the image", folder.path(), &inputs);
    assert!(
        code != 0 && code != 10,
        "a failure of the analysis is no gate: {code}"
    );
}
