//! Reading, analysing, evaluating the gate, and writing the forms that were asked for.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::args::{GateArgs, XrayArgs, XrayOutput};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::write_whole;
use crate::cli::printer::Printer;
use crate::cli::storage::{self, control};
use crate::report::xray::{
    ComparisonForm, DEFAULT_WIDTH, Details, Form, NotForComparisons, Settings, sbom_time,
};
use crate::tasks::joined;
use crate::transport::{Control, Location};
use crate::units::size;
use crate::xray::gate::{GateConfig, evaluate};
use crate::xray::{Analysis, IgnoreList, ScanOptions, Xray, XrayOptions, compare, xray};

/// The file of rules that is read where none is named.
const DEFAULT_RULES: &str = ".dive-ci";
/// The list of accepted findings that is read where none is named.
const DEFAULT_IGNORE: &str = ".minifier-ignore";

pub(crate) async fn exec(
    args: &XrayArgs,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Exit, CliError> {
    let outputs = outputs(args)?;
    let rules = if args.gate.ci {
        Some(rules(&args.gate)?)
    } else {
        None
    };
    let ignore = ignore_list(args)?;
    if let Some([from, to]) = args.compare.as_deref() {
        let outputs = of_comparison(outputs)?;
        let from = analyse(args, &ignore, from, printer, cancel).await?;
        let to = analyse(args, &ignore, to, printer, cancel).await?;
        let comparison = compare(&from, &to);
        let settings = settings(args, &to.xray)?;
        write(&outputs, printer, |form| {
            form.render(&comparison, &settings)
        })?;
        return Ok(Exit::Success);
    }
    let target = args.target.as_ref().ok_or_else(|| {
        CliError::new(Exit::Usage, anyhow!("analyse an image: no image is given"))
    })?;
    let mut analysis = analyse(args, &ignore, target, printer, cancel).await?;
    if let Some(rules) = rules {
        analysis.xray.gate = Some(evaluate(&analysis.xray, &rules));
    }
    let settings = settings(args, &analysis.xray)?;
    write(&outputs, printer, |form| {
        form.render(&analysis.xray, &settings)
    })?;
    Ok(match &analysis.xray.gate {
        Some(gate) if !gate.passed => Exit::CheckFailed,
        _ => Exit::Success,
    })
}

/// The forms, of which at most one goes to stdout.
fn outputs(args: &XrayArgs) -> Result<Vec<XrayOutput>, CliError> {
    let to_stdout = args.output.iter().filter(|output| output.file.is_none());
    if to_stdout.count() > 1 {
        let error = anyhow!("write two reports to standard output");
        return Err(CliError::new(Exit::Usage, error)
            .hint("give all but one of them a file: --output json=FILE"));
    }
    let mut outputs = args.output.clone();
    if outputs.is_empty() {
        outputs.push(XrayOutput {
            form: Form::Text,
            file: None,
        });
    }
    Ok(outputs)
}

/// The same of a comparison, which not every form can describe.
fn of_comparison(outputs: Vec<XrayOutput>) -> Result<Vec<XrayOutput<ComparisonForm>>, CliError> {
    let of_comparison = |XrayOutput { form, file }: XrayOutput| {
        let form = form.of_comparison()?;
        Ok(XrayOutput { form, file })
    };
    let outputs: Result<_, NotForComparisons> = outputs.into_iter().map(of_comparison).collect();
    outputs.map_err(|e| CliError::new(Exit::Usage, e))
}

/// The rules of dive's file, if it exists, and of the options, which win.
fn rules(args: &GateArgs) -> Result<GateConfig, CliError> {
    let usage = |error: anyhow::Error| CliError::new(Exit::Usage, error);
    let file = args.ci_config.as_deref();
    let path = file.unwrap_or(Path::new(DEFAULT_RULES));
    let doing = || format!("read the rules {}", path.display());
    let mut rules = match fs::read_to_string(path) {
        Ok(text) => GateConfig::from_dive_ci(&text)
            .with_context(doing)
            .map_err(usage)?,
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
            GateConfig::default()
        }
        Err(error) => return Err(usage(anyhow::Error::new(error).context(doing()))),
    };
    rules.max_size = args.max_size.map(|size| size.0).or(rules.max_size);
    rules.budget = args.budget.or(rules.budget);
    rules.secrets = args.secrets.unwrap_or(rules.secrets);
    rules.root_user = args.root_user.unwrap_or(rules.root_user);
    rules.fixable_waste = args
        .fixable_waste
        .map(|size| size.0)
        .or(rules.fixable_waste);
    Ok(rules)
}

/// The list of accepted findings, if there is one.
fn ignore_list(args: &XrayArgs) -> Result<IgnoreList, CliError> {
    let usage = |error: anyhow::Error| CliError::new(Exit::Usage, error);
    let file = args.ignore_file.as_deref();
    let path = file.unwrap_or(Path::new(DEFAULT_IGNORE));
    let doing = || format!("read the ignore list {}", path.display());
    match fs::read_to_string(path) {
        Ok(text) => IgnoreList::parse(&text).with_context(doing).map_err(usage),
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok(IgnoreList::default())
        }
        Err(error) => Err(usage(anyhow::Error::new(error).context(doing()))),
    }
}

/// Reads and analyses one image.
async fn analyse(
    args: &XrayArgs,
    ignore: &IgnoreList,
    location: &Location,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Analysis, CliError> {
    let open = args
        .read
        .open(args.platform.as_ref(), control(printer, "open", cancel));
    let stored = storage::open(location, &open, printer).await?;
    // Its line of progress gives way to that of the analysis.
    drop(open);
    let options = XrayOptions {
        scan: ScanOptions {
            contents: !args.gate.no_contents,
            limits: args.read.limits(),
            ..ScanOptions::default()
        },
        now: Timestamp::now(),
        ignore: ignore.clone(),
        show_secrets: args.show_secrets,
    };
    let stage = printer.stage("analyse");
    let stored_size = stored.manifest.layers().iter().map(|layer| layer.size);
    let total = size(stored_size.fold(0, u64::saturating_add));
    let progress = move |read| stage.at(format!("{} of {total}", size(read)));
    let control = Control::new(cancel.clone(), Arc::new(progress));
    // It watches the token, but not at every step; it changes nothing anywhere, so that nobody has to wait for it.
    let analysing = spawn_blocking(move || xray(&stored, &options, &control));
    let analysed = cancel
        .run_until_cancelled(joined(analysing))
        .await
        .ok_or_else(CliError::interrupted)?;
    Ok(analysed?)
}

fn settings(args: &XrayArgs, xray: &Xray) -> Result<Settings, CliError> {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let columns = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then(|| usize::from(size.ws_col))
    };
    if let Some(layer) = args.layer.filter(|&layer| layer >= xray.layers.len()) {
        return Err(no_layer(layer, xray.layers.len()));
    }
    Ok(Settings {
        layer: args.layer,
        width: if io::stdout().is_terminal() {
            columns().unwrap_or(DEFAULT_WIDTH)
        } else {
            DEFAULT_WIDTH
        },
        details: match (args.brief, args.details) {
            (true, _) => Details::Brief,
            (_, true) => Details::Full,
            _ => Details::Normal,
        },
        created: sbom_time(xray, epoch.as_deref()).map_err(|e| CliError::new(Exit::Usage, e))?,
    })
}

/// The image does not have the layer that is asked for.
fn no_layer(layer: usize, layers: usize) -> CliError {
    let error = anyhow!("show the files of layer {layer}: the image has {layers} layers");
    let error = CliError::new(Exit::Usage, error);
    match layers.checked_sub(1) {
        Some(last) => error.hint(format!("choose a layer from 0, the lowest, to {last}")),
        None => error,
    }
}

/// Renders and writes every form.
fn write<F: Copy>(
    outputs: &[XrayOutput<F>],
    printer: &Printer,
    render: impl Fn(F) -> String,
) -> Result<(), CliError> {
    for output in outputs {
        let text = render(output.form);
        let written = match &output.file {
            Some(file) => write_whole(file, &text)
                .with_context(|| format!("write the report to {}", file.display())),
            None => printer.result(&text).map_err(anyhow::Error::new),
        };
        written.map_err(|e| CliError::new(Exit::OutputFailed, e))?;
    }
    Ok(())
}
