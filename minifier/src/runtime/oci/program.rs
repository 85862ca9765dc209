//! [`OciRuntime`]: the program that runs containers, its version, and the errors in its log.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::thread::{CapabilitySet, capabilities};

use crate::runtime::error::RuntimeError;
use crate::runtime::options::RunLimits;

/// The order in which they are looked for.
const KNOWN: [&str; 3] = ["runc", "crun", "youki"];

/// An OCI runtime of this host: runc, crun, youki, or another with the same command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciRuntime {
    pub(crate) program: PathBuf,
    version: String,
    pub(crate) limits: RunLimits,
}

impl OciRuntime {
    /// Finds a runtime: the one of that name or path, or the first of runc, crun and youki on the path.
    pub fn find(name: Option<&str>) -> Result<Self, RuntimeError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let program = match name {
            None => return first_of(KNOWN.iter().filter_map(|known| on_path(known, &folders))),
            Some(name) if name.contains('/') => std::path::absolute(name)
                .map_err(|error| RuntimeError::NoRuntime(format!("{name}: {error}")))?,
            Some(name) => on_path(name, &folders)
                .ok_or_else(|| RuntimeError::NoRuntime(format!("{name} is not on the PATH")))?,
        };
        Self::at(program)
    }

    fn at(program: PathBuf) -> Result<Self, RuntimeError> {
        let version = version(&program)?;
        Ok(Self {
            program,
            version,
            limits: RunLimits::default(),
        })
    }

    /// The same runtime, with `limits` on what each container may use.
    #[must_use]
    pub fn with_limits(mut self, limits: RunLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Absolute path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its name and version as it reports them, such as `runc version 1.1.5`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program's file name.
    pub(crate) fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The first program that works. One that is installed but broken is reported and skipped.
fn first_of(programs: impl Iterator<Item = PathBuf>) -> Result<OciRuntime, RuntimeError> {
    let mut broken = Vec::new();
    for program in programs {
        match OciRuntime::at(program) {
            Ok(runtime) => {
                for error in broken {
                    tracing::warn!("{error}: {} is used", runtime.program.display());
                }
                return Ok(runtime);
            }
            Err(error) => broken.push(error),
        }
    }
    Err(broken.into_iter().next().unwrap_or_else(|| {
        RuntimeError::NoRuntime("none of runc, crun and youki is on the PATH".to_owned())
    }))
}

fn on_path(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    folders.iter().map(|folder| folder.join(name)).find(|path| {
        path.is_absolute()
            && path
                .metadata()
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

fn version(program: &Path) -> Result<String, RuntimeError> {
    let failed = |reason: String| {
        RuntimeError::BrokenRuntime(format!("{} --version: {reason}", program.display()))
    };
    let output = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next().map(str::trim) {
        Some(line) if output.status.success() && !line.is_empty() => Ok(line.to_owned()),
        _ => Err(failed(format!(
            "it ended with {} and reported no version",
            output.status
        ))),
    }
}

/// The last error in a runtime's log, which has one JSON object on each line.
pub(crate) fn said(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    let messages = text.lines().rev().filter_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_error = line["level"]
            .as_str()
            // The runtimes differ: the level may be missing, or in capitals.
            .is_none_or(|level| level.eq_ignore_ascii_case("error"));
        let message = line["msg"].as_str().filter(|_| is_error)?;
        Some(message.to_owned())
    });
    messages.into_iter().next()
}

/// Checks the capabilities that unpacking and running an image takes. Otherwise it would fail half-way, with a bare EPERM.
pub(crate) fn check_privileges() -> Result<(), RuntimeError> {
    let needed = [
        (
            CapabilitySet::SYS_ADMIN,
            "CAP_SYS_ADMIN (mounts and namespaces)",
        ),
        (CapabilitySet::CHOWN, "CAP_CHOWN (owners of files)"),
        (
            CapabilitySet::DAC_OVERRIDE,
            "CAP_DAC_OVERRIDE (files of other users)",
        ),
        (
            CapabilitySet::FOWNER,
            "CAP_FOWNER (modes of files of other users)",
        ),
        (
            CapabilitySet::FSETID,
            "CAP_FSETID (set-group-ID files of other users)",
        ),
        (CapabilitySet::KILL, "CAP_KILL (processes of other users)"),
        (CapabilitySet::MKNOD, "CAP_MKNOD (whiteouts and devices)"),
        (
            CapabilitySet::NET_ADMIN,
            "CAP_NET_ADMIN (the container's network)",
        ),
        (CapabilitySet::SETGID, "CAP_SETGID (the image's user)"),
        (CapabilitySet::SETUID, "CAP_SETUID (the image's user)"),
        (
            CapabilitySet::SETFCAP,
            "CAP_SETFCAP (capabilities of files)",
        ),
        (
            CapabilitySet::SYS_PTRACE,
            "CAP_SYS_PTRACE (looking into the container)",
        ),
    ];
    let has = capabilities(None)
        .map(|sets| sets.effective)
        .unwrap_or(CapabilitySet::empty());
    match needed
        .iter()
        .find(|(capability, _)| !has.contains(*capability))
    {
        None => Ok(()),
        Some((_, name)) => Err(RuntimeError::Privilege(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_is_not_there_is_named() {
        for (name, message) in [
            ("norunc", "find an OCI runtime: norunc is not on the PATH"),
            (
                "/no/runc",
                "use an OCI runtime: /no/runc --version: No such file or directory (os error 2)",
            ),
            (
                "/bin/false",
                "use an OCI runtime: /bin/false --version: it ended with exit status: 1 and reported no version",
            ),
        ] {
            let error = OciRuntime::find(Some(name)).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
        }
    }
}
