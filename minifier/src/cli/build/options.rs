//! From the command line as typed to what the stages take: everything is read and checked here, once, before
//! anything runs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::ArgMatches;

use super::args::{BuildArgs, KeepArgs, Layers, ProbeArgs, Read, RunArgs};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::image::TaggedName;
use crate::plan::Rules;
use crate::probe::{self, ProbePlan, Step};
use crate::rebuild::{LayerMode, RebuildOptions};
use crate::runtime::{self, RunOptions};
use crate::trace::TraceOptions;
use crate::transport::ReadMode;

/// What a build is to do.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) target: String,
    pub(super) tags: Vec<TaggedName>,
    pub(super) archives: Vec<ArchiveTo>,
    pub(super) read: ReadMode,
    pub(super) run: RunOptions,
    pub(super) probe: ProbePlan,
    pub(super) rules: Rules,
    pub(super) rebuild: RebuildOptions,
    pub(super) trace: TraceOptions,
    pub(super) allow_incomplete_trace: bool,
    pub(super) show_logs: bool,
}

/// An archive to write.
#[derive(Debug)]
pub(super) struct ArchiveTo {
    pub(super) file: PathBuf,
    pub(super) name: Option<TaggedName>,
}

fn usage(error: impl Into<anyhow::Error>) -> CliError {
    CliError::new(Exit::Usage, error)
}

impl Options {
    /// Reads the options; `matches` are those of the subcommand, for the order among different options.
    pub(super) fn resolve(args: &BuildArgs, matches: &ArgMatches) -> Result<Self, CliError> {
        let tag = |text: &String| text.parse::<TaggedName>().map_err(usage);
        let tags = args.output.tag.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
        let mut archives = Vec::new();
        for output in &args.output.output {
            if let Output::Archive { file, reference } = output {
                let name = reference.as_ref().map(tag).transpose()?;
                archives.push(ArchiveTo { file: file.clone(), name });
            }
        }
        if tags.is_empty() && archives.is_empty() && args.output.report.is_none() {
            return Err(usage(anyhow!("nothing to write: neither --tag nor an archive is given"))
                .hint("add --tag NAME:TAG, or --output docker-archive:FILE; --report alone makes a dry run"));
        }
        Ok(Self {
            target: args.target.clone(),
            tags,
            archives,
            read: match args.output.read {
                Read::Auto => ReadMode::Auto,
                Read::InPlace => ReadMode::InPlace,
                Read::Stream => ReadMode::Stream,
            },
            run: run_options(&args.run)?,
            probe: probe_plan(&args.probe, matches)?,
            rules: rules(&args.keep)?,
            rebuild: RebuildOptions {
                layers: match args.output.layers {
                    Layers::Preserve => LayerMode::Preserve,
                    Layers::Flatten => LayerMode::Flatten,
                },
                source_date_epoch: args.output.source_date_epoch,
                ..RebuildOptions::default()
            },
            trace: TraceOptions {
                buffer_bytes: args.trace.trace_buffer.as_u64(),
                btf: args.trace.btf.clone(),
            },
            allow_incomplete_trace: args.trace.allow_incomplete_trace,
            show_logs: args.run.show_logs,
        })
    }
}

fn run_options(args: &RunArgs) -> Result<RunOptions, CliError> {
    let host = |name: &str| env::var(name).ok();
    let directory = env::current_dir().context("find the working directory")?;
    let mut environment = Vec::new();
    for file in &args.env_file {
        let text = read(file)?;
        let lines = runtime::parse_env_file(&text, host)
            .with_context(|| format!("read {}", file.display()))
            .map_err(usage)?;
        environment.extend(lines);
    }
    for text in &args.env {
        environment.push(runtime::parse_env(text, host).map_err(usage)?);
    }
    let command = |text: &Option<String>| {
        let words = text.as_deref().map(runtime::parse_command).transpose();
        words.map_err(usage)
    };
    Ok(RunOptions {
        env: environment,
        user: args.user.clone(),
        entrypoint: match args.entrypoint.as_deref() {
            Some("") => Some(Vec::new()),
            _ => command(&args.entrypoint)?,
        },
        cmd: command(&args.cmd)?,
        workdir: args.workdir.clone(),
        mounts: each(&args.mount, |text| runtime::parse_mount(text))?,
        volumes: each(&args.volume, |text| runtime::parse_volume(text, &directory))?,
        tmpfs: each(&args.tmpfs, |text| runtime::parse_tmpfs(text))?,
        network: args.network.clone(),
        add_host: each(&args.add_host, |text| runtime::parse_add_host(text))?,
        read_only: args.read_only,
        shm_size: args.shm_size.as_deref().map(runtime::parse_size).transpose().map_err(usage)?,
        platform: args.platform.clone(),
        ..RunOptions::default()
    })
}

fn each<T, E>(texts: &[String], parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, CliError>
where
    E: Into<anyhow::Error>,
{
    texts.iter().map(|text| parse(text).map_err(usage)).collect()
}

fn read(file: &Path) -> Result<String, CliError> {
    fs::read_to_string(file).with_context(|| format!("read {}", file.display())).map_err(usage)
}
