//! The command line of the development tasks: `cargo xtask --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, build_ebpf, demo, fixtures, fuzz, kernels, setup, shape, table, test};

/// Set-up, fixtures, tests and demo of minifier.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing with apt-get, compile bpf-linker, start a Docker daemon.
    Setup,
    /// Build the eBPF object into its place in the source tree.
    BuildEbpf {
        /// Build it elsewhere, and fail if the one in the source tree is stale.
        #[arg(long)]
        check: bool,
    },
    /// Make the fixtures' images that the Docker daemon does not have.
    Fixtures {
        /// Names of fixtures [default: all]
        names: Vec<String>,
        /// Only list them.
        #[arg(long)]
        list: bool,
        /// Make them even if the daemon has them.
        #[arg(long)]
        force: bool,
    },
    /// Measure what minifier costs, as ratios.
    Bench {
        /// Parts to measure [default: all]
        parts: Vec<bench::Part>,
        /// The program to measure [default: the release build of this source tree]
        #[arg(long)]
        program: Option<PathBuf>,
    },
    /// Set everything up and run the tests, tier by tier.
    Test {
        /// Only the tests of this tier.
        #[arg(long, value_enum)]
        tier: Option<test::Tier>,
        /// Only the tests whose name contains this.
        filter: Option<String>,
    },
    /// Show that tracing works on the kernels that people run, each in an emulated machine.
    Kernels {
        /// Kernel versions such as 6.1, of which the newest is taken [default: the usual ones]
        versions: Vec<String>,
        /// The emulated machine.
        #[arg(long, value_enum, default_value = "amd64")]
        arch: kernels::Arch,
        /// Number of machines that run at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Only these rows of the table.
        #[arg(long, value_delimiter = ',')]
        rows: Vec<String>,
        /// Leave the longest row, a whole build, to the oldest and the newest of the kernels, a few fixtures to the newest.
        #[arg(long, conflicts_with = "rows")]
        quick: bool,
        /// Instead of all that: build these fixtures (all if none is named), each in a machine of its own, and compare
        /// the two sources of the trace.
        #[arg(long, value_name = "NAME,…", num_args = 0.., require_equals = true, value_delimiter = ',')]
        #[arg(conflicts_with_all = ["rows", "quick"])]
        fixtures: Option<Vec<String>>,
        /// Look for newer kernels than those in the cache.
        #[arg(long)]
        refresh: bool,
        /// Put the table between its markers in docs/kernels.md.
        #[arg(long, conflicts_with_all = ["rows", "quick"])]
        write: bool,
    },
    /// Run the fuzz targets, which feed everything that reads an image with made-up bytes.
    Fuzz {
        /// Targets of fuzz/fuzz_targets [default: all]
        targets: Vec<String>,
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Number of targets that run at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
    /// Print numbers about the library's source: short files, circles, repeated names, comments.
    Shape,
    /// Make a real image smaller and show that the result still answers.
    Demo,
    /// Make every fixture smaller and print a Markdown table of sizes and times.
    Table {
        /// Names of fixtures [default: all]
        names: Vec<String>,
        /// Put the table between its markers in README.md.
        #[arg(long, conflicts_with = "names")]
        write: bool,
        /// The program to measure [default: the release build of this source tree]
        #[arg(long)]
        program: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Setup => setup::run(),
        Task::BuildEbpf { check } => build_ebpf::run(check),
        Task::Fixtures { names, list, force } => {
            let recipes = fixtures::select(&names)?;
            if list {
                return fixtures::list(&recipes);
            }
            setup::run_without_ebpf()?;
            fixtures::ensure_all(&recipes, force)
        }
        Task::Fuzz {
            targets,
            seconds,
            jobs,
        } => fuzz::run(&targets, seconds, jobs),
        Task::Shape => shape::run(),
        Task::Demo => demo::run(),
        Task::Table {
            names,
            write,
            program,
        } => table::run(&fixtures::select(&names)?, program, write),
        Task::Kernels {
            versions,
            arch,
            jobs,
            rows,
            quick,
            fixtures,
            refresh,
            write,
        } => kernels::run(&kernels::Options {
            arch,
            versions,
            jobs,
            rows,
            quick,
            fixtures,
            refresh,
            write,
        }),
        Task::Bench { parts, program } => bench::run(&parts, program),
        Task::Test { tier, filter } => test::run(tier, filter.as_deref()),
    }
}
