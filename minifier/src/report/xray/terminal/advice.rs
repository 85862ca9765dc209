//! Sections about recommendations, waste, hidden files and security.

use crate::xray::model::{Severity, Xray};

use super::super::text::{plain_lines, size};
use super::super::{names, totals};
use super::page::{Details, TerminalPage};
use super::summary::mark;
use super::table::{Column, table};

/// Recommendations, each with its evidence and the change to make.
pub(crate) fn recommendations(page: &mut TerminalPage, xray: &Xray) {
    if xray.recommendations.is_empty() {
        return;
    }
    page.heading("what to do");
    for (number, item) in xray.recommendations.iter().enumerate() {
        let saves = match item.saves {
            0 => String::new(),
            saves => format!(": saves {}", size(saves)),
        };
        page.hanging(
            &format!(" {:>2}. ", number + 1),
            &format!("{}{saves}", item.title),
        );
        if page.details == Details::Brief {
            continue;
        }
        let shown = page.details.limit(3);
        for evidence in item.evidence.iter().take(shown) {
            page.hanging("     because ", evidence);
        }
        if item.evidence.len() > shown {
            page.line(&format!(
                "     and {} more (--details)",
                item.evidence.len() - shown
            ));
        }
        for line in plain_lines(&item.change) {
            // People copy this line into a Dockerfile, so it is never broken, whatever the width.
            page.line(&format!("       {line}"));
        }
    }
}

/// Files that should not ship, by kind.
pub(crate) fn waste(page: &mut TerminalPage, xray: &Xray) {
    if xray.waste.is_empty() {
        return;
    }
    page.heading("what should not ship");
    table(
        page,
        [
            ("bytes", Column::Right),
            ("files", Column::Right),
            ("what", Column::Left),
            ("layers", Column::Left),
            ("largest", Column::Path),
        ],
        xray.waste.iter().map(|waste| {
            [
                size(waste.bytes),
                waste.files.to_string(),
                names::waste(waste.kind).to_owned(),
                numbers(&waste.layers),
                waste
                    .paths
                    .first()
                    .map(|p| p.path.clone())
                    .unwrap_or_default(),
            ]
        }),
    );
}

/// Paths whose bytes are hidden.
pub(crate) fn wasted_paths(page: &mut TerminalPage, xray: &Xray) {
    let paths = &xray.efficiency.wasted_paths;
    if paths.is_empty() {
        return;
    }
    page.heading("hidden, and shipped nevertheless");
    let shown = page.details.limit(10);
    table(
        page,
        [
            ("bytes", Column::Right),
            ("layers", Column::Left),
            ("", Column::Left),
            ("path", Column::Path),
        ],
        paths.iter().take(shown).map(|path| {
            [
                size(path.bytes),
                numbers(&path.layers),
                if path.removed {
                    "removed"
                } else {
                    "overwritten"
                }
                .to_owned(),
                path.path.clone(),
            ]
        }),
    );
    page.more(shown, paths.len(), "paths");
}

/// Findings, most severe first; notes only with all details.
pub(crate) fn findings(page: &mut TerminalPage, xray: &Xray) {
    let findings = &xray.security.findings;
    let ignored = totals::ignored(&xray.security);
    if findings.is_empty() && ignored.is_empty() {
        return;
    }
    page.heading("security");
    let shown = page.details.limit(15);
    for finding in findings.iter().take(shown) {
        page.hanging(
            &format!("  {:<8} ", mark(finding.severity)),
            &finding.message,
        );
        // The message of a warning names the file already; of an error, people look for the line at once.
        if page.details == Details::Full || finding.severity == Severity::Error {
            page.hanging(
                &format!("  {:<8} at ", ""),
                &totals::location(&finding.location),
            );
        }
        if page.details == Details::Full {
            let print = format!("  {:<8} fingerprint {}", "", finding.fingerprint);
            page.line(&print);
        }
    }
    page.more(shown, findings.len(), "findings");
    for sentence in ignored {
        page.hanging("  ignored  ", &sentence);
    }
}

/// `1, 2`
pub(crate) fn numbers(layers: &[usize]) -> String {
    let numbers: Vec<String> = layers.iter().map(usize::to_string).collect();
    numbers.join(", ")
}
