//! The JSON Schemas in docs/schema are those of the data model, and what is printed keeps to them.

use std::fs;
use std::path::PathBuf;

use minifier::report::xray::{comparison_json, comparison_schema, xray_json, xray_schema};
use minifier::xray::Xray;
use minifier_tests::xray_sample;
use serde_json::Value;

/// Set, the test writes the schemas instead of comparing them.
const WRITE: &str = "MINIFIER_WRITE_SCHEMAS";

fn documented(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/schema")
        .join(name)
}

fn check(name: &str, generated: &str) {
    let file = documented(name);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&file, generated).expect("the schema is written");
        return;
    }
    let written = fs::read_to_string(&file).expect("the schema is in docs/schema");
    assert!(
        written == generated,
        "docs/schema/{name} is not that of the data model; after a change that adds, run\n    \
         {WRITE}=1 cargo test -p minifier-tests --test integration xray_render::schema\n\
         and commit it; any other change raises SCHEMA_VERSION first"
    );
}

#[test]
fn documented_schemas_are_those_of_the_data_model() {
    check("xray-2.json", &xray_schema());
    check("xray-comparison-2.json", &comparison_schema());
}

fn assert_valid(schema: &str, json: &str) {
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let value: Value = serde_json::from_str(json).expect("the report is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one");
    let errors: Vec<String> = validator
        .iter_errors(&value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn json_keeps_to_its_schema() {
    assert_valid(&xray_schema(), &xray_json(&xray_sample::xray()));
    assert_valid(&xray_schema(), &xray_json(&xray_sample::clean()));
    assert_valid(
        &comparison_schema(),
        &comparison_json(&xray_sample::comparison()),
    );
}

#[test]
fn json_reads_back_as_what_it_was() {
    let json = xray_json(&xray_sample::xray());
    let read: Xray = serde_json::from_str(&json).expect("it reads back");
    assert_eq!(xray_json(&read), json);
}
