//! `cargo xtask test`: everything the tests need, then the tests, tier by tier.

use std::collections::{BTreeMap, BTreeSet};
use std::io::stdout;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::cargo::{Profile, cargo, program};
use crate::kernels::{self, Arch};
use crate::phases::Phases;
use crate::sources::Passed;
use crate::{build_ebpf, command, fixtures, fuzz, newcomer, setup};

/// How many fuzz targets run at a time.
const FUZZ_JOBS: usize = 5;

/// A kind of test, named by the first word of the test's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Tier {
    /// No privileges needed.
    Unit,
    /// `privileged_*`: root and eBPF.
    Privileged,
    /// `browser_*`: Chromium.
    Browser,
    /// `docker_*`: a Docker daemon and the fixtures' images.
    Docker,
    /// Not named by tests: the oldest and the newest of the kernels that people run (`cargo xtask kernels`) and one of
    /// arm64; after a change of the tracer, all the usual ones.
    Kernels,
    /// Not named by tests: the corpus of each target of `cargo xtask fuzz`; after a change of what it feeds, a minute.
    Fuzz,
    /// Not part of each change: set-up, demo, fixtures and kernels with an empty cache folder.
    Newcomer,
}

impl Tier {
    /// What runs if no tier is named.
    const EACH_CHANGE: [Self; 6] = [
        Self::Unit,
        Self::Privileged,
        Self::Browser,
        Self::Docker,
        Self::Kernels,
        Self::Fuzz,
    ];

    /// The tier of a test by its full name, such as `trace::scope::tests::privileged_fork`.
    fn of(test: &str) -> Self {
        let name = test.rsplit("::").next().unwrap_or(test);
        if name.starts_with("privileged_") {
            Self::Privileged
        } else if name.starts_with("browser_") {
            Self::Browser
        } else if name.starts_with("docker_") {
            Self::Docker
        } else {
            Self::Unit
        }
    }

    /// Whether it consists of tests that cargo knows.
    fn has_tests(self) -> bool {
        !matches!(self, Self::Kernels | Self::Fuzz | Self::Newcomer)
    }

    /// How many of its tests run at a time.
    fn threads(self) -> usize {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        match self {
            // They wait for containers half of the time.
            Self::Docker => 2 * processors,
            _ => processors,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Privileged => "privileged",
            Self::Browser => "browser",
            Self::Docker => "docker",
            Self::Kernels => "kernels",
            Self::Fuzz => "fuzz",
            Self::Newcomer => "newcomer",
        }
    }
}

/// Runs the tests whose name contains `filter`, of `tier` or of all that belong to each change.
pub fn run(tier: Option<Tier>, filter: Option<&str>) -> Result<()> {
    let tiers = tier.map_or(Tier::EACH_CHANGE.to_vec(), |tier| vec![tier]);
    let mut phases = Phases::default();
    let has_tests = tiers.iter().any(|tier| tier.has_tests());
    let before = if has_tests {
        tests(&tiers, filter, &mut phases)?
    } else {
        None
    };
    if !has_tests || filter.is_none() {
        tasks(&tiers, &mut phases);
    }
    if let Some(before) = before {
        phases.run_task("nothing is left behind", || {
            let left = leftovers()?;
            let new: Vec<&str> = left.difference(&before).map(String::as_str).collect();
            ensure!(new.is_empty(), "left behind: {}", new.join(", "));
            Ok(())
        });
    }
    phases.finish()
}

/// What runs of minifier have left on this machine, a line each.
fn leftovers() -> Result<BTreeSet<String>> {
    let mut list = cargo(&["run", "--quiet", "--bin", "leftovers"]);
    let printed = command::capture(&mut list)?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// Runs the tests of `tiers` whose name contains `filter`, after all that they need. Gives what was left on this machine
/// before the first of them, if they run containers: that is not theirs.
fn tests(
    tiers: &[Tier],
    filter: Option<&str>,
    phases: &mut Phases,
) -> Result<Option<BTreeSet<String>>> {
    if *tiers == [Tier::Browser] {
        phases.run("set-up", setup::run_for_reports)?;
    } else if *tiers != [Tier::Unit] {
        phases.run("set-up", setup::run)?;
        // What is tested is what the sources give.
        phases.run("build-ebpf", || build_ebpf::run(false))?;
    }
    if tiers.contains(&Tier::Docker) {
        phases.run("fixtures", || {
            fixtures::ensure_all(&fixtures::select(&[])?, false)
        })?;
    }
    let program = phases.run("compile", compile)?;
    let before = if tiers.contains(&Tier::Docker) {
        Some(leftovers()?)
    } else {
        None
    };
    let tests = list(filter)?;
    if tiers.contains(&Tier::Unit) {
        let mut cargo = cargo(&["test", "--doc", "--no-fail-fast", "--"]);
        phases.run_tests("examples in the docs", cargo.args(filter), &mut stdout())?;
    }
    for tier in tiers {
        let Some(names) = tests.get(tier) else {
            continue;
        };
        let mut cargo = cargo(&["test", "--no-fail-fast", "--lib", "--bins", "--tests", "--"]);
        cargo
            .env("MINIFIER_TEST_PROGRAM", &program)
            .arg(format!("--test-threads={}", tier.threads()))
            .arg("--exact")
            .args(names);
        phases.run_tests(&format!("{} tests", tier.name()), &mut cargo, &mut stdout())?;
    }
    Ok(before)
}

/// Runs those of `tiers` that have no tests of their own.
fn tasks(tiers: &[Tier], phases: &mut Phases) {
    for tier in tiers {
        match tier {
            Tier::Kernels => phases.run_task("kernels", kernels),
            Tier::Fuzz => phases.run_task("fuzz targets", || fuzz::run_for_a_change(FUZZ_JOBS)),
            Tier::Newcomer => phases.run_task("newcomer", newcomer::run),
            Tier::Unit | Tier::Privileged | Tier::Browser | Tier::Docker => {}
        }
    }
}

/// What the kernels' guests test.
const TRACER: [&str; 7] = [
    "Cargo.lock",
    "minifier-common",
    "minifier-ebpf",
    "minifier/ebpf",
    "minifier/src/trace",
    "tests/src/bin/guest",
    "xtask/src/kernels",
];

/// Runs the guests of both machines side by side: the last of one kind would leave a processor idle.
fn kernels() -> Result<()> {
    let passed = Passed::of("kernels", &TRACER)?;
    let amd64 = if passed.has() {
        Arch::Amd64.ends().to_vec()
    } else {
        Vec::new()
    };
    let run = |arch, versions: &[&str]| {
        kernels::run(&kernels::Options {
            arch,
            versions: versions.iter().map(ToString::to_string).collect(),
            jobs: 2,
            rows: Vec::new(),
            quick: true,
            fixtures: None,
            refresh: false,
            write: false,
        })
    };
    thread::scope(|scope| {
        let arm64 = scope.spawn(|| run(Arch::Arm64, &["6.12"]).context("arm64"));
        let amd64 = run(Arch::Amd64, &amd64).context("amd64");
        let arm64 = arm64.join().unwrap_or_else(|panic| resume_unwind(panic));
        match (amd64, arm64) {
            (Err(amd64), Err(arm64)) => bail!("{amd64:#}\n{arm64:#}"),
            (amd64, arm64) => amd64.and(arm64),
        }
    })?;
    passed.record()
}

/// Compiles the program and every test; gives the program's path.
fn compile() -> Result<PathBuf> {
    let program = program(Profile::Dev)?;
    command::run(&mut cargo(&[
        "test", "--no-run", "--quiet", "--lib", "--bins", "--tests",
    ]))?;
    Ok(program)
}

/// The names of the tests that contain `filter`, by tier.
fn list(filter: Option<&str>) -> Result<BTreeMap<Tier, Vec<String>>> {
    let mut cargo = cargo(&["test", "--quiet", "--lib", "--bins", "--tests"]);
    let printed = command::capture(cargo.args(["--", "--list", "--format", "terse"]))?;
    Ok(by_tier(&printed, filter.unwrap_or_default()))
}

fn by_tier(listing: &str, filter: &str) -> BTreeMap<Tier, Vec<String>> {
    let mut tiers: BTreeMap<Tier, Vec<String>> = BTreeMap::new();
    for name in listing
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
    {
        if name.contains(filter) {
            tiers
                .entry(Tier::of(name))
                .or_default()
                .push(name.to_owned());
        }
    }
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tier_is_told_by_the_test_and_not_by_its_module() {
        assert_eq!(
            Tier::of("transport::docker_archive::tests::reads"),
            Tier::Unit
        );
        assert_eq!(
            Tier::of("trace::tests::privileged_follows_forks"),
            Tier::Privileged
        );
        assert_eq!(Tier::of("browser_page_loads"), Tier::Browser);
        assert_eq!(Tier::of("docker_nginx_answers"), Tier::Docker);
    }

    #[test]
    fn listing_is_filtered_and_sorted_into_tiers() {
        let listing = "a::docker_x: test\na::docker_y: test\nb::plain: test\nc: benchmark\n";
        let tiers = by_tier(listing, "x");
        assert_eq!(
            tiers,
            BTreeMap::from([(Tier::Docker, vec!["a::docker_x".to_owned()])])
        );
        assert_eq!(by_tier(listing, "")[&Tier::Unit], ["b::plain"]);
    }
}
