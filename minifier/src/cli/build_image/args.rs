//! The options of `minify build`, in the groups of `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use regex::Regex;

use crate::cli::output::BuildOutput;
use crate::cli::storage::{self, StorageArgs};
use crate::evidence::Retain;
use crate::image::{Platform, TaggedName};
use crate::probe::{ContinueAfter, ExpectedStatus, parse_duration};
use crate::transport::Location;
use crate::units::Memory;

const EXAMPLES: &str = "\
Examples:
  A web service: crawled from `GET /` once it listens
      minify build --target app:latest --tag app:slim
  A job with arguments and a file
      minify build --target tool:latest --tag tool:slim \\
          --cmd 'convert /in/a.png' --volume \"$PWD:/in:ro\"
  Requests and commands that exercise everything the application can do
      minify build --target api:latest --tag api:slim \\
          --http-probe /health --http-probe POST:/login --http-probe-file probes.json \\
          --exec 'app migrate --check' --host-exec './smoke-test.sh http://127.0.0.1:8080'
  In CI: a machine-readable result, and a report to keep as an artefact
      minify build --target app:$SHA --tag app:$SHA-slim --output json --report minifier.json
  Without a daemon: from OCI layout to OCI layout, run by runc
      minify build --target oci:build:app --output oci:build:slim";

/// Make a smaller image that behaves the same
///
/// Runs the image under the probe, exercises it, and writes a new image with only the files that it needs. The report
/// gives a reason for every file that stays.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct BuildArgs {
    /// Image to make smaller: a name in the Docker daemon, or a location with its transport
    ///
    /// NAME or docker-daemon:NAME, docker-archive:FILE[:NAME], oci:DIR[:TAG], oci-archive:FILE[:TAG],
    /// docker://REGISTRY/REPO[:TAG|@DIGEST], containers-storage:NAME (Podman), or - for an archive on standard input
    #[arg(long, value_name = "IMAGE", value_parser = storage::source)]
    pub(crate) target: Location,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) probe: ProbeArgs,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) trace: TraceArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Result")]
pub(crate) struct OutputArgs {
    /// Name of the new image in the Docker daemon, and in outputs without a name of their own (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) tag: Vec<TaggedName>,

    /// Print `json` or `text` on stdout, or write the image to a location (repeatable)
    ///
    /// docker-daemon:NAME, docker-archive:FILE[:NAME], oci:DIR[:TAG], oci-archive:FILE[:TAG],
    /// docker://REGISTRY/REPO:TAG, containers-storage:NAME
    #[arg(long, value_name = "FORMAT|LOCATION")]
    pub(crate) output: Vec<BuildOutput>,

    /// Write the full report to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Show secrets in the environment, labels, commands and output instead of ********
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Keep the layers of the original, or merge them into one
    #[arg(long, value_enum, default_value_t = Layers::Preserve)]
    pub(crate) layers: Layers,

    /// Source of the layers: the daemon's own folders, or `docker save`
    #[arg(long, value_enum, default_value_t = ReadArg::Auto)]
    pub(crate) read: ReadArg,

    /// Creation time of the image and upper limit of file times, in seconds since 1970
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        hide_env_values = true
    )]
    pub(crate) source_date_epoch: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layers {
    /// Each original layer, filtered
    Preserve,
    /// All layers merged into one
    Flatten,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReadArg {
    /// Read in place if the daemon's folders are readable, otherwise stream
    Auto,
    /// Read in place, or fail
    InPlace,
    /// Stream from `docker save`
    Stream,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Running the image")]
pub(crate) struct RunArgs {
    /// Environment variable: NAME=VALUE, or NAME to copy it from this environment (repeatable)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// File of environment variables (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,

    /// User, or user and group: NAME|UID[:GROUP|GID]
    #[arg(short, long)]
    pub(crate) user: Option<String>,

    /// Entrypoint to use instead of the image's, split into words like a shell command
    #[arg(long, value_name = "COMMAND")]
    pub(crate) entrypoint: Option<String>,

    /// Command to use instead of the image's, split into words like a shell command
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub(crate) cmd: Option<String>,

    /// Working directory to use instead of the image's
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// Mount, as for `docker run`: type=bind,source=…,target=…[,readonly] (repeatable)
    #[arg(long, value_name = "MOUNT")]
    pub(crate) mount: Vec<String>,

    /// Volume, as for `docker run`: SOURCE:TARGET[:OPTIONS] (repeatable)
    #[arg(long, value_name = "VOLUME")]
    pub(crate) volume: Vec<String>,

    /// Runtime for the container: docker, runc, crun, youki, or the path of another OCI runtime
    ///
    /// By default, the Docker daemon runs its own images; other images run with the first of runc, crun and youki that
    /// is installed.
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) runtime: Option<RuntimeChoice>,

    /// Folder for unpacked layers, which later builds reuse [default: ~/.cache/minifier]
    #[arg(
        long,
        value_name = "DIR",
        env = "MINIFIER_CACHE_DIR",
        hide_env_values = true
    )]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Network: none or host; with Docker also bridge, container:NAME or a network's name; with an OCI runtime also the
    /// path of a namespace
    #[arg(long)]
    pub(crate) network: Option<String>,

    /// Memory limit of the container, such as 512m; 0 for no limit [default: three quarters of this host's memory]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Memory>,

    /// Maximum number of processes and threads in the container; 0 for no limit [default: 4096]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) pids_limit: Option<i64>,

    /// Maximum size of the container's log in the Docker daemon, such as 64m; 0 for no limit [default: 16m]
    #[arg(long, value_name = "SIZE")]
    pub(crate) log_size: Option<Memory>,

    /// Time limit for the whole build, from reading the image to writing the new one
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Entry for /etc/hosts: NAME:ADDRESS (repeatable)
    #[arg(long, value_name = "NAME:ADDRESS")]
    pub(crate) add_host: Vec<String>,

    /// Read-only root file system
    #[arg(long)]
    pub(crate) read_only: bool,

    /// Temporary file system: PATH[:OPTIONS] (repeatable)
    #[arg(long, value_name = "PATH")]
    pub(crate) tmpfs: Vec<String>,

    /// Size of /dev/shm, such as 64m
    #[arg(long, value_name = "SIZE")]
    pub(crate) shm_size: Option<Memory>,

    /// Platform of the image: OS/ARCH[/VARIANT]
    #[arg(long)]
    pub(crate) platform: Option<Platform>,

    /// Show the container's output as it runs, on stderr
    #[arg(long)]
    pub(crate) show_logs: bool,
}

/// The engine that runs the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuntimeChoice {
    Docker,
    /// An OCI runtime, by name or path.
    Oci(String),
}

impl std::str::FromStr for RuntimeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected docker, runc, crun, youki or a path".into()),
            "docker" => Ok(Self::Docker),
            name => Ok(Self::Oci(name.to_owned())),
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Driving the workload")]
pub(crate) struct ProbeArgs {
    /// Request to send: [METHOD:]PATH (repeatable) [default: GET / and a bounded crawl]
    ///
    /// By default, each port that speaks HTTP gets GET /, then the requests that any site gets, whose answers do not
    /// matter: HEAD /, GET / with compression, a page that does not exist, /favicon.ico, /robots.txt, and the GET
    /// routes of an OpenAPI document (/openapi.json, /swagger.json, /v3/api-docs and the like). Then links and assets
    /// are followed.
    #[arg(long, value_name = "[METHOD:]PATH")]
    pub(crate) http_probe: Vec<String>,

    /// Header for the requests: 'NAME: VALUE' (repeatable)
    #[arg(long, value_name = "HEADER", requires = "http_probe")]
    pub(crate) http_probe_header: Vec<String>,

    /// Body for the requests
    #[arg(long, value_name = "BODY", requires = "http_probe")]
    pub(crate) http_probe_body: Option<String>,

    /// Expected status: 200, 2xx, 200-299 or 200,404 [default: below 500]
    #[arg(long, value_name = "STATUS", requires = "http_probe")]
    pub(crate) http_probe_expect: Option<ExpectedStatus>,

    /// Port to send the requests to (repeatable) [default: every port that speaks HTTP]
    #[arg(long, value_name = "PORT")]
    pub(crate) http_probe_port: Vec<u16>,

    /// JSON file of requests: [{"method", "path", "headers", "body", "expect", "port", "scheme"}, …] (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) http_probe_file: Vec<PathBuf>,

    /// Crawl from GET / even if requests are given
    #[arg(long)]
    pub(crate) crawl: bool,

    /// Send no HTTP requests
    #[arg(long, conflicts_with_all = ["http_probe", "http_probe_file", "crawl"])]
    pub(crate) no_http_probe: bool,

    /// Command to run inside the container; it is split into words like a shell command but runs without a shell
    /// (repeatable)
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub(crate) exec: Vec<String>,

    /// Command to run on this host, in the network of the container; runs in order with --exec (repeatable)
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    pub(crate) host_exec: Vec<String>,

    /// Consider the workload ready once a line of its output matches
    #[arg(long, value_name = "REGEX")]
    pub(crate) wait_for_log: Option<Regex>,

    /// Time limit for the workload to become ready
    ///
    /// A workload that does not listen on a socket and is idle for 8 s counts as a worker even before this limit: with
    /// --exec or --host-exec it is ready, without them the build fails. This does not apply if the option is given, or if the
    /// image declares a port or a health check.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub(crate) ready_timeout: Duration,

    /// End of the run: probe, exit, enter, signal (SIGUSR1) or a duration such as 30s
    ///
    /// For workers that do not listen on a socket (cron, a queue consumer), give a duration in which they do their
    /// work. To exercise the container by hand, use enter.
    #[arg(long, value_name = "EVENT", default_value = "probe")]
    pub(crate) continue_after: ContinueAfter,

    /// Time limit for each --exec and --host-exec
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = parse_duration)]
    pub(crate) exec_timeout: Duration,

    /// Time limit for the workload to stop [default: the image's own, otherwise 10s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) stop_timeout: Option<Duration>,

    /// Expected exit code of a workload that ends by itself
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    pub(crate) expect_exit: i64,

    /// Continue if a probe fails
    #[arg(long)]
    pub(crate) ignore_probe_failures: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping files")]
pub(crate) struct KeepArgs {
    /// How much to keep of the files that the workload did not use: traced or likely
    ///
    /// `traced` keeps the files that the workload used and their dependencies. `likely` also keeps files that the
    /// program may need according to the image itself (imports in source, programs named in scripts, paths named in
    /// configuration, plug-ins, files that no package owns), if they are small enough. Larger groups of files are
    /// listed with their size.
    #[arg(long, value_name = "LEVEL", default_value = "traced")]
    pub(crate) retain: Retain,

    /// Turn a rule of evidence on or off, such as python=off (repeatable)
    #[arg(long, value_name = "RULE=STATE")]
    pub(crate) evidence: Vec<String>,

    /// Group of files to keep whatever its size; the summary and the report list the IDs of those left out (repeatable)
    #[arg(long, value_name = "ID")]
    pub(crate) include_evidence: Vec<String>,

    /// Path or glob to keep; directories are kept with their contents (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub(crate) include_path: Vec<String>,

    /// File of paths and globs to keep, one per line (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) include_path_file: Vec<PathBuf>,

    /// Program to keep with its dependencies: a path, or a name on the image's PATH (repeatable)
    ///
    /// Dependencies are libraries, the interpreter of a script, and the standard library of an interpreter (Python,
    /// Perl, Ruby, Node.js, Java, PHP, Tcl). To keep packages that were installed for an interpreter, use
    /// --include-path.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) include_bin: Vec<String>,

    /// File of programs to keep, one per line (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) include_bin_file: Vec<PathBuf>,

    /// Keep a shell and a few basic commands
    #[arg(long)]
    pub(crate) include_shell: bool,

    /// Glob to remove even if something else would keep it; `**` crosses directories (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// File of globs to remove, one per line (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_file: Vec<PathBuf>,

    /// Keep everything in the working directory
    #[arg(long)]
    pub(crate) include_workdir: bool,

    /// Keep all CA certificates
    #[arg(long)]
    pub(crate) include_certs: bool,

    /// Keep the time zone database
    #[arg(long)]
    pub(crate) include_zoneinfo: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Tracing")]
pub(crate) struct TraceArgs {
    /// Size of the buffer between the kernel and minify, in powers of 1024
    #[arg(long, value_name = "SIZE", default_value = "8MiB")]
    pub(crate) trace_buffer: Memory,

    /// Memory limit of the trace, in powers of 1024; a trace that exceeds it is incomplete
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub(crate) trace_memory: Memory,

    /// Build even if the trace may be incomplete
    #[arg(long)]
    pub(crate) allow_incomplete_trace: bool,

    /// BTF file of the running kernel
    #[arg(
        long,
        value_name = "FILE",
        env = "MINIFIER_BTF",
        default_value = "/sys/kernel/btf/vmlinux"
    )]
    #[arg(hide_short_help = true)]
    pub(crate) btf: PathBuf,
}
