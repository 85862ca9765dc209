//! The scripts of the action for GitHub, run as a runner would run them, with the program under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use minifier_tests::action::Action;
use minifier_tests::{Minifier, fixture};
use serde_json::Value;
use tempfile::TempDir;

/// Runs the script of the step `name`; gives its exit code.
fn run(name: &str, folder: &Path, inputs: &BTreeMap<&str, &str>) -> i32 {
    let action = Action::read(|text| serde_saphyr::from_str(text).expect("it is YAML"));
    let minifier = Minifier::find().expect("the program is there");
    let program = minifier.command(folder).get_program().to_owned();
    let programs = Path::new(&program).parent().expect("a folder");
    let status = action.step(name, folder, programs, inputs).status();
    status.expect("bash runs").code().expect("no signal")
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
