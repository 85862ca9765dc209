//! The log: one run, with every rule and every finding.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::json;
use super::super::text::{identifier, plain};
use super::rules::{KINDS, rules};
use super::uri::relative;
use crate::xray::model::{Finding, FindingLocation, Severity, Xray};

/// The findings as a SARIF log.
pub fn sarif(xray: &Xray) -> String {
    let mut seen = BTreeMap::new();
    let mut results: Vec<Value> = xray
        .security
        .findings
        .iter()
        .map(|finding| result(xray, finding, &mut seen))
        .collect();
    // Accepted findings stay in the log: code scanning shows them as dismissed, and would show missing ones as fixed.
    results.extend(xray.security.ignored.iter().map(|ignored| {
        let mut result = result(xray, &ignored.finding, &mut seen);
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": plain(&ignored.reason),
        }]);
        result
    }));
    let notifications: Vec<Value> = xray
        .problems
        .iter()
        .map(|problem| json!({ "level": "warning", "message": message(problem) }))
        .collect();
    json::text(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "minifier",
                    "version": xray.minifier,
                    "semanticVersion": xray.minifier,
                    "rules": rules(),
                }
            },
            // Results of the same image replace these in the next run; those of other images stay.
            "automationDetails": { "id": format!("minifier-xray/{}/", relative(&xray.image.reference)) },
            "invocations": [{
                // An analysis that is partial was still successful; the notifications say what is missing.
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "originalUriBaseIds": {
                "ROOTFS": { "description": { "text": "the root directory of the container" } },
                "IMAGE": { "description": { "text": "the image as stored: its config" } },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {
                "image": xray.image.reference,
                "imageId": xray.image.id,
                "manifest": xray.image.manifest,
                "platform": xray.image.platform,
            },
        }]
    }))
}

fn result(xray: &Xray, finding: &Finding, seen: &mut BTreeMap<String, u32>) -> Value {
    let rule = KINDS.iter().position(|&kind| kind == finding.kind);
    let fingerprint = finding.fingerprint.clone();
    let number = seen.entry(fingerprint.clone()).or_default();
    // Two findings with one fingerprint (two passwords in a file) have to stay two.
    *number += 1;
    json!({
        "ruleId": identifier(&finding.kind),
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": message(&finding.message),
        "locations": [location(&finding.location)],
        // GitHub recognises a finding by this one; without it, it would hash lines of a source file that is not there.
        "partialFingerprints": { "primaryLocationLineHash": format!("{fingerprint}:{number}") },
        "properties": properties(xray, finding),
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A message as plain text: brackets would make links (SARIF 3.11.6).
fn message(text: &str) -> Value {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        if matches!(c, '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    json!({ "text": escaped })
}

fn location(location: &FindingLocation) -> Value {
    // GitHub refuses a location without a line.
    let place = |uri: String, base: &str, line: u64| {
        json!({
            "artifactLocation": { "uri": uri, "uriBaseId": base },
            "region": { "startLine": line.max(1) },
        })
    };
    match location {
        FindingLocation::File { path, line, .. } => {
            json!({ "physicalLocation": place(relative(path), "ROOTFS", line.unwrap_or(1)) })
        }
        FindingLocation::Config { field } => json!({
            "physicalLocation": place("config.json".to_owned(), "IMAGE", 1),
            "logicalLocations": [{ "name": field, "fullyQualifiedName": format!("config.{field}"), "kind": "member" }],
        }),
        FindingLocation::History { step } => json!({
            "physicalLocation": place("config.json".to_owned(), "IMAGE", 1),
            "logicalLocations": [{
                "name": step.to_string(),
                "fullyQualifiedName": format!("history[{step}]"),
                "kind": "element",
            }],
        }),
    }
}

fn properties(xray: &Xray, finding: &Finding) -> Value {
    let mut properties = json!({});
    if let FindingLocation::File { layer, visible, .. } = &finding.location {
        properties["layer"] = (*layer).into();
        properties["visible"] = (*visible).into();
        if let Some(info) = xray.layers.get(*layer) {
            properties["layerDiffId"] = info.diff_id.as_str().into();
            properties["layerInstruction"] = plain(&info.instruction).into();
        }
    }
    if !finding.detail.is_empty() {
        properties["rule"] = plain(&finding.detail).into();
    }
    properties
}
