//! From the command line as typed to what the stages take: everything is read and checked here, once, before
//! anything runs.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::args::{
    BuildArgs, KeepArgs, Layers, OutputArgs, ProbeArgs, ReadArg, RunArgs, RuntimeChoice,
};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::BuildOutput;
use crate::evidence::Rule;
use crate::image::{Platform, TaggedName};
use crate::plan::{self, EvidenceRules, Rules, RunFacts};
use crate::probe::{self, Crawl, ProbePlan, Step};
use crate::rebuild::{LayerMode, RebuildOptions};
use crate::runtime::{self, RunLimits, RunOptions};
use crate::trace::TraceOptions;
use crate::transport::registry::RegistryOptions;
use crate::transport::{Control, LayerCompression, Limits, Location, OpenOptions, Place, ReadMode};
use crate::units::Memory;

/// The resolved options of a build.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) target: Location,
    pub(crate) platform: Option<Platform>,
    pub(crate) tags: Vec<TaggedName>,
    /// Places for the image beside the daemon.
    pub(crate) outputs: Vec<Location>,
    pub(crate) compression: Option<LayerCompression>,
    pub(crate) read: ReadMode,
    pub(crate) limits: Limits,
    pub(crate) registry: RegistryOptions,
    pub(crate) runtime: Option<RuntimeChoice>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) run: RunOptions,
    pub(crate) run_limits: RunLimits,
    pub(crate) timeout: Option<Duration>,
    pub(crate) facts: RunFacts,
    pub(crate) probe: ProbePlan,
    pub(crate) rules: Rules,
    pub(crate) rebuild: RebuildOptions,
    pub(crate) trace: TraceOptions,
    pub(crate) allow_incomplete_trace: bool,
    pub(crate) show_logs: bool,
    pub(crate) show_secrets: bool,
}

fn usage(error: impl Into<anyhow::Error>) -> CliError {
    CliError::new(Exit::Usage, error)
}

impl Options {
    /// Reads the options; `matches` are those of the subcommand, for the order among different options.
    pub(crate) fn resolve(args: &BuildArgs, matches: &ArgMatches) -> Result<Self, CliError> {
        let (tags, outputs) = places(&args.output)?;
        if tags.is_empty() && outputs.is_empty() && args.output.report.is_none() {
            return Err(usage(anyhow!(
                "write the image: neither --tag nor --output with a location is given"
            ))
            .hint(
                "add --tag NAME:TAG or --output oci:DIR:TAG; with --report alone it is a dry run",
            ));
        }
        let run = run_options(&args.run)?;
        Ok(Self {
            target: args.target.clone(),
            platform: args.run.platform.clone(),
            tags,
            outputs,
            compression: args.storage.compression(Some(LayerCompression::GZIP))?,
            limits: args.storage.read.limits(),
            registry: args.storage.read.registry(),
            runtime: args.run.runtime.clone(),
            cache_dir: args.run.cache_dir.clone(),
            run_limits: run_limits(&args.run),
            timeout: args.run.timeout,
            read: match args.output.read {
                ReadArg::Auto => ReadMode::Auto,
                ReadArg::InPlace => ReadMode::InPlace,
                ReadArg::Stream => ReadMode::Stream,
            },
            facts: facts(&run),
            run,
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
                buffer_bytes: u32::try_from(args.trace.trace_buffer.0)
                    .context("read --trace-buffer: it must be below 4 GiB")
                    .map_err(usage)?,
                memory_bytes: args.trace.trace_memory.0,
                btf: args.trace.btf.clone(),
            },
            allow_incomplete_trace: args.trace.allow_incomplete_trace,
            show_logs: args.run.show_logs,
            show_secrets: args.output.show_secrets,
        })
    }

    /// How to open the image.
    pub(crate) fn open(&self, scratch: &Path, control: Control) -> OpenOptions {
        OpenOptions {
            platform: self.platform.clone(),
            scratch: scratch.to_owned(),
            limits: self.limits,
            registry: self.registry.clone(),
            control,
        }
    }

    /// Time of an archive's entries, seconds since the epoch.
    pub(crate) fn mtime(&self) -> u64 {
        let time = self.rebuild.source_date_epoch.unwrap_or(0);
        u64::try_from(time).unwrap_or(0)
    }
}

/// Tags for the daemon, and all other places. `docker-daemon:NAME` is another way to write a tag.
fn places(args: &OutputArgs) -> Result<(Vec<TaggedName>, Vec<Location>), CliError> {
    let mut tags = args.tag.clone();
    let mut outputs = Vec::new();
    for output in &args.output {
        let BuildOutput::Image(location) = output else {
            continue;
        };
        match location.place() {
            Place::DockerDaemon(name) => tags.push(name.as_str().parse().map_err(usage)?),
            _ => outputs.push(location.clone()),
        }
    }
    Ok((tags, outputs))
}

fn run_options(args: &RunArgs) -> Result<RunOptions, CliError> {
    let directory = env::current_dir().context("find the working directory")?;
    let command = |text: &Option<String>| {
        let words = text.as_deref().map(runtime::parse_command).transpose();
        words.map_err(usage)
    };
    Ok(RunOptions {
        env: runtime::load_env(&args.env_file, &args.env).map_err(usage)?,
        user: args.user.clone(),
        entrypoint: match args.entrypoint.as_deref() {
            Some("") => Some(Vec::new()),
            _ => command(&args.entrypoint)?,
        },
        cmd: command(&args.cmd)?,
        workdir: args.workdir.clone(),
        mounts: each(&args.mount, runtime::parse_mount)?,
        volumes: each(&args.volume, |text| runtime::parse_volume(text, &directory))?,
        tmpfs: each(&args.tmpfs, runtime::parse_tmpfs)?,
        network: args.network.clone(),
        add_host: each(&args.add_host, runtime::parse_add_host)?,
        read_only: args.read_only,
        shm_size: args.shm_size.map(Memory::signed),
        platform: args.platform.as_ref().map(ToString::to_string),
        ..RunOptions::default()
    })
}

/// Docker's own defaults have no limit.
fn run_limits(args: &RunArgs) -> RunLimits {
    let default = RunLimits::of_host();
    let or = |given: Option<i64>, default| match given {
        Some(0) => None,
        given => given.or(default),
    };
    RunLimits {
        memory: or(args.memory.map(Memory::signed), default.memory),
        pids: or(args.pids_limit, default.pids),
        log: or(args.log_size.map(Memory::signed), default.log),
    }
}

fn each<T, E>(texts: &[String], parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, CliError>
where
    E: Into<anyhow::Error>,
{
    texts
        .iter()
        .map(|text| parse(text).map_err(usage))
        .collect()
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file)
        .with_context(|| format!("read {}", file.display()))
        .map_err(usage)
}

/// The probes as the command line gives them; the image's own ports and health check come later.
fn probe_plan(args: &ProbeArgs, matches: &ArgMatches) -> Result<ProbePlan, CliError> {
    let headers = each(&args.http_probe_header, probe::parse_header)?;
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for (at, text) in placed(matches, "http_probe", &args.http_probe) {
        let mut request = probe::parse_http_probe(text).map_err(usage)?;
        request.headers.clone_from(&headers);
        request.body = args.http_probe_body.clone().map(String::into_bytes);
        request.expect.clone_from(&args.http_probe_expect);
        steps.push((at, Step::Http(request)));
    }
    for (at, file) in placed(matches, "http_probe_file", &args.http_probe_file) {
        let requests = probe::parse_probe_file(&read(file)?)
            .with_context(|| format!("read {}", file.display()))
            .map_err(usage)?;
        steps.extend(
            requests
                .into_iter()
                .map(|request| (at, Step::Http(request))),
        );
    }
    for (at, text) in placed(matches, "exec", &args.exec) {
        steps.push((at, Step::exec(text).map_err(usage)?));
    }
    for (at, text) in placed(matches, "host_exec", &args.host_exec) {
        steps.push((at, Step::host_exec(text).map_err(usage)?));
    }
    // Stable: the requests of one file stay in their order.
    steps.sort_by_key(|(at, _)| *at);
    Ok(ProbePlan {
        ready_timeout: args.ready_timeout,
        // Whoever says how long it may take knows that it will listen.
        idle_timeout: match matches.value_source("ready_timeout") {
            Some(ValueSource::CommandLine) => None,
            _ => ProbePlan::default().idle_timeout,
        },
        wait_for_log: args.wait_for_log.clone(),
        crawl: match (args.no_http_probe, args.crawl) {
            (true, _) => Crawl::Never,
            (_, true) => Crawl::Always,
            _ => Crawl::Auto,
        },
        http_ports: args.http_probe_port.iter().copied().collect(),
        steps: steps.into_iter().map(|(_, step)| step).collect(),
        step_timeout: args.exec_timeout,
        continue_after: args.continue_after,
        expected_exit: args.expect_exit,
        grace: args.stop_timeout,
        ignore_failures: args.ignore_probe_failures,
        ..ProbePlan::default()
    })
}

/// The values of an option with their places on the command line.
fn placed<'a, T>(
    matches: &ArgMatches,
    option: &str,
    values: &'a [T],
) -> impl Iterator<Item = (usize, &'a T)> {
    let places: Vec<usize> = matches.indices_of(option).into_iter().flatten().collect();
    places.into_iter().zip(values)
}

/// The rules of evidence that `RULE=off` switches off; a later `RULE=on` wins.
fn off(settings: &[String]) -> Result<BTreeSet<Rule>, CliError> {
    let mut off = BTreeSet::new();
    for setting in settings {
        let (name, state) = setting.split_once('=').unwrap_or((setting, ""));
        let rule: Rule = name.parse().map_err(usage)?;
        match state {
            "off" => off.insert(rule),
            "on" => off.remove(&rule),
            _ => {
                let error = anyhow::anyhow!(
                    "--evidence {setting:?} has no state: write {name}=on or {name}=off"
                );
                return Err(usage(error));
            }
        };
    }
    Ok(off)
}

fn rules(args: &KeepArgs) -> Result<Rules, CliError> {
    let with_files = |given: &[String], files: &[PathBuf]| {
        let mut all = given.to_vec();
        for file in files {
            let text = String::from_utf8(read(file)?)
                .with_context(|| format!("read {}", file.display()))
                .map_err(usage)?;
            all.extend(plan::parse_list(&text));
        }
        Ok::<_, CliError>(all)
    };
    let rules = Rules {
        include_paths: with_files(&args.include_path, &args.include_path_file)?,
        include_bins: with_files(&args.include_bin, &args.include_bin_file)?,
        include_shell: args.include_shell,
        include_workdir: args.include_workdir,
        include_certs: args.include_certs,
        include_zoneinfo: args.include_zoneinfo,
        excludes: with_files(&args.exclude, &args.exclude_file)?,
        evidence: EvidenceRules {
            retain: args.retain,
            off: off(&args.evidence)?,
            include: args.include_evidence.iter().cloned().collect(),
        },
    };
    rules.check().map_err(usage)?;
    Ok(rules)
}

/// The facts about the run that the planner needs.
fn facts(run: &RunOptions) -> RunFacts {
    RunFacts {
        entrypoint: run.entrypoint.clone(),
        cmd: run.cmd.clone(),
        user: run.user.clone(),
        working_dir: run.workdir.clone(),
        env: run.env.clone(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    #[test]
    fn memory_has_one_kind_of_unit_and_images_have_another() {
        let words = "build --target oci:a --output oci:b --memory 64MB --shm-size 64MB --log-size 64MB \
                     --trace-buffer 64MB --trace-memory 64MB --max-uncompressed 64MB";
        let build = BuildArgs::augment_args(Command::new("build"));
        let matches = build
            .try_get_matches_from(words.split_whitespace())
            .unwrap();
        let args = BuildArgs::from_arg_matches(&matches).unwrap();
        let options = Options::resolve(&args, &matches).unwrap();
        assert_eq!(
            [
                options.run_limits.memory,
                options.run.shm_size,
                options.run_limits.log,
                Some(options.trace.buffer_bytes.into()),
                i64::try_from(options.trace.memory_bytes).ok(),
            ],
            [Some(64 << 20); 5]
        );
        assert_eq!(options.limits.uncompressed, 64_000_000);
    }
}
