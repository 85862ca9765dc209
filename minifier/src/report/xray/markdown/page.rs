//! The sections in their order. The most important ones are not folded.

use crate::xray::model::{RuleOutcome, Severity, Xray};

use super::super::text::{count, percent, size};
use super::super::{names, totals};
use super::document::{LIMIT, MarkdownDocument};
use super::escape::{block, code, text};

/// The report as Markdown, at most [`LIMIT`] bytes.
pub fn markdown(xray: &Xray) -> String {
    let mut document = MarkdownDocument::new(LIMIT);
    summary(&mut document, xray);
    gate(&mut document, xray);
    problems(&mut document, &xray.problems);
    recommendations(&mut document, xray);
    findings(&mut document, xray);
    waste(&mut document, xray);
    layers(&mut document, xray);
    packages(&mut document, xray);
    files(&mut document, xray);
    document.finish()
}

fn summary(document: &mut MarkdownDocument, xray: &Xray) {
    let image = &xray.image;
    document.paragraph(&format!("## {}", code(&image.reference)));
    document.paragraph(&text(&totals::character(image)));
    let mut rows = vec![
        [
            "Size".to_owned(),
            format!(
                "**{}** in {} ({} as stored), {}",
                size(image.size),
                count(xray.layers.len() as u64, "layer"),
                size(image.stored_size),
                count(image.files, "file")
            ),
        ],
        [
            "Efficiency".to_owned(),
            totals::efficiency(&xray.efficiency),
        ],
        [
            "Findings".to_owned(),
            totals::findings(&xray.security.findings),
        ],
    ];
    let saves = xray.fixable;
    if saves > 0 {
        rows.push([
            "Fixable".to_owned(),
            format!(
                "up to **{}** ({} of the size)",
                size(saves),
                percent(saves as f64 / image.size.max(1) as f64)
            ),
        ]);
    }
    if let Some(estimate) = &xray.estimate {
        rows.push([
            "<code>minify build</code>".to_owned(),
            format!(
                "{}: an estimate, confidence {}; {}",
                totals::range(estimate),
                names::confidence(estimate.confidence),
                text(&estimate.basis)
            ),
        ]);
    }
    document.table(["", ""], rows);
}

fn gate(document: &mut MarkdownDocument, xray: &Xray) {
    let Some(gate) = &xray.gate else { return };
    document.paragraph(&if gate.passed {
        "### ✅ Gate passed".to_owned()
    } else {
        format!(
            "### ❌ Gate failed: {} of {} rules",
            gate.failed(),
            gate.rules.len()
        )
    });
    document.table(
        ["", "Rule", "Limit", "Actual", ""],
        gate.rules.iter().map(|rule| {
            let mark = match rule.outcome {
                RuleOutcome::Pass => "✅ pass",
                RuleOutcome::Warn => "⚠️ warn",
                RuleOutcome::Fail => "❌ **fail**",
                RuleOutcome::Skip => "➖ skip",
            };
            [
                mark.to_owned(),
                code(&rule.rule),
                text(&rule.limit),
                text(&rule.actual),
                text(&rule.message),
            ]
        }),
    );
}

pub(crate) fn problems(document: &mut MarkdownDocument, problems: &[String]) {
    if problems.is_empty() {
        return;
    }
    // Above everything else: whoever reads only numbers has to know that they are partial.
    document.push("> ⚠️ **Not everything could be analysed:**\n>\n");
    for problem in problems {
        document.push(&format!("> - {}\n", text(problem)));
    }
    document.push("\n");
}

fn recommendations(document: &mut MarkdownDocument, xray: &Xray) {
    if xray.recommendations.is_empty() {
        return;
    }
    document.paragraph("### What to do");
    for item in &xray.recommendations {
        let title = match item.saves {
            0 => item.title.clone(),
            saves => format!("{}: saves {}", item.title, size(saves)),
        };
        document.details(&title, |document| {
            for evidence in &item.evidence {
                document.push(&format!("- {}\n", text(evidence)));
            }
            document.push("\n");
            document.paragraph(&block("dockerfile", &item.change));
        });
    }
}

fn findings(document: &mut MarkdownDocument, xray: &Xray) {
    let findings = &xray.security.findings;
    let ignored = totals::ignored(&xray.security);
    if findings.is_empty() && ignored.is_empty() {
        return;
    }
    document.paragraph("### Security");
    let row = |finding: &crate::xray::model::Finding| {
        let mark = match finding.severity {
            Severity::Error => "🔴 error",
            Severity::Warning => "🟠 warning",
            Severity::Note => "🔵 note",
        };
        [
            mark.to_owned(),
            text(&finding.message),
            text(&totals::location(&finding.location)),
        ]
    };
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    // Errors are shown, everything else is folded: a reviewer reads the first screen.
    if errors.clone().next().is_some() {
        document.table(["", "Finding", "Where"], errors.map(row));
    }
    let others: Vec<_> = findings
        .iter()
        .filter(|f| f.severity != Severity::Error)
        .collect();
    if !others.is_empty() {
        let title = format!("Warnings and notes: {}", others.len());
        document.details(&title, |document| {
            document.table(["", "Finding", "Where"], others.into_iter().map(row));
        });
    }
    for sentence in ignored {
        document.push(&format!("- {}\n", text(&sentence)));
    }
    document.push("\n");
}

fn waste(document: &mut MarkdownDocument, xray: &Xray) {
    if xray.waste.is_empty() {
        return;
    }
    let bytes = size(
        xray.waste
            .iter()
            // Sizes are claims of tar headers, and may add up to more than fits.
            .fold(0, |sum, w| w.bytes.saturating_add(sum)),
    );
    document.details(&format!("What should not ship: {bytes}"), |document| {
        document.table(
            ["Bytes:", "Files:", "What", "Largest"],
            xray.waste.iter().map(|waste| {
                let largest: Vec<String> =
                    waste.paths.iter().take(3).map(|p| code(&p.path)).collect();
                [
                    size(waste.bytes),
                    waste.files.to_string(),
                    names::waste(waste.kind).to_owned(),
                    largest.join("<br>"),
                ]
            }),
        );
    });
    let hidden = &xray.efficiency.wasted_paths;
    if hidden.is_empty() {
        return;
    }
    document.details("Hidden, and shipped nevertheless", |document| {
        document.table(
            ["Bytes:", "Layers", "", "Path"],
            hidden.iter().map(|path| {
                let layers: Vec<String> = path.layers.iter().map(usize::to_string).collect();
                [
                    size(path.bytes),
                    layers.join(", "),
                    if path.removed {
                        "removed"
                    } else {
                        "overwritten"
                    }
                    .to_owned(),
                    code(&path.path),
                ]
            }),
        );
    });
}

fn layers(document: &mut MarkdownDocument, xray: &Xray) {
    let title = count(xray.layers.len() as u64, "layer");
    document.details(&title, |document| {
        document.table(
            [
                "",
                "Size:",
                "Hidden:",
                "Added:",
                "Changed:",
                "Removed:",
                "Instruction",
            ],
            xray.layers.iter().map(|layer| {
                [
                    layer.index.to_string(),
                    size(layer.size),
                    size(layer.hidden_size),
                    layer.added.to_string(),
                    layer.changed.to_string(),
                    layer.removed.to_string(),
                    match (layer.instruction.as_str(), layer.base) {
                        ("", true) => "(base image)".to_owned(),
                        ("", false) => String::new(),
                        (instruction, _) => code(instruction),
                    },
                ]
            }),
        );
    });
}

fn packages(document: &mut MarkdownDocument, xray: &Xray) {
    let packages = &xray.packages;
    let title = count(packages.packages.len() as u64, "package");
    document.details(&title, |document| {
        document.table(
            ["Kind", "Packages:", "Bytes:"],
            totals::packages(&packages.packages)
                .into_iter()
                .map(|(kind, (number, bytes))| {
                    [
                        names::packages(kind).to_owned(),
                        number.to_string(),
                        size(bytes),
                    ]
                }),
        );
        for unread in &packages.unread {
            document.paragraph(&format!(
                "Not read: {}: {}",
                code(&unread.path),
                text(&unread.reason)
            ));
        }
        document.table(
            ["Kind", "Package", "Version", "Licence", "Bytes:"],
            packages.packages.iter().map(|package| {
                [
                    names::packages(package.kind).to_owned(),
                    code(&package.name),
                    text(&package.version),
                    text(package.licence.as_deref().unwrap_or_default()),
                    size(package.size),
                ]
            }),
        );
    });
}

fn files(document: &mut MarkdownDocument, xray: &Xray) {
    document.details("Largest files and directories", |document| {
        document.table(
            ["Bytes:", "Files:", "Directory"],
            xray.contents
                .largest_directories
                .iter()
                .map(|d| [size(d.size), d.files.to_string(), code(&d.path)]),
        );
        document.table(
            ["Bytes:", "Layer:", "Kind", "File"],
            xray.contents.largest_files.iter().map(|f| {
                [
                    size(f.size),
                    f.layer.to_string(),
                    names::files(f.kind).to_owned(),
                    code(&f.path),
                ]
            }),
        );
    });
}
