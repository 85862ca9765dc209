//! SARIF, SPDX and CycloneDX keep to their official schemas, and to what the schemas do not say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Registry;
use minifier::report::xray::{cyclonedx, sarif, sbom_time, spdx};
use minifier::xray::Xray;
use minifier_tests::xray_sample;
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

/// A schema of others, see tests/data/schemas/README.md.
pub(crate) fn vendored(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/schemas")
        .join(name);
    let mut schema = json(&fs::read_to_string(file).expect("the schema is there"));
    if name.starts_with("sarif") {
        // Not a regular expression: it has a bracket too many. Nothing here has a language.
        for object in ["run", "toolComponent"] {
            let language =
                schema.pointer_mut(&format!("/definitions/{object}/properties/language"));
            let language = language
                .and_then(Value::as_object_mut)
                .expect("it is still there");
            language.remove("pattern");
        }
    }
    schema
}

pub(crate) fn assert_valid(schema: &str, value: &Value) {
    let spdx = vendored("cyclonedx-spdx.schema.json");
    let jsf = vendored("cyclonedx-jsf-0.82.schema.json");
    let registry = Registry::new()
        .add(
            "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json",
            spdx,
        )
        .and_then(|r| {
            r.add(
                "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json",
                jsf,
            )
        })
        .and_then(|r| r.prepare())
        .expect("the schemas are ones");
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .with_registry(&registry)
        .build(&vendored(schema))
        .expect("the schema is one");
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{schema}:\n{}", errors.join("\n"));
}

fn images() -> [Xray; 3] {
    [
        xray_sample::xray(),
        xray_sample::related(),
        xray_sample::clean(),
    ]
}

fn time(xray: &Xray) -> jiff::Timestamp {
    sbom_time(xray, None).expect("a time")
}

#[test]
fn sarif_keeps_to_its_schema() {
    for xray in images() {
        assert_valid("sarif-2.1.0.schema.json", &json(&sarif(&xray)));
    }
}

#[test]
fn spdx_keeps_to_its_schema() {
    for xray in images() {
        assert_valid("spdx-2.3.schema.json", &json(&spdx(&xray, time(&xray))));
    }
}

#[test]
fn cyclonedx_keeps_to_its_schema() {
    for xray in images() {
        assert_valid(
            "cyclonedx-bom-1.5.schema.json",
            &json(&cyclonedx(&xray, time(&xray))),
        );
    }
}

#[test]
#[should_panic(expected = "spdx-2.3.schema.json")]
fn the_schemas_refuse_what_is_wrong() {
    let xray = xray_sample::xray();
    let mut value = json(&spdx(&xray, time(&xray)));
    value["packages"][1]["downloadLocation"] = Value::Null;
    assert_valid("spdx-2.3.schema.json", &value);
}

#[test]
fn sarif_results_point_at_their_rules_and_at_places_that_github_takes() {
    let xray = xray_sample::xray();
    let log = json(&sarif(&xray));
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    let (found, ignored) = results.split_at(xray.security.findings.len());
    assert_eq!(ignored.len(), xray.security.ignored.len());
    assert!(
        found
            .iter()
            .all(|result| result.get("suppressions").is_none())
    );
    for (result, accepted) in ignored.iter().zip(&xray.security.ignored) {
        assert_eq!(result["suppressions"][0]["justification"], accepted.reason);
    }
    let mut fingerprints = BTreeSet::new();
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index");
        let rule = &run["tool"]["driver"]["rules"][index as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(uri.is_ascii() && !uri.starts_with('/'), "{uri}");
        assert!(place["region"]["startLine"].as_u64() >= Some(1));
        let fingerprint = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(
            fingerprints.insert(fingerprint.to_string()),
            "{fingerprint} twice"
        );
    }
    let hidden = &results[0];
    assert_eq!(hidden["properties"]["layer"], 1);
    assert_eq!(hidden["properties"]["visible"], false);
    assert_eq!(hidden["properties"]["layerDiffId"], xray.layers[1].diff_id);
}

#[test]
fn sarif_fingerprints_survive_lines_and_layers_that_move() {
    let fingerprints = |xray: &Xray| -> Vec<String> {
        json(&sarif(xray))["runs"][0]["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|r| r["partialFingerprints"].to_string())
            .collect()
    };
    let before = xray_sample::xray();
    let mut after = before.clone();
    for finding in &mut after.security.findings {
        if let minifier::xray::model::FindingLocation::File { layer, line, .. } =
            &mut finding.location
        {
            *layer += 1;
            *line = line.map(|line| line + 3);
        }
    }
    assert_eq!(fingerprints(&before), fingerprints(&after));
}

#[test]
fn identifiers_of_bills_are_unique_and_referred_to() {
    let xray = xray_sample::related();
    let document = json(&spdx(&xray, time(&xray)));
    let ids: Vec<&str> = document["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|p| p["SPDXID"].as_str().expect("an identifier"))
        .collect();
    assert_eq!(ids.len(), xray.packages.packages.len() + 2);
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len());
    for relationship in document["relationships"].as_array().expect("relationships") {
        assert!(
            unique.contains(
                relationship["relatedSpdxElement"]
                    .as_str()
                    .expect("an identifier")
            )
        );
    }
    let declared: BTreeSet<String> = document["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|p| p["licenseDeclared"].as_str())
        .flat_map(|licence| licence.split([' ', '(', ')']))
        .filter(|word| word.starts_with("LicenseRef-"))
        .map(str::to_owned)
        .collect();
    assert!(declared.contains("LicenseRef-Fedora-Public-Domain"));
    let extracted: BTreeSet<String> = document["hasExtractedLicensingInfos"]
        .as_array()
        .expect("texts")
        .iter()
        .filter_map(|l| l["licenseId"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(declared, extracted);
    let bill = json(&cyclonedx(&xray, time(&xray)));
    let references: BTreeSet<&str> = bill["components"]
        .as_array()
        .expect("components")
        .iter()
        .filter_map(|c| c["bom-ref"].as_str())
        .collect();
    assert_eq!(references.len(), xray.packages.packages.len() + 1);
}

/// NTIA, "The Minimum Elements For a Software Bill of Materials": supplier, name, version, other identifiers,
/// relationships; author and time of the document.
#[test]
fn bills_have_the_minimum_elements() {
    let xray = xray_sample::related();
    let document = json(&spdx(&xray, time(&xray)));
    let packages = document["packages"].as_array().expect("packages");
    for package in packages {
        let supplier = package["supplier"].as_str().expect("a supplier");
        let known = supplier.starts_with("Person: ") || supplier.starts_with("Organization: ");
        assert!(known || supplier == "NOASSERTION", "{supplier}");
        assert!(package["name"].is_string() && package["SPDXID"].is_string());
    }
    let by_name = |name: &str| {
        let found = packages.iter().find(|p| p["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {packages:?}"))
    };
    let gcc = by_name("gcc-12");
    assert_eq!(
        gcc["supplier"],
        "Organization: Debian GCC Maintainers (debian-gcc@lists.debian.org)"
    );
    assert_eq!(
        by_name("requests")["supplier"],
        "Person: Kenneth Reitz (me@example.org)"
    );
    let origin = "git+https://example.org/requests.git@0a1b2c";
    assert_eq!(by_name("requests")["downloadLocation"], origin);
    assert_eq!(by_name("zlib-ng")["checksums"][0]["algorithm"], "SHA256");
    let relationships = document["relationships"].as_array().expect("relationships");
    let needs = relationships
        .iter()
        .filter(|r| r["relationshipType"] == "DEPENDS_ON");
    let needs: Vec<(&Value, &Value)> = needs
        .map(|r| (&r["spdxElementId"], &r["relatedSpdxElement"]))
        .collect();
    assert!(needs.contains(&(&gcc["SPDXID"], &by_name("libc6")["SPDXID"])));
    // What is not in the image is not in the document.
    assert_eq!(needs.len(), 2);
    let creation = &document["creationInfo"];
    assert!(creation["created"].is_string());
    assert_eq!(creation["creators"][0], "Tool: minifier-0.1.0");

    let bill = json(&cyclonedx(&xray, time(&xray)));
    let components = bill["components"].as_array().expect("components");
    let by_name = |name: &str| {
        components
            .iter()
            .find(|c| c["name"] == name)
            .expect("it is there")
    };
    let gcc = by_name("gcc-12");
    assert_eq!(gcc["supplier"]["name"], "Debian GCC Maintainers");
    assert_eq!(
        gcc["supplier"]["contact"][0]["email"],
        "debian-gcc@lists.debian.org"
    );
    assert_eq!(by_name("name")["hashes"][0]["alg"], "SHA-512");
    assert_eq!(by_name("requests")["externalReferences"][0]["type"], "vcs");
    let dependencies = bill["dependencies"].as_array().expect("dependencies");
    let of_gcc = dependencies.iter().find(|d| d["ref"] == gcc["bom-ref"]);
    assert_eq!(
        of_gcc.expect("it has some")["dependsOn"][0],
        by_name("libc6")["bom-ref"]
    );
    let all: BTreeSet<&str> = components
        .iter()
        .filter_map(|c| c["bom-ref"].as_str())
        .collect();
    for dependency in dependencies {
        for on in dependency["dependsOn"].as_array().expect("a list") {
            assert!(all.contains(on.as_str().expect("a reference")));
        }
    }
}

#[test]
fn bills_depend_on_the_image_and_the_given_time_only() {
    let xray = xray_sample::xray();
    let at = |epoch| sbom_time(&xray, Some(epoch)).expect("a time");
    assert_eq!(spdx(&xray, at("1")), spdx(&xray, at("1")));
    assert!(spdx(&xray, at("1")).contains("\"created\": \"1970-01-01T00:00:01Z\""));
    assert!(cyclonedx(&xray, time(&xray)).contains("\"timestamp\": \"2026-05-04T10:20:30Z\""));
    let mut other = xray.clone();
    other.image.id = format!("sha256:{}", "d".repeat(64));
    let namespace = |xray: &Xray| json(&spdx(xray, time(xray)))["documentNamespace"].clone();
    assert_ne!(namespace(&xray), namespace(&other));
    assert!(sbom_time(&xray, Some("yesterday")).is_err());
}
