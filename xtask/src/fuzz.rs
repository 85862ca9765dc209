//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, for so many seconds each. It needs neither `cargo-fuzz` nor a nightly
//! toolchain: coverage is an option of the code generator that the stable compiler has too. What found new code is
//! kept in the cache, so that the next run goes on from there; what failed is kept in `fuzz/artifacts`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{cargo, target_dir};
use crate::parallel::in_parallel;
use crate::sources::Passed;
use crate::{cache, command};

/// What libFuzzer looks at to see whether an input did something new, and the checks that a release build leaves out.
/// The same as cargo-fuzz sets (<https://github.com/rust-fuzz/cargo-fuzz>).
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// An input that takes longer than this many seconds is a failure.
const TIMEOUT: u32 = 10;

/// Memory that an input may take, MiB. Inputs are 64 KiB at most.
const MEMORY: u32 = 1024;

/// How long a target runs for a change of what it feeds, seconds.
const AFTER_A_CHANGE: u32 = 60;

/// What each target feeds: rooms of `minifier/src`.
const READERS: &[(&str, &[&str])] = &[
    ("archive", &["image", "rootfs", "transport"]),
    ("config", &["image"]),
    ("destinations", &["rootfs", "runtime"]),
    ("html", &["probe"]),
    ("manifest", &["image"]),
    ("rpm_database", &["analyze"]),
    ("tar_reader", &["rootfs"]),
    ("whiteouts", &["rootfs"]),
];

/// Feeds what the corpus and the cache hold to every target, and runs those whose readers have changed since they last
/// passed for a minute, `jobs` at a time.
pub fn run_for_a_change(jobs: usize) -> Result<()> {
    let programs = build()?;
    run_all(jobs, &known()?, |target| {
        let passed = Passed::of(&format!("fuzz-{target}"), &paths(target)?)?;
        if passed.has() {
            return fuzz(&programs, target, Extent::Replay);
        }
        let summary = fuzz(&programs, target, Extent::Seconds(AFTER_A_CHANGE))?;
        passed.record()?;
        Ok(summary)
    })
}

/// Files and folders of the source tree that a target depends on.
fn paths(target: &str) -> Result<Vec<String>> {
    let readers = READERS.iter().find(|(name, _)| *name == target);
    let (_, rooms) = readers.with_context(|| format!("READERS has no fuzz target {target}"))?;
    let rooms = rooms.iter().map(|room| format!("minifier/src/{room}"));
    let own = [
        "fuzz/src",
        "fuzz/fuzz_targets",
        "fuzz/corpus",
        "fuzz/Cargo.lock",
    ];
    Ok(rooms.chain(own.map(str::to_owned)).collect())
}

/// Runs `targets`, or all, for `seconds` each, `jobs` at a time.
pub fn run(targets: &[String], seconds: u32, jobs: usize) -> Result<()> {
    let known = known()?;
    for target in targets {
        ensure!(
            known.contains(target),
            "{target} is no fuzz target; there are {}",
            known.join(", ")
        );
    }
    let targets = if targets.is_empty() { &known } else { targets };
    let programs = build()?;
    run_all(jobs, targets, |target| {
        fuzz(&programs, target, Extent::Seconds(seconds))
    })
}

/// Runs every target by `run`, which gives a summary; an error that names those that failed.
fn run_all(
    jobs: usize,
    targets: &[String],
    run: impl Fn(&str) -> Result<String> + Sync,
) -> Result<()> {
    let failed: Vec<String> = in_parallel(jobs, targets, |target| match run(target) {
        Ok(summary) => {
            println!("fuzz {target:<12} {summary}");
            None
        }
        Err(error) => {
            eprintln!("fuzz {target}: {error:#}");
            let first = format!("{error:#}");
            Some(format!(
                "{target}: {}",
                first.lines().next().unwrap_or_default()
            ))
        }
    })
    .into_iter()
    .flatten()
    .collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

fn folder() -> PathBuf {
    cache::workspace_root().join("fuzz")
}

/// The names of the targets, in order.
fn known() -> Result<Vec<String>> {
    let folder = folder().join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    ensure!(!names.is_empty(), "no target in {}", folder.display());
    Ok(names)
}

/// Compiles all targets; the folder they are in.
fn build() -> Result<PathBuf> {
    let target = target_dir()?.join("fuzz");
    let machine = machine()?;
    let mut cargo = cargo(&["build", "--release", "--bins", "--manifest-path"]);
    cargo.arg(folder().join("Cargo.toml"));
    // Named, so that the flags are not those of build scripts and macros too.
    cargo.args(["--target", &machine]);
    cargo.env("CARGO_TARGET_DIR", &target);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    command::run(&mut cargo)?;
    Ok(target.join(machine).join("release"))
}

/// The machine that the compiler compiles for where none is named.
fn machine() -> Result<String> {
    let printed = command::capture(Command::new("rustc").arg("-vV"))?;
    let machine = printed.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(machine.context("rustc does not say its host")?.to_owned())
}

/// How much a target is fed with.
#[derive(Clone, Copy, Debug)]
enum Extent {
    /// The inputs that there are.
    Replay,
    /// These, and new ones for so many seconds in all.
    Seconds(u32),
}

/// Runs one target; gives what it says at its end.
fn fuzz(programs: &Path, target: &str, extent: Extent) -> Result<String> {
    let found = cache::subdir("fuzz")?.join(target);
    let failures = folder().join("artifacts").join(target);
    for folder in [&found, &failures] {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let mut fuzzer = Command::new(programs.join(target));
    fuzzer
        .arg(&found)
        .arg(folder().join("corpus").join(target))
        .arg(format!("-artifact_prefix={}/", failures.display()))
        .arg(match extent {
            Extent::Replay => "-runs=0".to_owned(),
            Extent::Seconds(seconds) => format!("-max_total_time={seconds}"),
        })
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .args(["-max_len=65536", "-print_final_stats=1"]);
    // Its peak counts from that of this process, which is no more than some hundred MiB.
    let output = fuzzer
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", command::describe(&fuzzer)))?;
    let printed = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!(
            "ended with {}; the input is in {}:\n{}",
            output.status,
            failures.display(),
            command::tail(&printed, 40)
        );
    }
    summary(&printed).with_context(|| format!("no statistics in:\n{}", command::tail(&printed, 10)))
}

/// What matters of libFuzzer's last lines.
fn summary(printed: &str) -> Option<String> {
    let stat = |name: &str| -> Option<u64> {
        let line = printed
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        line?.trim_start_matches(':').trim().parse().ok()
    };
    let coverage = printed
        .lines()
        .rev()
        .find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
    Some(format!(
        "{} inputs, {} of them new, {} edges covered",
        stat("number_of_executed_units")?,
        stat("new_units_added")?,
        coverage?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_what_libfuzzer_prints() {
        let printed = "#2\tINITED cov: 5 ft: 6 corp: 1/1b\n#99\tDONE   cov: 812 ft: 2 corp: 3/9b\nDone 99 runs\n\
                       stat::number_of_executed_units: 99\nstat::average_exec_per_sec:     9\n\
                       stat::new_units_added:          12\nstat::slowest_unit_time_sec:    0\n";
        let expected = "99 inputs, 12 of them new, 812 edges covered";
        assert_eq!(summary(printed).as_deref(), Some(expected));
        assert_eq!(summary("Killed"), None);
    }

    #[test]
    fn every_target_has_readers_and_a_corpus() -> Result<()> {
        for target in known()? {
            for path in paths(&target)? {
                ensure!(
                    cache::workspace_root().join(&path).exists(),
                    "{path} is gone"
                );
            }
            let corpus = folder().join("corpus").join(&target);
            ensure!(
                fs::read_dir(&corpus)?.next().is_some(),
                "{} is empty",
                corpus.display()
            );
        }
        Ok(())
    }
}
