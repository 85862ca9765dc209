//! CycloneDX 1.5 (JSON): the image as the described component, its packages as components.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::json;
use super::super::text::plain;
use super::identity::References;
use super::licence::{Licence, licence};
use super::supplier::Supplier;
use super::{identity, supplier, time};
use crate::xray::model::{PackageInfo, PackageKind, Xray};

/// The packages of an image as a CycloneDX document of the time `created`.
pub fn cyclonedx(xray: &Xray, created: Timestamp) -> String {
    let mut components = Vec::new();
    let mut references = Vec::new();
    if let Some(distribution) = &xray.image.distribution {
        references.push("distribution".to_owned());
        components.push(json!({
            "bom-ref": "distribution",
            "type": "operating-system",
            "name": plain(&distribution.id),
            "version": plain(&distribution.version),
            "description": plain(&distribution.name),
        }));
    }
    let packages = &xray.packages.packages;
    let ids: Vec<String> = packages
        .iter()
        .enumerate()
        .map(|(index, info)| format!("package-{}", identity::of_package(info, index)))
        .collect();
    let needed = References::new(xray, &ids);
    let mut needs = Vec::new();
    for (info, id) in packages.iter().zip(&ids) {
        components.push(component(xray, info, id));
        references.push(id.clone());
        let on: Vec<&str> = needed.of(info).collect();
        if !on.is_empty() {
            needs.push(json!({ "ref": id, "dependsOn": on }));
        }
    }
    let mut dependencies = vec![json!({ "ref": "image", "dependsOn": references })];
    dependencies.append(&mut needs);
    // "unknown" and not "complete": files without a package manager may be of packages that nothing names.
    let aggregate = if xray.is_partial() {
        "incomplete"
    } else {
        "unknown"
    };
    json::text(&json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": format!("urn:uuid:{}", identity::uuid(xray, "cyclonedx")),
        "version": 1,
        "metadata": {
            "timestamp": time::text(created),
            "tools": {
                "components": [{ "type": "application", "name": "minifier", "version": xray.minifier }],
            },
            "component": image(xray),
        },
        "components": components,
        "dependencies": dependencies,
        "compositions": [{ "aggregate": aggregate, "assemblies": ["image"] }],
    }))
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("minifier:{name}"), "value": plain(value) })
}

fn image(xray: &Xray) -> Value {
    let image = &xray.image;
    let mut properties = vec![
        property("image:id", &image.id),
        property("image:platform", &image.platform),
        property("image:size", &image.size.to_string()),
    ];
    properties.extend(
        xray.layers
            .iter()
            .map(|layer| property(&format!("layer:{}:diffId", layer.index), &layer.diff_id)),
    );
    properties.extend(
        xray.problems
            .iter()
            .map(|problem| property("problem", problem)),
    );
    let mut value = json!({
        "bom-ref": "image",
        "type": "container",
        "name": plain(&image.reference),
        "version": image.manifest.as_deref().unwrap_or(&image.id),
    });
    if let Some(supplier) = supplier::of_image(image) {
        value["supplier"] = entity(supplier);
    }
    if let Some(purl) = identity::image_purl(xray) {
        value["purl"] = purl.into();
    }
    value["properties"] = properties.into();
    value
}

fn component(xray: &Xray, info: &PackageInfo, reference: &str) -> Value {
    let (group, name) = group(info);
    let kind = if info.application {
        "application"
    } else {
        "library"
    };
    let mut value = json!({ "bom-ref": reference, "type": kind });
    if let Some(supplier) = supplier::of_package(info) {
        value["supplier"] = entity(supplier);
    }
    if let Some(group) = group {
        value["group"] = plain(group).into();
    }
    value["name"] = plain(name).into();
    if !info.version.is_empty() {
        value["version"] = plain(&info.version).into();
    }
    if info.dev {
        // Scanners take "required" as the default, and would report what never runs in production.
        value["scope"] = "optional".into();
    }
    let hashes: Vec<Value> = info.checksums.iter().filter_map(|c| hash(c)).collect();
    if !hashes.is_empty() {
        value["hashes"] = hashes.into();
    }
    // The schema takes either one expression or a list of licences.
    match licence(info.licence.as_deref()) {
        None => {}
        Some(Licence::Expression(expression, _)) => {
            value["licenses"] = json!([{ "expression": expression }]);
        }
        Some(Licence::Text(text)) => value["licenses"] = json!([{ "license": { "name": text } }]),
    }
    value["purl"] = plain(&info.id).into();
    if let Some(download) = &info.download {
        // `git+https://…`: the scheme of a repository.
        let kind = if download.contains('+') {
            "vcs"
        } else {
            "distribution"
        };
        value["externalReferences"] = json!([{ "type": kind, "url": plain(download) }]);
    }
    let mut properties = vec![
        property("location", &info.location),
        property("layer:index", &info.layer.to_string()),
    ];
    if let Some(layer) = xray.layers.get(info.layer) {
        properties.push(property("layer:diffId", &layer.diff_id));
    }
    if let Some(source) = &info.source {
        properties.push(property("source", source));
    }
    if info.dev {
        properties.push(property("development", "true"));
    }
    if info.vendored {
        properties.push(property("vendored", "true"));
    }
    properties.push(property("size", &info.size.to_string()));
    value["properties"] = properties.into();
    value
}

fn entity(supplier: Supplier) -> Value {
    let mut value = json!({ "name": supplier.name });
    if let Some(address) = supplier.address {
        value["contact"] = json!([{ "email": address }]);
    }
    value
}

/// A checksum such as `sha256:…` as CycloneDX has it.
fn hash(text: &str) -> Option<Value> {
    let (algorithm, content) = text.split_once(':')?;
    let name = match algorithm {
        "sha1" => "SHA-1",
        "sha256" => "SHA-256",
        "sha512" => "SHA-512",
        _ => return None,
    };
    Some(json!({ "alg": name, "content": content }))
}

/// The group and the name: Maven and npm write both into one name.
fn group(info: &PackageInfo) -> (Option<&str>, &str) {
    let split = match info.kind {
        PackageKind::Java => info.name.split_once(':'),
        PackageKind::Npm if info.name.starts_with('@') => info.name.split_once('/'),
        _ => None,
    };
    match split {
        Some((group, name)) => (Some(group), name),
        None => (None, &info.name),
    }
}
