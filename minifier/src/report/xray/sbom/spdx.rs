//! SPDX 2.3 (JSON): the image, what it contains, and the licences that were declared.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::json;
use super::super::text::{identifier, plain};
use super::licence::{Licence, licence};
use super::{identity, time};
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
            "downloadLocation": NOTHING,
            "filesAnalyzed": false,
            "primaryPackagePurpose": "OPERATING_SYSTEM",
        }));
        relationships.push(relationship(IMAGE, "CONTAINS", DISTRIBUTION));
    }
    for (index, info) in xray.packages.packages.iter().enumerate() {
        let id = format!(
            "SPDXRef-Package-{}-{}",
            identifier(&info.kind),
            identity::of_package(info, index)
        );
        packages.push(package(xray, info, &id, &mut texts));
        relationships.push(relationship(IMAGE, "CONTAINS", &id));
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

fn image(xray: &Xray) -> Value {
    let image = &xray.image;
    let mut value = json!({
        "SPDXID": IMAGE,
        "name": plain(&image.reference),
        "versionInfo": image.manifest.as_deref().unwrap_or(&image.id),
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
        Some(Licence::Expression(expression)) => expression,
        Some(Licence::Text(text)) => {
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
        "downloadLocation": NOTHING,
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
    if info.dev {
        value["comment"] = "a development dependency".into();
    }
    value
}
