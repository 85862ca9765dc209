//! Data for the script of the page: the data model, and names for its kinds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::names;
use super::super::text::identifier;
use super::super::totals;
use crate::xray::model::{
    Binaries, BrokenNeed, Comparison, Directory, DockerfileStep, DuplicateGroup, Efficiency,
    Estimate, FileKind, FileTree, GateReport, ImageInfo, KindTotal, LargeFile, LayerFiles,
    LayerInfo, PackageKind, Packages, Recommendation, Security, UnusedLibrary, Waste, Xray,
};

/// An [`Xray`] for the page, without the fields that no section shows: the list of programs alone can be most of it.
#[derive(Debug, Serialize)]
pub(crate) struct PageData<'a> {
    minifier: &'a str,
    character: String,
    wasted_text: String,
    findings_text: String,
    savings: u64,
    image: &'a ImageInfo,
    layers: &'a [LayerInfo],
    efficiency: &'a Efficiency,
    dockerfile: &'a [DockerfileStep],
    tree: &'a FileTree,
    by_layer: &'a [LayerFiles],
    largest_files: &'a [LargeFile],
    largest_directories: &'a [Directory],
    kinds: &'a [KindTotal],
    duplicates: &'a [DuplicateGroup],
    duplicate_bytes: u64,
    duplicate_documentation_bytes: u64,
    packages: &'a Packages,
    broken: &'a [BrokenNeed],
    unused: &'a [UnusedLibrary],
    waste: &'a [Waste],
    security: &'a Security,
    recommendations: &'a [Recommendation],
    estimate: &'a Option<Estimate>,
    estimate_range: Option<String>,
    problems: &'a [String],
    gate: &'a Option<GateReport>,
    names: KindNames,
}

impl<'a> PageData<'a> {
    pub(crate) fn new(xray: &'a Xray) -> Self {
        let Binaries { broken, unused, .. } = &xray.binaries;
        let contents = &xray.contents;
        Self {
            minifier: &xray.minifier,
            character: totals::character(&xray.image),
            wasted_text: totals::wasted(&xray.efficiency),
            findings_text: totals::findings(&xray.security.findings),
            savings: xray.fixable,
            image: &xray.image,
            layers: &xray.layers,
            efficiency: &xray.efficiency,
            dockerfile: &xray.dockerfile,
            tree: &contents.tree,
            by_layer: &contents.by_layer,
            largest_files: &contents.largest_files,
            largest_directories: &contents.largest_directories,
            kinds: &contents.kinds,
            duplicates: &contents.duplicates,
            duplicate_bytes: contents.duplicate_bytes,
            duplicate_documentation_bytes: contents.duplicate_documentation_bytes,
            packages: &xray.packages,
            broken,
            unused,
            waste: &xray.waste,
            security: &xray.security,
            recommendations: &xray.recommendations,
            estimate: &xray.estimate,
            estimate_range: xray.estimate.as_ref().map(totals::range),
            problems: &xray.problems,
            gate: &xray.gate,
            names: KindNames::new(xray),
        }
    }
}

/// Names of kinds for people, by their identifiers.
#[derive(Debug, Serialize)]
struct KindNames {
    packages: BTreeMap<String, &'static str>,
    waste: BTreeMap<String, &'static str>,
    file_kinds: BTreeMap<String, &'static str>,
}

impl KindNames {
    fn new(xray: &Xray) -> Self {
        Self {
            packages: package_names(xray.packages.packages.iter().map(|p| p.kind)),
            waste: xray
                .waste
                .iter()
                .map(|w| (identifier(&w.kind), names::waste(w.kind)))
                .collect(),
            file_kinds: FileKind::ALL
                .into_iter()
                .map(|kind| (identifier(&kind), names::files(kind)))
                .collect(),
        }
    }
}

fn package_names(kinds: impl Iterator<Item = PackageKind>) -> BTreeMap<String, &'static str> {
    kinds
        .map(|kind| (identifier(&kind), names::packages(kind)))
        .collect()
}

/// A [`Comparison`] for its page.
#[derive(Debug, Serialize)]
pub(crate) struct ComparisonData<'a> {
    comparison: &'a Comparison,
    names: BTreeMap<String, &'static str>,
}

impl<'a> ComparisonData<'a> {
    pub(crate) fn new(comparison: &'a Comparison) -> Self {
        let packages = comparison
            .packages
            .iter()
            .flat_map(|change| change.from.iter().chain(&change.to));
        Self {
            comparison,
            names: package_names(packages.map(|package| package.kind)),
        }
    }
}
