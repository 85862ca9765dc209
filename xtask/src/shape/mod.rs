//! `cargo xtask shape`: numbers about the source of the library that a reviewer would otherwise count by hand.

mod circles;
mod imports;
mod measure;

use std::path::Path;

use anyhow::{Context, Result, bail};

pub use circles::circles;
pub use imports::{Import, SourceFile, source_files};

use measure::Measure;

/// Files with fewer lines are listed: their few lines are easier to find beside their neighbours.
const SHORT: usize = 30;

/// Prints the numbers of `minifier/src`. Code that is only compiled for tests does not count.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let files = source_files(&root.join("minifier/src"))?;
    let parameters = parameters_allowed(&root)?;
    let shipped: Vec<&SourceFile> = files.iter().filter(|file| !file.in_tests).collect();
    let mut measure = Measure::new(parameters);
    for file in &shipped {
        measure.add(file);
    }
    let lines = |files: &[&SourceFile]| -> usize { files.iter().map(|file| file.lines()).sum() };
    let all: Vec<&SourceFile> = files.iter().collect();
    println!("files: {}, {} lines", all.len(), lines(&all));
    println!(
        "files without tests: {}, {} lines",
        shipped.len(),
        lines(&shipped)
    );
    let short = shipped
        .iter()
        .filter(|file| file.lines() < SHORT && !file.is_folder_root() && !file.is_program());
    list(
        &format!("files below {SHORT} lines"),
        short.map(|file| format!("{} ({})", file.path.display(), file.lines())),
    );
    let circles = circles(&files);
    list("circles", circles.iter().map(|circle| circle.join(" ")));
    list("type names defined more than once", measure.repeated());
    list(
        &format!("functions with more than {parameters} parameters"),
        measure.wide.iter().cloned(),
    );
    println!(
        "comment lines in functions: {}, {:.1} in 100 lines of code",
        measure.comments,
        100.0 * measure.comments as f64 / measure.code.max(1) as f64
    );
    println!(
        "one-line docs of three words or fewer: {}",
        measure.short_docs
    );
    Ok(())
}

/// Prints a count and then each item.
fn list(title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    println!("{title}: {}", items.len());
    for item in items {
        println!("  {item}");
    }
}

/// The threshold in clippy.toml, so that both count the same functions.
fn parameters_allowed(root: &Path) -> Result<usize> {
    const KEY: &str = "too-many-arguments-threshold";
    let path = root.join("clippy.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    for line in text.lines() {
        if let Some((key, value)) = line.split_once('=')
            && key.trim() == KEY
        {
            let value = value.trim();
            return value
                .parse()
                .with_context(|| format!("failed to parse {KEY} {value:?}"));
        }
    }
    bail!("failed to find {KEY} in {}", path.display())
}
