//! [`plan`]: the stages in their order.

use super::closure::Closure;
use super::patterns::Pattern;
use super::weigh::weigh;
use super::{Plan, Rules, RunFacts};
use crate::analyze::{Files, Linker, ReadError, read_packages};
use crate::evidence::Surroundings;
use crate::image::{CheckCommand, Healthcheck, ImageConfig};
use crate::rootfs::{ImagePath, MergedImage, SearchPath};
use crate::trace::Trace;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A pattern of a rule is not one.
    #[error("read the pattern {pattern:?} of {option}: {source}")]
    Pattern {
        /// The option that the pattern was given with, such as `--exclude`.
        option: &'static str,
        /// The pattern as the user wrote it.
        pattern: String,
        /// The parser's description of the mistake.
        source: globset::Error,
    },
    /// Bytes of the image could not be had.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Works out which paths of an image stay. Of the content only files that stay are read, and package databases.
///
/// # Errors
///
/// [`PlanError::Pattern`] if a rule has a malformed pattern, [`PlanError::Read`] if the content store cannot give bytes
/// that the tree says it has. Files of the image that are malformed are no errors: they give notes in
/// [`Plan::warnings`].
///
/// # Examples
///
/// A program that is one script keeps itself and its interpreter:
///
/// ```
/// use std::io::{self, Read};
///
/// use minifier::image::{Image, ImageConfig};
/// use minifier::plan::{Rules, RunFacts, plan};
/// use minifier::rootfs::{
///     ContentRef, ContentStore, EntryKind, LayerEntry, LayerIndex, MergedImage, Metadata, RootFs,
/// };
/// use minifier::trace::Trace;
///
/// struct Scripts;
///
/// impl ContentStore for Scripts {
///     fn open(&self, _: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
///         Ok(Box::new(&b"#!/bin/sh\n"[..]))
///     }
/// }
///
/// let file = |path: &str| LayerEntry {
///     path: path.into(),
///     meta: Metadata { mode: 0o755, ..Metadata::default() },
///     kind: EntryKind::File(ContentRef { layer: 0, at: 0, size: 10 }),
/// };
/// let entries = ["/app", "/bin/sh", "/doc"].map(file).to_vec();
/// let rootfs = RootFs::merge([LayerIndex { entries }])?;
/// let config = br#"{"os": "linux", "architecture": "amd64", "config": {"Entrypoint": ["/app"]},
///     "rootfs": {"type": "layers", "diff_ids": []}}"#;
/// let image = Image { reference: "app".into(), config: ImageConfig::parse(config)? };
/// let merged = MergedImage { image: &image, rootfs: &rootfs, content: &Scripts };
///
/// let plan = plan(merged, &Trace::default(), &Rules::default(), &RunFacts::default())?;
///
/// assert!(plan.keep.contains(&"/bin/sh".into()));
/// assert!(!plan.keep.contains(&"/doc".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(
    merged: MergedImage<'_>,
    trace: &Trace,
    rules: &Rules,
    run: &RunFacts,
) -> Result<Plan, PlanError> {
    let rootfs = merged.rootfs;
    let files = Files {
        rootfs,
        store: merged.content,
    };
    let config = &merged.image.config;
    let working_dir = run.working_dir.as_deref().unwrap_or(config.working_dir());
    let cwd = ImagePath::new(working_dir);
    // Of several `--env` with one name, the last counts, as in Docker.
    let run_var = |name: &str| {
        run.env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    };
    // The image's own value too: `docker run` of the new image has it again.
    let values = |name: &str| run_var(name).into_iter().chain(config.env_var(name));
    let library_path: Vec<&str> = values("LD_LIBRARY_PATH").collect();
    let excludes = rules
        .excludes
        .iter()
        .map(|text| Pattern::new("--exclude", text, rootfs))
        .collect::<Result<_, _>>()?;
    let linker = Linker::new(files, &library_path, cwd.clone())?;
    let search = SearchPath::new(values("PATH"), cwd);
    let mut closure = Closure::new(files, linker, search, excludes);

    closure.seed_trace(trace);
    closure.seed_config(config, run)?;
    closure.seed_rules(rules, working_dir)?;
    closure.seed_essentials();
    closure.settle()?;
    let packages = read_packages(&files)?;
    let surroundings = Surroundings {
        search: closure.search.clone(),
        env: run.env.iter().rev().chain(config.env()).cloned().collect(),
        commands: commands(config, run),
    };
    let weighed = weigh(&mut closure, &packages, &surroundings, &rules.evidence)?;
    Ok(closure.finish(packages, weighed))
}

/// The command lines that run in a container: the entrypoint with its arguments, the health check.
fn commands(config: &ImageConfig, run: &RunFacts) -> Vec<Vec<String>> {
    let entrypoint = run.entrypoint.as_deref().unwrap_or(config.entrypoint());
    let cmd = run.cmd.as_deref().unwrap_or(config.cmd());
    let mut commands = vec![[entrypoint, cmd].concat()];
    match config.healthcheck().and_then(Healthcheck::command) {
        Some(CheckCommand::Exec(words) | CheckCommand::Shell(words)) => {
            commands.push(words.to_vec());
        }
        None => {}
    }
    commands
}
