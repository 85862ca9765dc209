//! Sums and sentences over an analysis that several renderers show.

use std::collections::BTreeMap;

use crate::xray::model::{
    Efficiency, Estimate, Finding, FindingLocation, IgnoreState, ImageInfo, PackageInfo,
    PackageKind, Security, Severity, SideSummary,
};

use super::names;
use super::text::{count, difference, percent, size};

/// Distribution, platform, languages and time of creation.
pub(crate) fn character(image: &ImageInfo) -> String {
    let mut parts = Vec::new();
    parts.push(match &image.distribution {
        Some(distribution) => distribution.name.clone(),
        None => "no distribution".to_owned(),
    });
    parts.push(image.platform.clone());
    parts.extend(image.runtimes.iter().map(|runtime| {
        let name = names::runtime(runtime.kind);
        match &runtime.version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        }
    }));
    if let Some(created) = &image.created {
        // RFC 3339 begins with the day.
        let day = created.get(..10).unwrap_or(created);
        parts.push(format!("made {day}"));
    }
    parts.join(", ")
}

/// The words after the score, which say what it is a share of.
pub(crate) const EFFICIENCY: &str = "of the shipped bytes are used";

/// The waste, as a sentence for people who have not read about layers.
pub(crate) fn wasted(efficiency: &Efficiency) -> String {
    if efficiency.wasted_bytes == 0 {
        return "no layer replaces or removes files of a lower one".to_owned();
    }
    format!(
        "{} ship although later layers replace or remove them; of what the layers above the lowest add, {} is wasted",
        size(efficiency.wasted_bytes),
        percent(efficiency.user_wasted_percent),
    )
}

/// The efficiency as a sentence.
pub(crate) fn efficiency(efficiency: &Efficiency) -> String {
    format!(
        "{} {EFFICIENCY}; {}",
        percent(efficiency.score),
        wasted(efficiency)
    )
}

/// Number of findings of each severity.
pub(crate) fn findings(findings: &[Finding]) -> String {
    severities(&findings.iter().collect::<Vec<_>>())
}

fn severities(findings: &[&Finding]) -> String {
    let of = |severity| findings.iter().filter(|f| f.severity == severity).count() as u64;
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter(|&severity| of(severity) > 0)
        .map(|severity| count(of(severity), names::severity(severity)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The estimated size of a build: from the fewest bytes to the most.
pub(crate) fn range(estimate: &Estimate) -> String {
    let (low, high) = (size(estimate.low), size(estimate.high));
    // Compared as text: two sizes that read the same are no range to a person.
    if low == high {
        format!("about {low}")
    } else {
        format!("{low} to {high}")
    }
}

/// Sentences about the ignore list: how many findings it accepts, and which entries have no effect.
pub(crate) fn ignored(security: &Security) -> Vec<String> {
    let mut sentences = Vec::new();
    let number = security.ignored.len() as u64;
    if number > 0 {
        let accepted: Vec<&Finding> = security.ignored.iter().map(|i| &i.finding).collect();
        sentences.push(format!(
            "{} accepted by the ignore list: {}",
            count(number, "finding"),
            severities(&accepted)
        ));
    }
    for entry in &security.ignores {
        let state = match (entry.state, &entry.expires) {
            // An entry that works needs no attention.
            (IgnoreState::Used, _) => continue,
            (IgnoreState::Unused, _) => "fits no finding".to_owned(),
            (IgnoreState::Expired, None) => "has expired".to_owned(),
            (IgnoreState::Expired, Some(expires)) => format!("expired on {expires}"),
        };
        let parts = [
            ("path", &entry.path),
            ("rule", &entry.rule),
            ("fingerprint", &entry.fingerprint),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|(name, value)| Some(format!("{name} {}", value.as_deref()?)))
            .collect();
        sentences.push(format!(
            "an entry of the ignore list {state}: {} ({})",
            parts.join(", "),
            entry.reason
        ));
    }
    sentences
}

/// Rows that compare two images as a whole: name, both values, difference.
pub(crate) fn sides(from: &SideSummary, to: &SideSummary) -> [[String; 4]; 6] {
    let bytes =
        |name: &str, from, to| [name.to_owned(), size(from), size(to), difference(from, to)];
    let number = |name: &str, from: u64, to: u64| {
        let sign = if to >= from { "+" } else { "-" };
        [
            name.to_owned(),
            from.to_string(),
            to.to_string(),
            format!("{sign}{}", to.abs_diff(from)),
        ]
    };
    [
        bytes("size", from.size, to.size),
        bytes("as stored", from.stored_size, to.stored_size),
        number("files", from.files, to.files),
        number("layers", from.layers as u64, to.layers as u64),
        number("packages", from.packages as u64, to.packages as u64),
        [
            "efficiency".to_owned(),
            percent(from.efficiency),
            percent(to.efficiency),
            format!("{:+.1}", (to.efficiency - from.efficiency) * 100.0),
        ],
    ]
}

/// Packages and their bytes by kind.
pub(crate) fn packages(packages: &[PackageInfo]) -> BTreeMap<PackageKind, (u64, u64)> {
    let mut kinds = BTreeMap::new();
    for package in packages {
        let (number, bytes): &mut (u64, u64) = kinds.entry(package.kind).or_default();
        *number += 1;
        *bytes = bytes.saturating_add(package.size);
    }
    kinds
}

/// The place of a finding in words.
pub(crate) fn location(location: &FindingLocation) -> String {
    match location {
        FindingLocation::File {
            path,
            layer,
            line,
            visible,
        } => {
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            let hidden = if *visible {
                ""
            } else {
                ", hidden by a later layer"
            };
            format!("{path}{line} (layer {layer}{hidden})")
        }
        FindingLocation::Config { field } => format!("config, {field}"),
        FindingLocation::History { step } => format!("history, step {step}"),
    }
}
