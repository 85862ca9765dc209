//! The comparison of two images.

use crate::xray::model::{Comparison, PackageChange, SideSummary};

use super::super::text::{count, difference, short_digest};
use super::super::{names, totals};
use super::page::{Details, TerminalPage};
use super::summary::problems;
use super::table::{Column, table};

/// The comparison for a terminal of `width` columns.
pub fn terminal_comparison(comparison: &Comparison, width: usize, details: Details) -> String {
    let mut page = TerminalPage::new(width, details);
    let (from, to) = (&comparison.from, &comparison.to);
    page.field("from", &from.reference);
    page.field("to", &to.reference);
    page.line("");
    table(
        &mut page,
        [
            ("", Column::Left),
            ("from", Column::Right),
            ("to", Column::Right),
            ("difference", Column::Right),
        ],
        rows(from, to),
    );
    if page.details > Details::Brief {
        files(&mut page, comparison);
        packages(&mut page, comparison);
        config(&mut page, comparison);
    }
    problems(&mut page, &comparison.problems);
    page.out
}

/// The rows of the table of sizes.
fn rows(from: &SideSummary, to: &SideSummary) -> Vec<[String; 4]> {
    let mut rows = vec![[
        "id".to_owned(),
        short_digest(&from.id).to_owned(),
        short_digest(&to.id).to_owned(),
        if from.id == to.id { "the same" } else { "" }.to_owned(),
    ]];
    rows.extend(totals::sides(from, to));
    rows
}

fn files(page: &mut TerminalPage, comparison: &Comparison) {
    page.heading(&format!(
        "files: {} differ, {} do not",
        comparison.files.len(),
        comparison.unchanged_files
    ));
    let shown = page.details.limit(20);
    table(
        page,
        [
            ("difference", Column::Right),
            ("how", Column::Left),
            ("path", Column::Path),
        ],
        comparison.files.iter().take(shown).map(|file| {
            [
                difference(file.from_size, file.to_size),
                names::change(file.change).to_owned(),
                file.path.clone(),
            ]
        }),
    );
    page.more(shown, comparison.files.len(), "files");
}

fn packages(page: &mut TerminalPage, comparison: &Comparison) {
    page.heading(&format!(
        "{} differ",
        count(comparison.packages.len() as u64, "package")
    ));
    let shown = page.details.limit(20);
    table(
        page,
        [
            ("kind", Column::Left),
            ("package", Column::Path),
            ("from", Column::Short),
            ("to", Column::Short),
        ],
        comparison.packages.iter().take(shown).filter_map(package),
    );
    page.more(shown, comparison.packages.len(), "packages");
}

fn package(change: &PackageChange) -> Option<[String; 4]> {
    let either = change.to.as_ref().or(change.from.as_ref())?;
    let version = |side: &Option<_>| match side {
        Some(package) => version(package).to_owned(),
        None => "-".to_owned(),
    };
    Some([
        names::packages(either.kind).to_owned(),
        either.name.clone(),
        version(&change.from),
        version(&change.to),
    ])
}

fn version(package: &crate::xray::model::PackageInfo) -> &str {
    match package.version.as_str() {
        // An empty cell would look like a package that was removed.
        "" => "(no version)",
        version => version,
    }
}

fn config(page: &mut TerminalPage, comparison: &Comparison) {
    if comparison.config.is_empty() {
        return;
    }
    page.heading("config");
    for value in &comparison.config {
        page.hanging("  ", &value.field);
        page.hanging("    from ", &value.from);
        page.hanging("    to   ", &value.to);
    }
}
