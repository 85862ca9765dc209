//! `minify validate`: is an image what it says it is?

use clap::{Args, ValueEnum};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::error::CliError;
use super::exit::Exit;
use super::printer::Printer;
use super::storage::{self, ReadArgs, control};
use crate::image::Platform;
use crate::report::{plain, plain_json};
use crate::transport::{Location, Validation, validate};

/// Check that an image is consistent: every digest, diff ID and size
///
/// Reads the whole image, recomputes digests and sizes, and compares manifest, config, history, media types and layers
/// with each other. All mismatches are reported together. The exit code is 0 if there is no mismatch, 10 if there is
/// one, and another code if the image could not be read at all.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArgs {
    /// Image to check, in the same syntax as for `minify copy`
    #[arg(value_name = "SRC", value_parser = storage::source)]
    source: Location,

    /// Platform to choose if there are several: OS/ARCHITECTURE[/VARIANT] [default: this host's]
    #[arg(long)]
    platform: Option<Platform>,

    #[command(flatten)]
    read: ReadArgs,

    /// Format of the result on stdout
    #[arg(long, value_enum, default_value_t = ValidationForm::Text)]
    output: ValidationForm,
}

const EXAMPLES: &str = "\
Examples:
    minify validate oci:layout:app-1
    minify validate --output json docker-archive:app.tar";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ValidationForm {
    Text,
    Json,
}

pub(crate) async fn exec(
    args: &ValidateArgs,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Exit, CliError> {
    let control = control(printer, "validate", cancel);
    let options = args.read.open(args.platform.as_ref(), control);
    let validation = validate(&args.source, &options)
        .await
        .map_err(|error| storage::about(&args.source, CliError::from(error)))?;
    let text = match args.output {
        ValidationForm::Text => text(&validation),
        ValidationForm::Json => {
            let good = validation.mismatches.is_empty();
            let json = json!({
                "schema_version": 1,
                "good": good,
                "source": validation.source,
                "manifest": validation.manifest,
                "config": validation.config,
                "layers": validation.layers,
                "mismatches": validation.mismatches,
            });
            plain_json(format!("{json:#}\n"))
        }
    };
    printer
        .result(&text)
        .map_err(|e| CliError::new(Exit::OutputFailed, e))?;
    Ok(if validation.mismatches.is_empty() {
        Exit::Success
    } else {
        Exit::CheckFailed
    })
}

fn text(validation: &Validation) -> String {
    let layers = validation.layers.len();
    match (&validation.mismatches[..], validation.manifest) {
        ([], Some(manifest)) => format!("good: {manifest}, {layers} layers\n"),
        (mismatches, _) => {
            let mut text = match mismatches.len() {
                1 => "bad: 1 mismatch\n".to_owned(),
                count => format!("bad: {count} mismatches\n"),
            };
            for mismatch in mismatches {
                text.push_str(&format!("  {}\n", plain(&mismatch.to_string())));
            }
            text
        }
    }
}
