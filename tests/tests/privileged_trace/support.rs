//! Programs and images that the tests of the tracer run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use minifier::trace::Trace;
use minifier_tests::tracing::import_folder;
use xtask::docker::TemporaryImage;

/// Compiles tests/programs/`source` into a static program in `folder`.
pub(crate) fn program(source: &str, folder: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("programs")
        .join(source);
    let program = folder.join(match source.file_stem() {
        Some(name) if name == "main" => source
            .parent()
            .and_then(Path::file_name)
            .context("a name")?,
        name => name.context("a name")?,
    });
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition",
            "2024",
            "-O",
            "-C",
            "target-feature=+crt-static",
            "-o",
        ])
        .args([&program, &source])
        .output()
        .context("rustc")?;
    ensure!(
        output.status.success(),
        "rustc: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(program)
}

/// An image of the tests' own: each test has its name, so that tests run side by side.
pub(crate) fn import(test: &str, root: &Path) -> Result<TemporaryImage> {
    import_folder(
        &format!("mftrace-{test}-{}", std::process::id()),
        root,
        &["ENV PATH=/"],
    )
}

/// Fails with the reasons where something may be missing.
pub(crate) fn assert_complete(trace: &Trace) {
    assert!(trace.is_complete(), "{:?}", trace.gaps);
    assert_eq!(trace.lost(), 0, "{:?}", trace.hooks);
}
