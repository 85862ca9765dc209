//! The command itself: kernels, guests, at most so many machines at a time, the tables.

use anyhow::{Result, bail, ensure};

use super::emulator::Emulator;
use super::kernel::{self, Kernel};
use super::machine::Machine;
use super::table::{self, Table};
use super::{Arch, fixture, guest};
use crate::cargo::{Profile, program};
use crate::fixtures::Recipe;
use crate::parallel::in_parallel;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The machine.
    pub arch: Arch,
    /// Kernel series such as `6.1`; the usual ones where none is named.
    pub versions: Vec<String>,
    /// How many machines run at a time.
    pub jobs: usize,
    /// Only these rows.
    pub rows: Vec<String>,
    /// Leave the longest row, a whole build, to the oldest and the newest of the kernels; a few fixtures to the newest.
    pub quick: bool,
    /// Instead of the rows, the fixtures of these names, or all where none is named, each in a machine of its own.
    pub fixtures: Option<Vec<String>>,
    /// Look for newer kernels than those in the cache.
    pub refresh: bool,
    /// Put the table into docs/kernels.md.
    pub write: bool,
}

/// Runs the guests and prints the tables; an error if a cell is not as it should be, or no kernel could be had.
pub fn run(options: &Options) -> Result<()> {
    let arch = options.arch;
    let partial = match &options.fixtures {
        None => !options.versions.is_empty(),
        Some(names) => !names.is_empty(),
    };
    ensure!(
        !(options.write && partial),
        "a part of the table would replace the whole one"
    );
    let mut series = options.versions.clone();
    if series.is_empty() {
        series = arch.series().iter().map(|one| (*one).to_owned()).collect();
    }
    series
        .iter()
        .try_for_each(|one| kernel::check_series(one))?;
    let recipes = recipes(options)?;
    let emulator = Emulator::get(arch)?;
    let kernels = kernel::get(arch, &series, options.refresh)?;
    let found: Vec<Kernel> = kernels
        .into_iter()
        .filter_map(|(_, kernel)| kernel)
        .collect();
    ensure!(!found.is_empty(), "no kernel could be had");
    let base = guest::build(arch)?;
    let minifier = if recipes.is_empty() {
        None
    } else {
        Some(program(Profile::Dev)?)
    };
    let mut machines = machines(options, &found, &recipes);
    machines.sort_by_key(|machine| !machine.is_long());
    let outcomes = in_parallel(options.jobs, &machines, |machine| {
        machine.run(&emulator, &base, minifier.as_deref())
    });
    let outcomes: Vec<_> = outcomes.into_iter().collect::<Result<_>>()?;
    let outcomes: Vec<_> = machines.into_iter().zip(outcomes).collect();
    let table = Table::new(&found, &outcomes);
    let (kernels, fixtures) = (table.kernels(), table.fixtures(&recipes));
    print!("{kernels}\n{fixtures}");
    if options.write {
        table::write(arch, &kernels, &fixtures)?;
    }
    let failed = table.failures();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// The fixtures that are built.
fn recipes(options: &Options) -> Result<Vec<Recipe>> {
    match &options.fixtures {
        Some(names) => fixture::get(options.arch, names),
        None if options.quick && options.arch == Arch::Amd64 => {
            fixture::get(options.arch, &fixture::FEW.map(str::to_owned))
        }
        None => Ok(Vec::new()),
    }
}

/// What is started: each kernel once, or once for each fixture. Where time is short, the oldest and the newest kernel
/// alone have the row that takes longest, and the newest alone the fixtures.
fn machines<'a>(
    options: &Options,
    kernels: &'a [Kernel],
    recipes: &'a [Recipe],
) -> Vec<Machine<'a>> {
    let with_fixtures = |kernel: &'a Kernel| {
        recipes
            .iter()
            .map(|recipe| Machine::with_fixture(kernel, recipe))
            .collect::<Vec<_>>()
    };
    if options.fixtures.is_some() {
        return kernels.iter().flat_map(with_fixtures).collect();
    }
    let ends = [kernels.first(), kernels.last()].map(|kernel| kernel.map(|one| &one.release));
    let rows = |kernel: &Kernel| {
        let mut rows = options.rows.clone();
        if options.quick && !ends.contains(&Some(&kernel.release)) {
            rows = table::ROWS.map(str::to_owned).to_vec();
            rows.retain(|row| row != "build");
        }
        rows
    };
    let mut machines: Vec<Machine<'_>> = kernels
        .iter()
        .map(|kernel| Machine {
            kernel,
            fixture: None,
            rows: rows(kernel),
        })
        .collect();
    machines.extend(kernels.last().into_iter().flat_map(with_fixtures));
    machines
}
