//! Every fixture, minified with its own workload, answers as the original does and is smaller; and so it is where its
//! image lies in an OCI layout and an OCI runtime runs it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use minifier_tests::{Answers, Minifier, RootFs, SlimImage, fixture, leftovers, run_checks};
use xtask::command;
use xtask::fixtures::{Check, Recipe};

/// What an image answers with a writable root file system, and with another one or once more.
struct Twice {
    ways: [RootFs; 2],
    answers: [Answers; 2],
}

impl Twice {
    /// Asks the original, which must answer the same twice: otherwise a difference between original and minified image
    /// would mean nothing.
    fn original(recipe: &Recipe) -> Result<Self> {
        let other = match recipe.read_only {
            Some(_) => RootFs::ReadOnly,
            None => RootFs::Writable,
        };
        let ways = [RootFs::Writable, other];
        let ask = |rootfs| run_checks(&recipe.image(), recipe, rootfs);
        let answers = [ask(ways[0])?, ask(ways[1])?];
        same(&recipe.name, &answers[1], &answers[0])?;
        Ok(Self { ways, answers })
    }
}

fn same(what: &str, found: &Answers, expected: &Answers) -> Result<()> {
    let differences = found.differences(expected);
    ensure!(
        differences.is_empty(),
        "{what}:\n{}",
        differences.join("\n")
    );
    Ok(())
}

/// Builds the fixture, then compares the answers of original and minified image.
fn answers_like_the_original(name: &str) -> Result<()> {
    let recipe = fixture(name)?;
    let original = Twice::original(&recipe)?;
    let slim = SlimImage::of(&recipe, "answers");
    let report = Minifier::find()?.build(&recipe, &slim, &[])?;
    let mut ways: Vec<_> = original.ways.iter().zip(&original.answers).collect();
    ways.dedup_by_key(|(rootfs, _)| *rootfs);
    for (rootfs, expected) in ways {
        let minified = run_checks(slim.tag(), &recipe, *rootfs)?;
        same(&format!("{name} ({rootfs:?})"), &minified, expected)?;
    }
    let (was, is) = (xtask::docker::image_size(&recipe.image())?, slim.size()?);
    ensure!(is <= was, "{name} grew from {was} to {is} bytes");
    without_a_daemon(&recipe, &kept(&report)?, &original.answers[0])
}

/// The same from an OCI layout, run by an OCI runtime: the same keep set and the same answers.
fn without_a_daemon(
    recipe: &Recipe,
    expected: &BTreeSet<String>,
    original: &Answers,
) -> Result<()> {
    let work = tempfile::tempdir()?;
    let place = |name: &str| work.path().join(name).display().to_string();
    let layout = format!("oci:{}:original", place("layout"));
    let minifier = Minifier::find()?;
    let mut copy = minifier.command(work.path());
    command::capture(
        copy.args(["copy", &recipe.image(), &layout])
            .args(["--compression", "none"]),
    )?;
    let slim = SlimImage::of(recipe, "oci");
    let output = format!("oci:{}:slim", place("slim"));
    let report = work.path().join("report.json");
    let run = minifier.run_with(recipe, |build| {
        build.args([
            "build",
            "--target",
            &layout,
            "--output",
            &output,
            "--tag",
            slim.tag(),
        ]);
        build
            .args(["--cache-dir", &place("cache"), "--report"])
            .arg(&report);
        build.args(&recipe.run).args(&recipe.build);
    })?;
    ensure!(
        run.code == 0,
        "{}: exit code {}:\n{}",
        recipe.name,
        run.code,
        run.stderr
    );
    ensure!(
        run.leftovers.is_empty(),
        "left behind: {}",
        run.leftovers.join(", ")
    );
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&report)?)?;
    let engine = report["image"]["engine"].as_str().unwrap_or_default();
    ensure!(engine.starts_with("runc"), "{engine} ran it");
    let found = kept(&report)?;
    let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
        these
            .difference(those)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    ensure!(
        found == *expected,
        "{}: kept without a daemon only: {}; with Docker only: {}",
        recipe.name,
        only(&found, expected),
        only(expected, &found)
    );
    let minified = run_checks(slim.tag(), recipe, RootFs::Writable)?;
    same(&recipe.name, &minified, original)?;
    let mut validate = minifier.command(work.path());
    command::capture(validate.args(["validate", &output]))?;
    Ok(())
}

/// The paths that a report keeps.
fn kept(report: &serde_json::Value) -> Result<BTreeSet<String>> {
    let kept = report["kept"]
        .as_array()
        .context("a report has kept paths")?;
    kept.iter()
        .map(|kept| {
            Ok(kept["path"]
                .as_str()
                .context("a kept path has a path")?
                .to_owned())
        })
        .collect()
}

/// One test for every fixture, and one that no fixture is forgotten.
macro_rules! fixtures {
    ($($test:ident => $name:literal,)*) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                answers_like_the_original($name)
            }
        )*

        #[test]
        fn every_fixture_has_its_test() {
            assert_eq!(xtask::fixtures::names().unwrap(), [$($name),*]);
        }
    };
}

fixtures! {
    docker_healthcheck_answers_like_the_original => "healthcheck",
    docker_java_answers_like_the_original => "java",
    docker_job_answers_like_the_original => "job",
    docker_nginx_answers_like_the_original => "nginx",
    docker_node_express_answers_like_the_original => "node-express",
    docker_postgres_answers_like_the_original => "postgres",
    docker_python_gunicorn_answers_like_the_original => "python-gunicorn",
    docker_redis_answers_like_the_original => "redis",
    docker_static_answers_like_the_original => "static",
    docker_tini_answers_like_the_original => "tini",
    docker_traps_answers_like_the_original => "traps",
}

#[test]
fn docker_wrong_answers_are_noticed() -> Result<()> {
    let recipe = fixture("healthcheck")?;
    let mut other_page = recipe.clone();
    let Check::Http(check) = &mut other_page.checks[1] else {
        bail!("the second check is HTTP")
    };
    check.contains = "another page".to_owned();
    let error = run_checks(&recipe.image(), &other_page, RootFs::Writable).unwrap_err();
    ensure!(
        format!("{error:#}").contains(r#""another page" is not in the body"#),
        "{error:#}"
    );

    let mut other_end = recipe.clone();
    other_end.exit_code = 9;
    let error = run_checks(&recipe.image(), &other_end, RootFs::Writable).unwrap_err();
    ensure!(
        format!("{error:#}").contains("exited with 0 after docker stop"),
        "{error:#}"
    );
    Ok(())
}

/// Otherwise that no program is left behind would say nothing.
#[test]
fn docker_programs_are_seen_in_the_kernel_while_a_build_runs() -> Result<()> {
    let recipe = fixture("static")?;
    let slim = SlimImage::of(&recipe, "programs");
    let mut seen = false;
    let run = Minifier::find()?.run_command_then(
        &recipe,
        |program, temporary| {
            let mut build = Command::new(program);
            build.env("TMPDIR", temporary);
            build.args(["build", "--target", &recipe.image(), "--tag", slim.tag()]);
            build
        },
        |child| {
            while !seen && child.try_wait()?.is_none() {
                seen = !leftovers::programs().is_empty();
                thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        },
    )?;
    ensure!(run.code == 0, "exit code {}:\n{}", run.code, run.stderr);
    ensure!(
        run.leftovers.is_empty(),
        "left behind: {}",
        run.leftovers.join(", ")
    );
    ensure!(seen, "no program was seen while the build ran");
    Ok(())
}

#[test]
fn docker_short_lived_job_works_ten_times_in_a_row() -> Result<()> {
    let recipe = fixture("job")?;
    let original = run_checks(&recipe.image(), &recipe, RootFs::Writable)?;
    for round in 1..=10 {
        let slim = SlimImage::of(&recipe, &format!("round{round}"));
        Minifier::find()?.build(&recipe, &slim, &[])?;
        let minified = run_checks(slim.tag(), &recipe, RootFs::Writable)?;
        ensure!(minified == original, "round {round}:\n{minified:?}");
    }
    Ok(())
}

/// What the application imports is a small part of what scripts may.
#[test]
fn docker_included_interpreters_have_their_standard_library() -> Result<()> {
    const PYTHON: &str = "import asyncio, ctypes, decimal, http.server, json, sqlite3, ssl, \
                          xml.etree.ElementTree; print('python', json.dumps([1]))";
    const PERL: &str =
        "use Data::Dumper; use File::Temp; use POSIX; use Socket; print 'perl ', floor(3.7)";
    let recipe = fixture("python-gunicorn")?;
    let slim = SlimImage::of(&recipe, "interpreters");
    let options = ["--include-bin", "python3", "--include-bin", "perl"];
    Minifier::find()?.build(&recipe, &slim, &options)?;
    let run = |command: &[&str]| {
        let mut docker = xtask::docker::docker();
        docker.args(["run", "--rm", "--entrypoint", command[0], slim.tag()]);
        command::capture(docker.args(&command[1..]))
    };
    ensure!(run(&["python3", "-c", PYTHON])?.trim() == "python [1]");
    ensure!(run(&["perl", "-e", PERL])?.trim() == "perl 3");
    Ok(())
}
