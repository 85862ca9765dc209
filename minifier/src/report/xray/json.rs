//! The data model as JSON, and the JSON Schemas of it. Names, units and values are a contract, see
//! [`SCHEMA_VERSION`](crate::xray::model::SCHEMA_VERSION).

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::report::plain_json;
use crate::xray::model::{Comparison, Xray};

/// An analysis as one JSON object in one line: the tree of a large image would be twice as long with indentation.
pub fn xray_json(xray: &Xray) -> String {
    line(xray)
}

/// A comparison as one JSON object in one line.
pub fn comparison_json(comparison: &Comparison) -> String {
    line(comparison)
}

/// JSON Schema (2020-12) of [`xray_json`].
pub fn xray_schema() -> String {
    schema::<Xray>("What `minify xray --output json` prints")
}

/// JSON Schema (2020-12) of [`comparison_json`].
pub fn comparison_schema() -> String {
    schema::<Comparison>("What `minify xray --compare A B --output json` prints")
}

fn schema<T: JsonSchema>(title: &str) -> String {
    let mut schema = SchemaSettings::draft2020_12()
        // A reader of the schema wants to know what is written: fields with defaults are always there.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Value::from(title));
    text(&schema)
}

/// JSON with indentation and a newline at its end, for documents that people read.
pub(crate) fn text(value: &impl Serialize) -> String {
    ended(serde_json::to_string_pretty(value))
}

fn line(value: &impl Serialize) -> String {
    ended(serde_json::to_string(value))
}

fn ended(text: serde_json::Result<String>) -> String {
    let mut text =
        text.unwrap_or_else(|e| unreachable!("data of strings, numbers and lists serializes: {e}"));
    text.push('\n');
    // It may go to a terminal or into the log of a CI job.
    plain_json(text)
}
