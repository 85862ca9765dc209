//! [`CredentialFiles`]: which files hold credentials.

use std::env;
use std::path::PathBuf;

/// The files that hold credentials, or say which program does; the first that knows a registry counts. Missing ones
/// are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFiles {
    pub(crate) files: Vec<PathBuf>,
}

impl CredentialFiles {
    /// These files, in this order.
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Where the environment says: `$REGISTRY_AUTH_FILE` and nothing else where it is set; otherwise
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
