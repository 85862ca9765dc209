//! [`CredentialFiles`]: the files that may hold credentials.

use std::env;
use std::path::PathBuf;

/// Files that hold credentials, or name the program that does. The first one that has some for a registry counts;
/// missing files are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFiles {
    pub(crate) files: Vec<PathBuf>,
}

impl CredentialFiles {
    /// These files, in this order.
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// The files that the environment names: `$REGISTRY_AUTH_FILE` alone if it is set; otherwise
    /// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, then `$XDG_RUNTIME_DIR/containers/auth.json` and
    /// `~/.config/containers/auth.json`.
    pub fn from_env() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let path = |name| variable(name).map(PathBuf::from);
        if let Some(file) = path("REGISTRY_AUTH_FILE") {
            return Self::new(vec![file]);
        }
        let home = path("HOME");
        let in_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
        let config = path("XDG_CONFIG_HOME").or_else(|| in_home(".config"));
        let files = [
            path("DOCKER_CONFIG")
                .or_else(|| in_home(".docker"))
                .map(|folder| folder.join("config.json")),
            path("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            config.map(|folder| folder.join("containers/auth.json")),
        ];
        Self::new(files.into_iter().flatten().collect())
    }
}
