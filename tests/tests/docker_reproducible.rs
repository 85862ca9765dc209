//! The same image and the same trace give the same bytes, however the layers are read; the report is as documented.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use minifier_tests::{Minifier, SlimImage, fixture};
use serde_json::Value;

/// Paths that stay: what the digest depends on besides the image.
fn kept(report: &Value) -> Result<Vec<&str>> {
    let kept = report["kept"]
        .as_array()
        .context("the report names what stays")?;
    Ok(kept
        .iter()
        .filter_map(|entry| entry["path"].as_str())
        .collect())
}

/// Builds the fixture with each set of options: all results have the same paths, and `key` is the same.
fn same(name: &str, runs: &[&[&str]], key: &str) -> Result<Vec<Value>> {
    let recipe = fixture(name)?;
    let slim = SlimImage::of(&recipe, "same");
    let minifier = Minifier::find()?;
    let reports = runs
        .iter()
        .map(|options| minifier.build(&recipe, &slim, options))
        .collect::<Result<Vec<Value>>>()?;
    for report in &reports[1..] {
        ensure!(
            kept(report)? == kept(&reports[0])?,
            "{name}: other paths stay"
        );
        ensure!(
            report["result"][key] == reports[0]["result"][key],
            "{name}: {key} is {} and {}",
            report["result"][key],
            reports[0]["result"][key]
        );
    }
    Ok(reports)
}

#[test]
fn docker_in_place_and_streamed_give_the_same_digest() -> Result<()> {
    for name in ["nginx", "traps"] {
        let runs: [&[&str]; 3] = [&["--read", "in-place"], &["--read", "stream"], &[]];
        let reports = same(name, &runs, "manifest")?;
        let read = |at: usize| reports[at]["image"]["read"].as_str();
        ensure!(
            read(0) == Some("in-place") && read(1) == Some("streamed"),
            "{name}: read otherwise"
        );
    }
    Ok(())
}

#[test]
fn docker_source_date_epoch_is_respected() -> Result<()> {
    let flat: &[&str] = &["--source-date-epoch", "1000000000", "--layers", "flatten"];
    let reports = same("static", &[flat, flat], "id")?;
    let result = &reports[0]["result"];
    ensure!(
        result["config"]["created"] == "2001-09-09T01:46:40Z",
        "created: {}",
        result["config"]
    );
    ensure!(
        result["layers"]
            .as_array()
            .is_some_and(|layers| layers.len() == 1),
        "not one layer"
    );
    Ok(())
}

/// Names of the fields below `value`; maps with names of their own (config, processes) count as one field.
fn fields(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                if name != "config" && name != "processes" {
                    fields(value, names);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, names)),
        _ => {}
    }
}

#[test]
fn docker_every_field_of_the_report_is_documented() -> Result<()> {
    let recipe = fixture("healthcheck")?;
    let slim = SlimImage::of(&recipe, "documented");
    let report = Minifier::find()?.build(&recipe, &slim, &["--exec", "true"])?;
    ensure!(report["schema_version"] == 1, "another schema version");
    let docs = std::fs::read_to_string(xtask::cache::workspace_root().join("docs/report.md"))?;
    let mut names = BTreeSet::new();
    fields(&report, &mut names);
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| !docs.contains(&format!("`{name}`")))
        .collect();
    ensure!(
        missing.is_empty(),
        "docs/report.md does not name {missing:?}"
    );
    Ok(())
}
