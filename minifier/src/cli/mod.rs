//! The command line: one file or folder per subcommand. Nothing else imports this module.

mod build_image;
mod copy;
mod doctor;
mod error;
mod errors;
mod exit;
mod guard;
mod left;
mod output;
mod printer;
mod signals;
mod storage;
mod validate;
mod xray;

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use exit::Exit;
use left::Left;
use printer::{LogWriter, Printer};
use signals::Signals;

/// How long background work may take to notice that the program ends.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Make container images smaller: run an image under an eBPF probe while a workload exercises it, and write a new image
/// with only the files that it needs.
///
/// The image runs unchanged: no injected sensor, no replaced entrypoint, no privileged container.
#[derive(Debug, Parser)]
#[command(name = "minify", version, after_help = exit::HELP, max_term_width = 110)]
#[command(
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: CliCommand,

    /// Print only the result, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Print more on stderr (-v: stages, -vv: details, -vvv: everything)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    Build(Box<build_image::BuildArgs>),
    Copy(Box<copy::CopyArgs>),
    Doctor(doctor::DoctorArgs),
    Xray(Box<xray::XrayArgs>),
    Validate(Box<validate::ValidateArgs>),
    #[command(hide = true)]
    Guard(guard::GuardArgs),
}

/// The command as clap sees it, for generated documentation.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line of this process, runs it, and returns the exit code.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit());
    if let CliCommand::Guard(args) = &cli.command {
        return guard::run(args);
    }
    log(cli.verbose);
    let printer = Printer::new(cli.quiet);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            printer.message(format_args!(
                "error: failed to start the asynchronous runtime: {e}"
            ));
            return Exit::Failure.into();
        }
    };
    let exit = runtime.block_on(dispatch(&cli, &matches, &printer));
    // A reader of standard input (`--continue-after enter`) cannot be woken up.
    runtime.shutdown_timeout(SHUTDOWN);
    exit.into()
}

async fn dispatch(cli: &Cli, matches: &ArgMatches, printer: &Printer) -> Exit {
    let left = Left::default();
    let signals = match Signals::listen(left.clone()) {
        Ok(signals) => signals,
        Err(e) => {
            printer.message(format_args!("error: failed to listen for signals: {e}"));
            return Exit::Failure;
        }
    };
    let cancel = signals.token();
    let result = match &cli.command {
        CliCommand::Build(args) => {
            let matches = matches.subcommand().map_or(matches, |(_, sub)| sub);
            build_image::exec(args, matches, printer, cancel, &left).await
        }
        CliCommand::Copy(args) => copy::exec(args, printer, cancel, &left).await,
        CliCommand::Doctor(args) => doctor::exec(args, printer, cancel).await,
        CliCommand::Xray(args) => xray::exec(args, printer, cancel).await,
        CliCommand::Validate(args) => validate::exec(args, printer, cancel).await,
        CliCommand::Guard(_) => unreachable!("it is run without a runtime of several threads"),
    };
    match (result, signals.received()) {
        (Ok(exit), None) => exit,
        (Ok(Exit::Success), Some(_)) => Exit::Success,
        (result, Some(exit)) => {
            let written = result.err().and_then(|error| error.written_before());
            printer.message(format_args!(
                "error: {}; {}, {}",
                signals::name(exit),
                written.as_deref().unwrap_or("nothing was written"),
                left.summary()
            ));
            exit
        }
        (Err(error), None) => {
            printer.error(&error);
            if !left.is_empty() {
                printer.message(format_args!("note: {}", left.summary()));
            }
            error.exit
        }
    }
}

fn log(verbose: u8) {
    let level =
        ["warn", "minifier=info,warn", "minifier=debug,info", "trace"][usize::from(verbose.min(3))];
    let filter = EnvFilter::try_from_env("MINIFIER_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| LogWriter)
        // Our own escape sequences would look like those of an image, which are cleaned away.
        .with_ansi(false)
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
