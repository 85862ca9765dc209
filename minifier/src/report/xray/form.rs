//! [`Form`]: the forms of a report, each with its renderer.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

use crate::xray::model::{Comparison, Xray};

use super::{
    Details, comparison_json, cyclonedx, html, html_comparison, markdown, markdown_comparison,
    sarif, spdx, terminal, terminal_comparison, terminal_layer, xray_json,
};

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Text for a terminal.
    Text,
    /// The data model as JSON.
    Json,
    /// Markdown for the summary of a job.
    Markdown,
    /// Findings as SARIF 2.1.0, for code scanning.
    Sarif,
    /// Bill of materials as SPDX 2.3.
    Spdx,
    /// Bill of materials as CycloneDX 1.5.
    Cyclonedx,
    /// One self-contained HTML page.
    Html,
}

/// A form of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComparisonForm {
    /// Text for a terminal.
    Text,
    /// The data model as JSON.
    Json,
    /// Markdown for the summary of a job.
    Markdown,
    /// One self-contained HTML page.
    Html,
}

/// Settings of a renderer besides the data.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Columns of the terminal, or [`DEFAULT_WIDTH`](super::DEFAULT_WIDTH).
    pub width: usize,
    /// Level of detail of [`Form::Text`].
    pub details: Details,
    /// The layer of which [`Form::Text`] shows the files, in place of the whole report; one that the image has.
    pub layer: Option<usize>,
    /// The time that bills of materials bear, see [`sbom_time`](super::sbom_time).
    pub created: Timestamp,
}

/// A form that a comparison does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "write a comparison as {0}: that format describes one image; compare as `text`, `json`, `markdown` or `html`, or \
     write one for each image"
)]
pub struct NotForComparisons(Form);

impl Form {
    /// All forms, with the names that `--output` takes.
    pub const ALL: [(&'static str, Self); 7] = [
        ("text", Self::Text),
        ("json", Self::Json),
        ("markdown", Self::Markdown),
        ("sarif", Self::Sarif),
        ("spdx", Self::Spdx),
        ("cyclonedx", Self::Cyclonedx),
        ("html", Self::Html),
    ];

    /// Renders an analysis in this form.
    pub fn render(self, xray: &Xray, settings: &Settings) -> String {
        match self {
            // The caller has checked that the image has the layer; without it, the whole report is still right.
            Self::Text => settings
                .layer
                .and_then(|layer| terminal_layer(xray, layer, settings.width, settings.details))
                .unwrap_or_else(|| terminal(xray, settings.width, settings.details)),
            Self::Json => xray_json(xray),
            Self::Markdown => markdown(xray),
            Self::Sarif => sarif(xray),
            Self::Spdx => spdx(xray, settings.created),
            Self::Cyclonedx => cyclonedx(xray, settings.created),
            Self::Html => html(xray),
        }
    }

    /// The same form of a comparison.
    ///
    /// # Errors
    ///
    /// If the form describes one image: SARIF, SPDX and CycloneDX.
    pub fn of_comparison(self) -> Result<ComparisonForm, NotForComparisons> {
        match self {
            Self::Text => Ok(ComparisonForm::Text),
            Self::Json => Ok(ComparisonForm::Json),
            Self::Markdown => Ok(ComparisonForm::Markdown),
            Self::Html => Ok(ComparisonForm::Html),
            Self::Sarif | Self::Spdx | Self::Cyclonedx => Err(NotForComparisons(self)),
        }
    }
}

impl ComparisonForm {
    /// Renders a comparison in this form.
    pub fn render(self, comparison: &Comparison, settings: &Settings) -> String {
        match self {
            Self::Text => terminal_comparison(comparison, settings.width, settings.details),
            Self::Json => comparison_json(comparison),
            Self::Markdown => markdown_comparison(comparison),
            Self::Html => html_comparison(comparison),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, form)| form == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|&(_, form)| form)
            .ok_or_else(|| {
                format!(
                    "expected one of `{}`",
                    Self::ALL.map(|(name, _)| name).join("`, `")
                )
            })
    }
}
