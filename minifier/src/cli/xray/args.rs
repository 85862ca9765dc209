//! The options of `minify xray`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::cli::storage::{self, ReadArgs};
use crate::image::Platform;
use crate::report::xray::Form;
use crate::transport::Location;
use crate::units::Size;
use crate::xray::gate::{Level, SizeBudget};

const EXAMPLES: &str = "\
Examples:
  Contents of an image, and recommendations
      minify xray --target app:latest
      minify xray --target oci:build:app --output html=app.html
  A gate in CI, with a summary for the job and findings for code scanning
      minify xray --target app:$SHA --ci --max-size 150MB --output text \\
          --output markdown=summary.md --output sarif=app.sarif
  What a layer added, changed and removed
      minify xray --target app:latest --layer 4 --details
  What changed
      minify xray --compare app:latest app:slim
  A bill of materials
      minify xray --target app:latest --output spdx=app.spdx.json";

/// Analyse an image: its contents, its waste, and how to reduce it
///
/// Nothing is run or built. The image can be in any location that `minify build --target` reads. With --ci, every rule
/// of the gate is evaluated and shown, and the exit code is 10 if a rule fails.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct XrayArgs {
    /// Image to analyse: a name in the Docker daemon, or a location with its transport
    #[arg(long, value_name = "IMAGE", required_unless_present = "compare", value_parser = storage::source)]
    pub(crate) target: Option<Location>,

    /// Compare two images
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with_all = ["target", "ci"], value_parser = storage::source)]
    pub(crate) compare: Option<Vec<Location>>,

    /// Format of the report, on stdout or in a file (repeatable): text, json, markdown, sarif, spdx, cyclonedx, html
    /// [default: text]
    #[arg(long, value_name = "FORMAT[=FILE]")]
    pub(crate) output: Vec<XrayOutput>,

    /// Show every item of every section (text only)
    #[arg(long, conflicts_with = "brief")]
    pub(crate) details: bool,

    /// Show only the summary, the gate and the recommendations (text only)
    #[arg(long)]
    pub(crate) brief: bool,

    /// Show the files that layer N added, changed or removed, largest first; 0 is the lowest layer (text only)
    #[arg(long, value_name = "N", conflicts_with_all = ["brief", "compare"])]
    pub(crate) layer: Option<usize>,

    /// Show secrets in the environment, labels, commands and history instead of ********
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Platform to choose if there are several: OS/ARCHITECTURE[/VARIANT] [default: this host's]
    #[arg(long)]
    pub(crate) platform: Option<Platform>,

    /// File that lists accepted findings, with reasons and expiry dates (docs/secrets.md)
    /// [default: .minifier-ignore, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
    #[command(flatten)]
    pub(crate) gate: GateArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Gate for CI")]
pub(crate) struct GateArgs {
    /// Evaluate the rules; exit with code 10 if a rule fails
    #[arg(long)]
    pub(crate) ci: bool,

    /// File of rules in the format of dive's .dive-ci [default: .dive-ci, if it exists]
    #[arg(long, value_name = "FILE", requires = "ci")]
    pub(crate) ci_config: Option<PathBuf>,

    /// Maximum size of the image, such as 100MB
    #[arg(long, value_name = "SIZE", requires = "ci")]
    pub(crate) max_size: Option<Size>,

    /// Size budget for a language: auto, go, rust, python, node or java, optionally with limits, as in go=15MB/25MB
    #[arg(long, value_name = "LANGUAGE[=TARGET/MAX]", requires = "ci")]
    pub(crate) budget: Option<SizeBudget>,

    /// Rule on keys and credentials: off, warn or fail
    #[arg(long, value_name = "LEVEL", requires = "ci")]
    pub(crate) secrets: Option<Level>,

    /// Rule on running as root: off, warn or fail
    #[arg(long, value_name = "LEVEL", requires = "ci")]
    pub(crate) root_user: Option<Level>,

    /// Fail if the recommendations would save this much or more
    #[arg(long, value_name = "SIZE", requires = "ci")]
    pub(crate) fixable_waste: Option<Size>,

    /// Read only names and sizes: fast, but finds no packages, secrets or programs
    #[arg(long)]
    pub(crate) no_contents: bool,
}

/// One value of `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct XrayOutput<F = Form> {
    pub(crate) form: F,
    /// The file; `None` for stdout.
    pub(crate) file: Option<PathBuf>,
}

impl FromStr for XrayOutput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, file) = match text.split_once('=') {
            Some((_, "")) => return Err("the name of the file is empty".into()),
            Some((form, file)) => (form, Some(file.into())),
            None => (text, None),
        };
        Ok(Self {
            form: form.parse()?,
            file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_forms_with_or_without_a_file() {
        let html: XrayOutput = "html=a=b.html".parse().unwrap();
        assert_eq!(html.file.as_deref(), Some("a=b.html".as_ref()));
        let text: XrayOutput = "text".parse().unwrap();
        assert_eq!((text.form, text.file), (Form::Text, None));
        assert!("pdf".parse::<XrayOutput>().is_err());
        assert!("json=".parse::<XrayOutput>().is_err());
    }
}
