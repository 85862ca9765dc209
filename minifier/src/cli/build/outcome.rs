//! The report as JSON, and its file: written beside its place and renamed, so that a half-written one never exists.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::report::Report;

pub(super) fn json(report: &Report) -> Result<String, CliError> {
    let mut text = serde_json::to_string_pretty(report)
        .context("write the report as JSON")
        .map_err(CliError::from)?;
    text.push('\n');
    Ok(text)
}

pub(super) fn write_report(report: &Report, file: &Path) -> Result<(), CliError> {
    let text = json(report)?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        Ok(())
    };
    write()
        .with_context(|| format!("write the report to {}", file.display()))
        .map_err(|e| CliError::new(Exit::OutputFailed, e).hint("the image itself was written"))
}
