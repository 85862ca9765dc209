//! `minify build`: from an image anywhere to a smaller one.

mod args;
mod assemble;
mod container;
mod decide;
mod engine;
mod guard;
mod hiding;
mod options;
mod origin;
mod pipeline;
mod run;
mod scratch;
mod shared;
mod write;

use clap::ArgMatches;
use tokio_util::sync::CancellationToken;

pub(crate) use args::BuildArgs;

use super::error::CliError;
use super::exit::Exit;
use super::left::Left;
use super::output::BuildOutput;
use super::printer::Printer;
use crate::plan::WarningLevel;
use crate::report;

/// Builds, then tells: the report file, and the summary or the report on stdout.
pub(crate) async fn exec(
    args: &BuildArgs,
    matches: &ArgMatches,
    printer: &Printer,
    cancel: &CancellationToken,
    left: &Left,
) -> Result<Exit, CliError> {
    let options = options::Options::resolve(args, matches)?;
    let report = pipeline::run(&options, printer, cancel, left).await?;
    for warning in &report.warnings {
        match warning.severity {
            WarningLevel::Warning => printer.warning(&warning.message, warning.hint.as_deref()),
            WarningLevel::Note => tracing::info!("note: {}", warning.message),
        }
    }
    if let Some(file) = &args.output.report {
        assemble::write_report(&report, file)?;
    }
    let json = args.output.output.contains(&BuildOutput::Json);
    let text = if json {
        assemble::json(&report)?
    } else {
        report::summary(&report, args.output.report.as_deref())
    };
    printer
        .result(&text)
        .map_err(|e| CliError::new(Exit::OutputFailed, e))?;
    Ok(Exit::Success)
}
