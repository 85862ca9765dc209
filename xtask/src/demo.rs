//! `cargo xtask demo`: a real image before and after, and what both answer.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cargo::{Profile, program};
use crate::container::Container;
use crate::fixtures::{self, Recipe};
use crate::{cache, command, docker, http, setup};

const FIXTURE: &str = "nginx";
const SLIM: &str = "minifier-demo/nginx:slim";
/// One page of the site, and one that needs the error page.
const PAGES: &[&str] = &["/", "/missing.html"];

/// Installs what is missing, makes the image and its smaller twin, and compares the two.
pub fn run() -> Result<()> {
    heading("1. What is needed: packages, a Docker daemon, the program");
    setup::run_without_ebpf()?;
    let program = program(Profile::Release)?;
    println!(
        "{}, Docker {}",
        version(&program)?,
        docker::server_version()?
    );

    heading("2. A real image: nginx on Debian, non-root, with a file capability");
    let recipe = Recipe::load(FIXTURE)?;
    fixtures::ensure_all(std::slice::from_ref(&recipe), false)?;
    command::run(docker::docker().args(["image", "ls", &recipe.image()]))?;

    heading("3. The same image, smaller");
    let report = cache::dir()?.join("demo-report.json");
    let mut build = Command::new(&program);
    build
        .args([
            "build",
            "--target",
            &recipe.image(),
            "--tag",
            SLIM,
            "--report",
        ])
        .arg(&report);
    println!("$ {}", command::describe(&build));
    command::run(&mut build)?;

    heading("4. Both, started plainly with a read-only root file system");
    let before = answers(&recipe, &recipe.image())?;
    let after = answers(&recipe, SLIM)?;
    if before != after {
        bail!("the minified image answers differently");
    }
    println!("Both give the same answers.");

    heading("5. Before and after");
    let (original, minified) = (
        docker::image_size(&recipe.image())?,
        docker::image_size(SLIM)?,
    );
    println!(
        "before  {:>8.1} MB  {}",
        megabytes(original),
        recipe.image()
    );
    println!("after   {:>8.1} MB  {SLIM}", megabytes(minified));
    println!(
        "ratio   {:>8.1} times smaller",
        original as f64 / minified.max(1) as f64
    );
    println!("\nWhy each file stayed: {}", report.display());
    println!("Look inside: docker run --rm -d -p 127.0.0.1:8080:80 {SLIM}");
    Ok(())
}

/// What `image` answers to the demo's requests, shown as it comes; then it is stopped.
fn answers(recipe: &Recipe, image: &str) -> Result<Vec<(u16, Vec<u8>)>> {
    let port = recipe.port.context("the demo needs a service")?;
    let mut options = [recipe.run.clone(), recipe.docker_run.clone()].concat();
    options.push("--read-only".to_owned());
    let read_only = recipe.read_only.iter();
    options.extend(
        read_only
            .flat_map(|r| &r.tmpfs)
            .map(|folder| format!("--tmpfs={folder}")),
    );
    let container = Container::start(image, &options, port)?;
    let address = container.address(port)?;
    println!("{image} on http://{address}");
    let mut answers = Vec::new();
    for path in PAGES {
        let response = first_answer(|| http::request(address, "GET", path, None, ""))
            .with_context(|| container.logs(10).unwrap_or_default())?;
        println!(
            "  GET {path:<14} {} {:>5} bytes",
            response.status,
            response.body.len()
        );
        answers.push((response.status, response.body));
    }
    println!("  docker stop        exit code {}", container.stop()?);
    Ok(answers)
}

/// Repeats a request while the server gets ready, for 10 seconds at most.
fn first_answer<T>(request: impl Fn() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match request() {
            Err(_) if start.elapsed() < Duration::from_secs(10) => {
                thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

fn version(program: &Path) -> Result<String> {
    Ok(command::capture(Command::new(program).arg("--version"))?
        .trim()
        .to_owned())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
