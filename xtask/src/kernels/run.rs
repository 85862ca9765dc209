//! The command itself: kernels, guests, at most so many at a time, the table.

use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail, ensure};

use super::boot::{Outcome, boot};
use super::emulator::Emulator;
use super::kernel::{self, Kernel};
use super::{Arch, guest, table};

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
    /// Leave the longest row, a whole build, to the oldest and the newest of the kernels.
    pub quick: bool,
    /// Look for newer kernels than those in the cache.
    pub refresh: bool,
    /// Put the table into docs/kernels.md.
    pub write: bool,
}

/// Runs the guests and prints the table; an error where a cell is not as it should be, or no kernel could be had.
pub fn run(options: &Options) -> Result<()> {
    let arch = options.arch;
    let mut series = options.versions.clone();
    if series.is_empty() {
        series = arch.series().iter().map(|one| (*one).to_owned()).collect();
    }
    series
        .iter()
        .try_for_each(|one| kernel::check_series(one))?;
    let emulator = Emulator::get(arch)?;
    let kernels = kernel::get(arch, &series, options.refresh)?;
    let found: Vec<Kernel> = kernels
        .iter()
        .filter_map(|(_, kernel)| kernel.clone())
        .collect();
    ensure!(!found.is_empty(), "no kernel could be had");
    let base = guest::build(arch)?;
    let ends = [found.first(), found.last()].map(|kernel| kernel.map(|kernel| &kernel.release));
    let words = |kernel: &Kernel| {
        let mut rows = options.rows.clone();
        if options.quick && !ends.contains(&Some(&kernel.release)) {
            rows = table::ROWS.map(str::to_owned).to_vec();
            rows.retain(|row| row != "build");
        }
        match rows.is_empty() {
            true => String::new(),
            false => format!("minifier.rows={}", rows.join(",")),
        }
    };
    let outcomes = in_parallel(options.jobs, &found, |kernel| {
        let mut archive = base.clone();
        for module in kernel.modules()? {
            let name = module
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            archive.file(&module, &format!("/modules/{name}"))?;
        }
        eprintln!("kernels: starting {}", kernel.release);
        let outcome = boot(&emulator, kernel, &archive.finish(), &words(kernel))?;
        tell(kernel, &outcome);
        Ok(outcome)
    })?;
    let columns: Vec<_> = found.into_iter().zip(outcomes).collect();
    let text = table::render(&columns);
    print!("{text}");
    if options.write {
        table::write(arch, &text)?;
    }
    let failed = table::failures(&columns);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn tell(kernel: &Kernel, outcome: &Outcome) {
    let seconds = outcome.took.as_secs_f64();
    eprintln!(
        "kernels: {} took {seconds:.0} s, log in {}",
        kernel.release,
        outcome.log.display()
    );
    match &outcome.rows {
        Ok(rows) => {
            for row in rows {
                let verdict = if row.passed { "ok" } else { "FAILED" };
                eprintln!(
                    "  {:<12} {verdict:<6} {:>5.1} s  {}",
                    row.name, row.seconds, row.text
                );
            }
        }
        Err(error) => eprintln!("  FAILED {error:#}"),
    }
}

/// Does `work` on every item with so many threads; the results in the items' order.
fn in_parallel<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = Mutex::new(items.iter().enumerate());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let Some((index, item)) = next.lock().expect("no panic").next() else {
                        return;
                    };
                    let result = work(item);
                    results.lock().expect("no panic").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no panic");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
