//! The whole report: the order of the sections, and how much of each.

use crate::xray::model::Xray;

use super::page::{Details, TerminalPage};
use super::{advice, contents, layers, summary};

/// The whole report for a terminal of `width` columns.
pub fn terminal(xray: &Xray, width: usize, details: Details) -> String {
    let mut page = TerminalPage::new(width, details);
    // The most important comes first: people read the first screen, and logs of CI jobs are cut at their end.
    summary::summary(&mut page, xray);
    summary::gate(&mut page, xray);
    advice::recommendations(&mut page, xray);
    if details > Details::Brief {
        advice::waste(&mut page, xray);
        advice::wasted_paths(&mut page, xray);
        advice::findings(&mut page, xray);
        layers::layers(&mut page, xray);
        contents::packages(&mut page, xray);
        contents::files(&mut page, xray);
    }
    // Lists of everything are of use to whoever searches them, with a pager or `grep`.
    if details == Details::Full {
        layers::dockerfile(&mut page, xray);
        contents::every_package(&mut page, xray);
        contents::binaries(&mut page, xray);
    }
    // Last, since there can be many and long ones; the summary has pointed here.
    summary::problems(&mut page, &xray.problems);
    page.out
}
