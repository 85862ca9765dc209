//! The report as JSON, and its file.

use std::path::Path;

use anyhow::Context;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::files::write_whole;
use crate::report::{Report, plain_json};

pub(crate) fn json(report: &Report) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report)
        .context("write the report as JSON")
        .map_err(CliError::from)?;
    Ok(plain_json(text + "\n"))
}

pub(crate) fn write_report(report: &Report, file: &Path) -> Result<(), CliError> {
    let text = json(report)?;
    write_whole(file, &text)
        .with_context(|| format!("write the report to {}", file.display()))
        .map_err(|e| CliError::new(Exit::OutputFailed, e).hint("the image itself was written"))
}
