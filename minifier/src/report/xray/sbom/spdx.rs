//! SPDX 2.3 (JSON): the image, what it contains, and the licences that were declared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::json;
use super::super::text::{identifier, plain};
use super::identity::References;
use super::licence::{Licence, licence};
use super::supplier::Supplier;
use super::{identity, supplier, time};
use crate::xray::model::{PackageInfo, Xray};

const NOTHING: &str = "NOASSERTION";
const IMAGE: &str = "SPDXRef-Image";
const DISTRIBUTION: &str = "SPDXRef-Distribution";

/// The packages of an image as an SPDX document of the time `created`.
pub fn spdx(xray: &Xray, created: Timestamp) -> String {
    let mut texts = BTreeMap::new();
    let mut packages = vec![image(xray)];
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    if let Some(distribution) = &xray.image.distribution {
        packages.push(json!({
            "SPDXID": DISTRIBUTION,
            "name": plain(&distribution.id),
            "versionInfo": plain(&distribution.version),
            "summary": plain(&distribution.name),
            "supplier": NOTHING,
            "downloadLocation": NOTHING,
            "filesAnalyzed": false,
            "primaryPackagePurpose": "OPERATING_SYSTEM",
        }));
        relationships.push(relationship(IMAGE, "CONTAINS", DISTRIBUTION));
    }
    let ids: Vec<String> = xray
        .packages
        .packages
        .iter()
        .enumerate()
        .map(|(index, info)| {
            let kind = identifier(&info.kind);
            format!(
                "SPDXRef-Package-{kind}-{}",
                identity::of_package(info, index)
            )
        })
        .collect();
    let references = References::new(xray, &ids);
    for (info, id) in xray.packages.packages.iter().zip(&ids) {
        packages.push(package(xray, info, id, &mut texts));
        relationships.push(relationship(IMAGE, "CONTAINS", id));
        let needs = references.of(info);
        relationships.extend(needs.map(|need| relationship(id, "DEPENDS_ON", need)));
    }
    let texts: Vec<Value> = texts
        .into_iter()
        .map(|(id, text)| json!({ "licenseId": id, "name": text, "extractedText": text }))
        .collect();
    let name = plain(&xray.image.reference);
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/minifier-xray-{}", identity::uuid(xray, "spdx")),
        "creationInfo": {
            "created": time::text(created),
            "creators": [format!("Tool: minifier-{}", xray.minifier)],
        },
        "documentDescribes": [IMAGE],
        "packages": packages,
        "relationships": relationships,
    });
    if !texts.is_empty() {
        document["hasExtractedLicensingInfos"] = texts.into();
    }
    if xray.is_partial() {
        let problems: Vec<_> = xray.problems.iter().map(|p| plain(p)).collect();
        // SPDX 2.3 has no field for it.
        document["comment"] = format!("Not complete: {}", problems.join("; ")).into();
    }
    json::text(&document)
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

fn purl(locator: &str) -> Value {
    json!([{
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": plain(locator),
    }])
}

/// `Person: NAME (ADDRESS)`
fn supplier_text(supplier: Option<Supplier>) -> String {
    let Some(supplier) = supplier else {
        return NOTHING.to_owned();
    };
    let kind = if supplier.organization {
        "Organization"
    } else {
        "Person"
    };
    match supplier.address {
        Some(address) => format!("{kind}: {} ({address})", supplier.name),
        None => format!("{kind}: {}", supplier.name),
    }
}

/// A checksum such as `sha256:…` as SPDX has it.
fn checksum(text: &str) -> Option<Value> {
    let (algorithm, value) = text.split_once(':')?;
    Some(json!({ "algorithm": algorithm.to_ascii_uppercase(), "checksumValue": value }))
}

fn image(xray: &Xray) -> Value {
    let image = &xray.image;
    let mut value = json!({
        "SPDXID": IMAGE,
        "name": plain(&image.reference),
        "versionInfo": image.manifest.as_deref().unwrap_or(&image.id),
        "supplier": supplier_text(supplier::of_image(image)),
        "downloadLocation": NOTHING,
        "filesAnalyzed": false,
        "licenseConcluded": NOTHING,
        "licenseDeclared": NOTHING,
        "copyrightText": NOTHING,
        "primaryPackagePurpose": "CONTAINER",
        "comment": format!("config {}, platform {}", image.id, plain(&image.platform)),
    });
    if let Some(locator) = identity::image_purl(xray) {
        value["externalRefs"] = purl(&locator);
    }
    value
}

fn package(
    xray: &Xray,
    info: &PackageInfo,
    id: &str,
    texts: &mut BTreeMap<String, String>,
) -> Value {
    let declared = match licence(info.licence.as_deref()) {
        None => NOTHING.to_owned(),
        Some(Licence::Expression(expression, references)) => {
            for reference in references {
                let name = reference
                    .trim_start_matches("LicenseRef-")
                    .replace('-', " ");
                // Every `LicenseRef-` of a document has to be explained in it (SPDX 2.3, clause 10).
                texts.insert(reference, format!("{name}, as the package calls it"));
            }
            expression
        }
        Some(Licence::Text(text)) => {
            // By the hash of the text: the same declaration in two packages is one entry.
            let id = format!("LicenseRef-{}", &identity::hash(&[&text])[..16]);
            texts.insert(id.clone(), text);
            id
        }
    };
    let layer = xray
        .layers
        .get(info.layer)
        .map(|layer| format!(" ({})", layer.diff_id))
        .unwrap_or_default();
    let mut value = json!({
        "SPDXID": id,
        "name": plain(&info.name),
        "supplier": supplier_text(supplier::of_package(info)),
        "downloadLocation": info.download.as_deref().map_or(NOTHING.into(), plain),
        "filesAnalyzed": false,
        "licenseConcluded": NOTHING,
        "licenseDeclared": declared,
        "copyrightText": NOTHING,
        "sourceInfo": format!("named by {}, layer {}{layer}", plain(&info.location), info.layer),
        "externalRefs": purl(&info.id),
    });
    if !info.version.is_empty() {
        value["versionInfo"] = plain(&info.version).into();
    }
    let checksums: Vec<Value> = info.checksums.iter().filter_map(|c| checksum(c)).collect();
    if !checksums.is_empty() {
        value["checksums"] = checksums.into();
    }
    if info.application {
        value["primaryPackagePurpose"] = "APPLICATION".into();
    }
    let mut notes = Vec::new();
    if info.dev {
        notes.push("a development dependency");
    }
    if info.vendored {
        notes.push("a copy that another package brings for its own use");
    }
    if !notes.is_empty() {
        value["comment"] = notes.join("; ").into();
    }
    value
}
