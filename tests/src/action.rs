//! The scripts of the action for GitHub, to be run as a runner would run them.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// `action.yml`.
#[derive(Debug)]
pub struct Action(Value);

impl Action {
    /// Reads it with a parser of YAML.
    pub fn read(parse: impl FnOnce(&str) -> Value) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../action.yml");
        let text = fs::read_to_string(file).expect("the action is there");
        Self(parse(&text))
    }

    /// The script of the step `name`, in `folder`, where it finds `minifier` in the folder `programs`.
    pub fn step(
        &self,
        name: &str,
        folder: &Path,
        programs: &Path,
        inputs: &BTreeMap<&str, &str>,
    ) -> Command {
        let steps = self.0["runs"]["steps"].as_array().expect("steps");
        let step = steps
            .iter()
            .find(|step| step["name"] == name)
            .expect("the step is there");
        let path = env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
            .arg(step["run"].as_str().expect("a script"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("PATH", format!("{}:{path}", programs.display()));
        for file in ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH"] {
            command.env(file, folder.join(file));
        }
        for (name, value) in step["env"].as_object().expect("an environment") {
            let value = value.as_str().expect("text");
            command.env(name, self.expand(value, inputs));
        }
        command
    }

    /// `value` with `${{ inputs.NAME }}` and `${{ github.action_path }}` replaced, which is all that the action uses in
    /// the environment of its scripts.
    fn expand(&self, value: &str, inputs: &BTreeMap<&str, &str>) -> String {
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
        let default = self.0["inputs"][name]["default"].as_str();
        inputs
            .get(name)
            .copied()
            .or(default)
            .unwrap_or_else(|| panic!("the input {name} has a value"))
            .to_owned()
    }
}
