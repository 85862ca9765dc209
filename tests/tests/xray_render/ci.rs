//! The action for GitHub and the snippets in docs/ci.md: valid, and their scripts are scripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::xray_render::formats::assert_valid;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("it is YAML")
}

fn action() -> Value {
    yaml(&fs::read_to_string(root().join("action.yml")).expect("the action is there"))
}

/// The block of code between two markers of docs/ci.md.
fn snippet(name: &str) -> Value {
    let text = fs::read_to_string(root().join("docs/ci.md")).expect("docs/ci.md is there");
    let (_, rest) = text
        .split_once(&format!("<!-- {name}:begin -->\n```yaml\n"))
        .expect("the marker is there");
    let (snippet, _) = rest.split_once("```\n").expect("the block ends");
    yaml(snippet)
}

#[test]
fn action_keeps_to_its_schema() {
    assert_valid("github-actions.schema.json", &action());
}

#[test]
fn snippets_keep_to_their_schemas() {
    assert_valid("github-workflows.schema.json", &snippet("github"));
    assert_valid("gitlab-ci.schema.json", &snippet("gitlab"));
}

#[test]
fn workflow_gives_the_action_inputs_that_it_has() {
    let inputs = action()["inputs"].clone();
    let workflow = snippet("github");
    let step = workflow["jobs"]["image"]["steps"]
        .as_array()
        .and_then(|steps| steps.iter().find(|step| step["uses"] == "./minifier"))
        .expect("it uses the action")
        .clone();
    for name in step["with"].as_object().expect("inputs").keys() {
        assert!(inputs.get(name).is_some(), "{name}");
    }
}

#[test]
fn scripts_take_inputs_from_the_environment_only_and_parse() {
    let action = action();
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let scripts: Vec<&str> = steps
        .iter()
        .filter_map(|step| step["run"].as_str())
        .collect();
    assert_eq!(scripts.len(), 3);
    for script in scripts {
        // An input inside of a script would be a way to run anything.
        assert!(!script.contains("${{"), "{script}");
        let status = Command::new("bash")
            .args(["-n", "-c", script])
            .stdin(Stdio::null())
            .status()
            .expect("bash runs");
        assert!(status.success(), "{script}");
    }
}
