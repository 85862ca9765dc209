//! The whole report: the order of the sections, and how much of each.

use crate::xray::model::Xray;

use super::page::{Details, TerminalPage};
use super::{advice, contents, layers, summary};

/// The whole report for a terminal of `width` columns.
pub fn terminal(xray: &Xray, width: usize, details: Details) -> String {
    let mut page = TerminalPage::new(width, details);
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
    if details == Details::Full {
        layers::dockerfile(&mut page, xray);
        contents::every_package(&mut page, xray);
        contents::binaries(&mut page, xray);
    }
    summary::problems(&mut page, &xray.problems);
    page.out
}
