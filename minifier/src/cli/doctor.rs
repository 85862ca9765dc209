//! `minify doctor`: can this host trace, does a container engine answer, and what to do where not.

use std::path::PathBuf;

use clap::Args;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::error::CliError;
use super::exit::Exit;
use super::printer::Printer;
use crate::report::{plain, plain_json};
use crate::runtime::{OciRuntime, RuntimeError, known_holes};
use crate::tasks::joined;
use crate::trace::features::{self, Check, Status};
use crate::transport::Daemon;

/// Check whether this host can run minify
///
/// Looks at the kernel, its BTF, the capabilities of this process, control groups, the Docker daemon and the OCI
/// runtime,
/// says how to get what is missing, and warns about versions of runc, crun and youki with known vulnerabilities. The
/// exit code is 0 if `minify build` can work, and 4 or 7 if it cannot.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,

    /// BTF file of the running kernel
    #[arg(
        long,
        value_name = "FILE",
        env = "MINIFIER_BTF",
        default_value = "/sys/kernel/btf/vmlinux",
        hide_env_values = true
    )]
    btf: PathBuf,
}

pub(crate) async fn exec(
    args: &DoctorArgs,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Exit, CliError> {
    let btf = args.btf.clone();
    // All of them ask somebody else who may not answer: nobody is waited for after a signal.
    let checking = async {
        tokio::join!(
            joined(spawn_blocking(move || features::host_checks(&btf))),
            engine_checks(),
            joined(spawn_blocking(|| OciRuntime::find(None))),
        )
    };
    let (mut checks, mut engines, runtime) = cancel
        .run_until_cancelled(checking)
        .await
        .ok_or_else(CliError::interrupted)?;
    let can_trace = passed(&checks);
    engines.push(runtime_check(&runtime));
    let has_engine = one_passed(&mut engines);
    checks.extend(engines);
    let runtime = runtime.ok();
    let runtime = runtime.as_ref().map(OciRuntime::version);
    checks.extend(runtime.and_then(|says| holes("oci runtime security", says)));
    let text = if args.json {
        let json = serde_json::json!({ "schema_version": 1, "checks": checks });
        plain_json(format!("{json:#}\n"))
    } else {
        render(&checks)
    };
    printer
        .result(&text)
        .map_err(|e| CliError::new(Exit::OutputFailed, e))?;
    Ok(match (can_trace, has_engine) {
        (true, true) => Exit::Success,
        (false, _) => Exit::CannotTrace,
        (true, false) => Exit::EngineUnavailable,
    })
}

/// One engine is enough: if there is one, another that is missing is only worth a warning.
fn one_passed(engines: &mut [Check]) -> bool {
    let any = engines.iter().any(|check| check.status == Status::Ok);
    for check in engines {
        if any && check.status == Status::Fail {
            check.status = Status::Warn;
        }
    }
    any
}

/// The first OCI runtime on the path.
fn runtime_check(found: &Result<OciRuntime, RuntimeError>) -> Check {
    let (status, detail, hint) = match found {
        Ok(runtime) => (
            Status::Ok,
            format!("{} at {}", runtime.version(), runtime.program().display()),
            None,
        ),
        Err(error) => (
            Status::Fail,
            error.to_string(),
            error.hint().map(str::to_owned),
        ),
    };
    Check {
        name: "oci runtime".into(),
        status,
        detail,
        hint,
    }
}

/// A warning, if a runtime is of a version that images can use against the host.
fn holes(name: &str, says: &str) -> Option<Check> {
    let known = known_holes(says);
    (!known.is_empty()).then(|| Check {
        name: name.into(),
        status: Status::Warn,
        detail: format!("{says} has {}", known.join(", ")),
        hint: Some(
            "update the runtime, unless its package already has the fixes: images and containers can use these \
             vulnerabilities to write to the host's files (minify refuses such images if it recognises them)"
                .into(),
        ),
    })
}

fn passed(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Fail)
}

fn render(checks: &[Check]) -> String {
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let mark = match check.status {
            Status::Ok => "ok",
            Status::Warn => "warning",
            Status::Fail => "MISSING",
        };
        out.push_str(&format!(
            "{mark:<8} {:<width$}  {}\n",
            check.name,
            plain(&check.detail)
        ));
        if let Some(hint) = &check.hint {
            let hint = plain(hint);
            out.push_str(&format!("{:<8} {:<width$}  hint: {hint}\n", "", ""));
        }
    }
    out
}

async fn engine_checks() -> Vec<Check> {
    let check = |name: &str, status, detail: String, hint: Option<String>| Check {
        name: name.into(),
        status,
        detail,
        hint,
    };
    let daemon = match Daemon::connect().await {
        Ok(daemon) => daemon,
        Err(e) => return vec![check("docker", Status::Fail, e.to_string(), e.hint())],
    };
    let info = daemon.info();
    let layers = match daemon.in_place_obstacle() {
        None => check(
            "docker layers",
            Status::Ok,
            format!(
                "{} below {}, read in place",
                info.storage_driver,
                info.root_dir.display()
            ),
            None,
        ),
        Some(why) => check(
            "docker layers",
            Status::Warn,
            format!("not readable in place: {why}"),
            Some("make the folders readable to speed up builds; until then, images are streamed from `docker \
                save`".into()),
        ),
    };
    let runc = info.runc_version.as_ref();
    let runc =
        runc.and_then(|version| holes("docker runc security", &format!("runc version {version}")));
    let mut checks = vec![
        check(
            "docker",
            Status::Ok,
            format!("{} answers at {}", info.server_version, daemon.endpoint()),
            None,
        ),
        check(
            "docker api",
            Status::Ok,
            format!("version {}", info.api_version),
            None,
        ),
        check(
            "docker cgroups",
            Status::Ok,
            format!(
                "version {}, driver {}",
                info.cgroup_version, info.cgroup_driver
            ),
            None,
        ),
        layers,
    ];
    checks.extend(runc);
    checks
}
