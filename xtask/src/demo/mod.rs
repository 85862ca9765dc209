//! `cargo xtask demo`: a real image before and after, and what both answer. Nothing of it needs a container engine: the
//! image lies in an OCI layout, and independent tools (umoci, runc) make it, unpack it and run it.

mod bundle;
mod image;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo::{Profile, program};
use crate::{cache, command, setup};
use bundle::{Answer, Bundle};

/// Installs what is missing, makes the image and its smaller twin, and compares the two.
pub fn run() -> Result<()> {
    heading("1. What is needed: mmdebstrap, umoci, runc, the program");
    setup::run_without_engine()?;
    let program = program(Profile::Release)?;
    println!("{}", version(&program)?);

    heading("2. A real image in an OCI layout: nginx on Debian");
    let original = image::layout()?;
    println!("{}", original.location());
    let original_size = original.size()?;

    heading("3. The same image, smaller");
    let _lock = cache::lock("demo")?;
    let folder = cache::subdir("demo")?.join("slim");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let slim = image::Layout::new(folder, "slim");
    let report = cache::dir()?.join("demo-report.json");
    let mut build = Command::new(&program);
    build
        .args(["build", "--target", &original.location()])
        .args(["--output", &slim.location(), "--http-probe", "/"])
        .args(["--http-probe", "/missing", "--report"])
        .arg(&report);
    println!("$ {}", command::describe(&build));
    command::run(&mut build)?;

    heading("4. Both, unpacked by umoci and run by runc");
    let before = answers(&original)?;
    let after = answers(&slim)?;
    if before != after {
        bail!("the minified image answers differently");
    }
    println!("Both give the same answers.");

    heading("5. Before and after");
    let slim_size = slim.size()?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "before  {:>8.1} MB  {}",
        megabytes(original_size),
        original.location()
    );
    println!(
        "after   {:>8.1} MB  {}",
        megabytes(slim_size),
        slim.location()
    );
    println!(
        "ratio   {:>8.1} times smaller, compressed as a registry has it",
        original_size as f64 / slim_size.max(1) as f64
    );
    println!("\nWhy each file stayed: {}", report.display());
    Ok(())
}

/// What an image answers, shown as it comes; then it is stopped.
fn answers(layout: &image::Layout) -> Result<(Vec<Answer>, i32)> {
    println!("{}", layout.location());
    let mut container = Bundle::unpack(layout)?.start()?;
    let mut answers = Vec::new();
    for path in ["/", "/missing"] {
        let answer = container.get(path)?;
        println!("  GET {path:<10} {} {:>5} bytes", answer.0, answer.1.len());
        answers.push(answer);
    }
    let code = container.stop()?;
    println!("  SIGQUIT        exit code {code}");
    Ok((answers, code))
}

fn version(program: &Path) -> Result<String> {
    Ok(command::capture(Command::new(program).arg("--version"))?
        .trim()
        .to_owned())
}

fn heading(text: &str) {
    println!("\n== {text}");
}
