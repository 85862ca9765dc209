//! [`plan`]: the stages in their order.

use super::closure::Closure;
use super::patterns::Pattern;
use super::weigh::weigh;
use super::{Plan, Rules, RunFacts};
use crate::analyze::{Files, Linker, ReadError, read_packages};
use crate::evidence::Surroundings;
use crate::image::{CheckCommand, Healthcheck, Image, ImageConfig};
use crate::rootfs::{ContentStore, ImagePath, RootFs, SearchPath};
use crate::trace::Trace;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A pattern of a rule is not one.
    #[error("read the pattern {pattern:?} of {option}: {source}")]
    Pattern {
        /// The option.
        option: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong.
        source: globset::Error,
    },
    /// Bytes of the image could not be had.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Works out which paths of an image stay. Of the content only files that stay are read, and package databases.
///
/// Fails if a pattern is malformed or the content store fails; files of the image that are broken give notes.
pub fn plan(
    image: &Image,
    rootfs: &RootFs,
    content: &dyn ContentStore,
    trace: &Trace,
    rules: &Rules,
    run: &RunFacts,
) -> Result<Plan, PlanError> {
    let files = Files {
        rootfs,
        store: content,
    };
    let config = &image.config;
    let working_dir = run.working_dir.as_deref().unwrap_or(config.working_dir());
    let cwd = ImagePath::new(working_dir);
    let run_var = |name: &str| {
        run.env
            .iter()
            .rev()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    };
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
