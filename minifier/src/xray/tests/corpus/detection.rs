//! What is found in the corpus: every secret, no decoy, and none of the secrets themselves in the report.

use std::collections::BTreeSet;

use serde_json::json;

use super::files::{STRUCTURE, decoys, secrets, steps};
use super::maker::Maker;
use crate::rootfs::tar::testing::Tar;
use crate::xray::model::{FindingLocation, Severity, Xray};
use crate::xray::testing::{analyse, image};

fn corpus() -> (Xray, Vec<String>, Vec<String>, Vec<bool>) {
    let mut m = Maker::new();
    let (decoys, secrets, steps) = (decoys(&mut m), secrets(&mut m), steps(&mut m));
    let status = "Package: owned\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
    let mut tar = Tar::new()
        .file("var/lib/dpkg/status", status.as_bytes())
        .file(
            "var/lib/dpkg/info/owned.list",
            b"/.\n/usr/share/owned/key.pem\n",
        );
    for path in STRUCTURE {
        tar = tar.file(path, b"x\n");
    }
    for (path, text) in decoys.iter().chain(&secrets) {
        tar = tar.file(path, text.as_bytes());
    }
    let history: Vec<_> = steps
        .iter()
        .map(|(step, _)| json!({"created_by": format!("RUN /bin/sh -c {step} # buildkit"), "empty_layer": true}))
        .collect();
    let config = json!({
        "config": {
            "WorkingDir": "/app",
            "Env": ["SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:x", format!("TOKEN={}", m.word(30))],
        },
        "history": history,
    });
    let xray = analyse(&image(&[tar.bytes()], config)).xray;
    let absolute = |files: Vec<(&str, String)>| -> Vec<String> {
        files.iter().map(|(path, _)| format!("/{path}")).collect()
    };
    let steps = steps.into_iter().map(|(_, secret)| secret).collect();
    (xray, absolute(decoys), absolute(secrets), steps)
}

#[test]
fn of_the_labelled_corpus_no_decoy_is_an_error_and_every_secret_is_one() {
    let (xray, decoys, secrets, steps) = corpus();
    let errors = xray.security.findings.iter();
    let errors = errors.filter(|f| f.kind.is_secret() && f.severity == Severity::Error);
    let mut files = BTreeSet::new();
    let mut shown = BTreeSet::new();
    let mut environment = 0;
    for finding in errors {
        match &finding.location {
            FindingLocation::File { path, .. } => {
                files.insert(path.clone());
            }
            FindingLocation::History { step } => {
                shown.insert(*step);
            }
            FindingLocation::Config { .. } => environment += 1,
        }
    }
    let labelled = |secret: bool| {
        let steps = steps.iter().enumerate();
        steps
            .filter(move |(_, is)| **is == secret)
            .map(|(at, _)| at)
    };
    let false_alarms: Vec<&String> = decoys.iter().filter(|path| files.contains(*path)).collect();
    let missed: Vec<&String> = secrets
        .iter()
        .filter(|path| !files.contains(*path))
        .collect();
    assert!(decoys.len() >= 30 && secrets.len() >= 25);
    assert_eq!(false_alarms, [""; 0], "decoys that are errors");
    assert_eq!(missed, [""; 0], "secrets that are not found");
    assert_eq!(shown, labelled(true).collect(), "steps of the history");
    assert_eq!(environment, 1, "a token and an ARN");
    // Nothing but what has a label.
    let known: BTreeSet<String> = decoys.into_iter().chain(secrets).collect();
    assert_eq!(files.difference(&known).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_report_on_the_corpus_shows_none_of_its_secrets() {
    let (xray, ..) = corpus();
    let text = serde_json::to_string(&xray).expect("a report");
    let mut m = Maker::new();
    decoys(&mut m);
    for (path, secret) in secrets(&mut m) {
        // The longest word is the secret, or holds it.
        let words = secret.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let longest = words.max_by_key(|word| word.len()).unwrap_or_default();
        let known = ["application", "DefaultEndpointsProtocol"];
        if longest.len() > 11 && !known.contains(&longest) && !path.contains(longest) {
            assert!(!text.contains(longest), "{path} shows {longest}");
        }
    }
    for (step, secret) in steps(&mut m) {
        if secret {
            assert!(!text.contains(&step), "{step}");
        }
    }
}
