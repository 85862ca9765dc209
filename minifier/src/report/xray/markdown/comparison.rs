//! A comparison as Markdown.

use crate::xray::model::Comparison;

use super::super::text::{count, difference};
use super::super::{names, totals};
use super::document::{LIMIT, MarkdownDocument};
use super::escape::{code, text};
use super::page::problems;

/// The comparison as Markdown, at most [`LIMIT`] bytes.
pub fn markdown_comparison(comparison: &Comparison) -> String {
    let mut document = MarkdownDocument::new(LIMIT);
    let (from, to) = (&comparison.from, &comparison.to);
    document.paragraph(&format!(
        "## {} → {}: {}",
        code(&from.reference),
        code(&to.reference),
        difference(from.size, to.size)
    ));
    let rows = totals::sides(from, to).map(|[name, from, to, difference]| {
        let (first, rest) = name.split_at(1);
        [first.to_uppercase() + rest, from, to, difference]
    });
    document.table(["", "From:", "To:", "Difference:"], rows);
    problems(&mut document, &comparison.problems);
    config(&mut document, comparison);
    packages(&mut document, comparison);
    let title = format!(
        "{} changed, {} did not",
        count(comparison.files.len() as u64, "file"),
        comparison.unchanged_files
    );
    document.details(&title, |document| {
        document.table(
            ["Difference:", "How", "File"],
            comparison.files.iter().map(|file| {
                [
                    difference(file.from_size, file.to_size),
                    names::change(file.change).to_owned(),
                    code(&file.path),
                ]
            }),
        );
    });
    document.finish()
}

fn config(document: &mut MarkdownDocument, comparison: &Comparison) {
    if comparison.config.is_empty() {
        return;
    }
    document.paragraph("### Config");
    document.table(
        ["Field", "From", "To"],
        comparison
            .config
            .iter()
            .map(|value| [text(&value.field), code(&value.from), code(&value.to)]),
    );
}

fn packages(document: &mut MarkdownDocument, comparison: &Comparison) {
    if comparison.packages.is_empty() {
        return;
    }
    let title = format!(
        "{} changed",
        count(comparison.packages.len() as u64, "package")
    );
    document.details(&title, |document| {
        document.table(
            ["Kind", "Package", "From", "To"],
            comparison.packages.iter().filter_map(|change| {
                let either = change.to.as_ref().or(change.from.as_ref())?;
                let version = |side: &Option<crate::xray::model::PackageInfo>| {
                    side.as_ref()
                        .map_or_else(|| "—".to_owned(), |package| text(&package.version))
                };
                Some([
                    names::packages(either.kind).to_owned(),
                    code(&either.name),
                    version(&change.from),
                    version(&change.to),
                ])
            }),
        );
    });
}
