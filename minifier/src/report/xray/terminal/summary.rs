//! The summary, the gate, and the objects that could not be analysed.

use crate::xray::model::{RuleOutcome, Severity, Xray};

use super::super::text::{count, percent, plain, size};
use super::super::{names, totals};
use super::page::TerminalPage;
use super::table::{Column, table};

/// The most important numbers, a line each.
pub(crate) fn summary(page: &mut TerminalPage, xray: &Xray) {
    let image = &xray.image;
    page.field("image", &image.reference);
    page.field("", &totals::character(image));
    page.field(
        "size",
        &format!(
            "{} in {} ({} as stored), {}",
            size(image.size),
            count(xray.layers.len() as u64, "layer"),
            size(image.stored_size),
            count(image.files, "file"),
        ),
    );
    page.field("efficiency", &totals::efficiency(&xray.efficiency));
    page.field("findings", &totals::findings(&xray.security.findings));
    let saves = xray.fixable;
    if saves > 0 {
        page.field(
            "fixable",
            &format!(
                "up to {} ({} of the size), see what to do",
                size(saves),
                // An empty image has no size to divide by.
                percent(saves as f64 / image.size.max(1) as f64)
            ),
        );
    }
    if let Some(estimate) = &xray.estimate {
        page.field(
            "build",
            &format!(
                "`minify build` would leave {} (estimate, {} confidence: {})",
                totals::range(estimate),
                names::confidence(estimate.confidence),
                estimate.basis,
            ),
        );
    }
    // At the top, since everything below may be too low; the sentences themselves are long and come last.
    if xray.is_partial() {
        page.field(
            "PARTIAL",
            &format!(
                "{}, at the end: what is shown is not everything",
                count(xray.problems.len() as u64, "problem")
            ),
        );
    }
}

/// Every rule with its result.
pub(crate) fn gate(page: &mut TerminalPage, xray: &Xray) {
    let Some(gate) = &xray.gate else { return };
    page.heading(&if gate.passed {
        "gate: passed".to_owned()
    } else {
        format!(
            "gate: {} of {} rules failed",
            gate.failed(),
            gate.rules.len()
        )
    });
    table(
        page,
        [
            ("result", Column::Left),
            ("rule", Column::Left),
            ("limit", Column::Text),
            ("actual", Column::Text),
        ],
        gate.rules.iter().map(|rule| {
            [
                names::outcome(rule.outcome).to_owned(),
                rule.rule.clone(),
                rule.limit.clone(),
                rule.actual.clone(),
            ]
        }),
    );
    for rule in &gate.rules {
        if matches!(rule.outcome, RuleOutcome::Fail | RuleOutcome::Warn) {
            page.hanging("  ", &format!("{}: {}", rule.rule, rule.message));
        }
    }
}

/// The objects that could not be analysed.
pub(crate) fn problems(page: &mut TerminalPage, problems: &[String]) {
    if problems.is_empty() {
        return;
    }
    page.heading("not analysed");
    for problem in problems {
        page.hanging("  - ", &plain(problem));
    }
}

/// A mark for a severity that needs no colour.
pub(crate) fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "ERROR",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
