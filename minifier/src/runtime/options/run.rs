//! [`RunOptions`]: the options of `docker run` that change how an image is run. The rest comes from its config.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::mounts::{Mount, MountKind};
use super::volumes::{Tmpfs, Volume};

/// Why an option of `run` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// Quotes that do not match.
    #[error("split the command {0:?} into words: a quote does not end")]
    Words(String),
    /// Nothing to run.
    #[error("read command {0:?}: it is empty")]
    EmptyCommand(String),
    /// Not a name and an address.
    #[error("read host {0:?}: expected NAME:IP or NAME:host-gateway")]
    Host(String),
    /// Not `key=value`.
    #[error("read sysctl {0:?}: expected KEY=VALUE")]
    Sysctl(String),
}

/// How to run an image; the default runs it as its config says.
///
/// There is no way to ask for a privileged container: the image under test gets what it would get in production.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// `NAME=value`, or `NAME` alone to remove a variable of the image; later ones win. Those of files come first.
    pub env: Vec<String>,
    /// In place of the image's `USER`.
    pub user: Option<String>,
    /// In place of the image's `ENTRYPOINT`; the image's `CMD` is then ignored too, as with Docker. Empty: no entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// In place of the image's `CMD`.
    pub cmd: Option<Vec<String>>,
    /// In place of the image's `WORKDIR`.
    pub workdir: Option<String>,
    /// Host name; the daemon chooses one by default.
    pub hostname: Option<String>,
    /// Mounts of `--mount`.
    pub mounts: Vec<Mount>,
    /// Volumes and bind mounts of `--volume`.
    pub volumes: Vec<Volume>,
    /// File systems in memory, of `--tmpfs`.
    pub tmpfs: Vec<Tmpfs>,
    /// `bridge`, `none`, `host`, `container:NAME` or the name of a network; the daemon's default without.
    pub network: Option<String>,
    /// `NAME:IP`, as [`parse_add_host`] gives them.
    pub add_host: Vec<String>,
    /// Kernel parameters of the container's namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Mount the root file system read-only.
    pub read_only: bool,
    /// Size of /dev/shm in bytes; 64 MiB by default.
    pub shm_size: Option<i64>,
    /// Capabilities to add, such as `NET_ADMIN`.
    pub cap_add: Vec<String>,
    /// Capabilities to drop; `ALL` drops those that Docker gives by default.
    pub cap_drop: Vec<String>,
    /// `os/architecture[/variant]`, if the daemon has the image for several platforms.
    pub platform: Option<String>,
    /// Parent cgroup; the container becomes a child of it. For the tracer.
    pub cgroup_parent: Option<String>,
}

impl RunOptions {
    /// Names of the volumes that these options mount.
    pub(crate) fn volume_names(&self) -> impl Iterator<Item = &str> {
        let mounts = self.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Volume { source, .. } => source.as_deref(),
            MountKind::Bind { .. } | MountKind::Tmpfs { .. } => None,
        });
        let volumes = self.volumes.iter().filter_map(|volume| match volume {
            Volume::Anonymous(_) => None,
            Volume::Bind(text) => Some(Volume::fields(text).0),
        });
        mounts.chain(volumes.filter(|source| !source.starts_with('/')))
    }
}

/// Reads a command line: a JSON array of strings, or words as a shell would split them (no shell runs).
pub fn parse_command(text: &str) -> Result<Vec<String>, OptionError> {
    // A JSON array is how a Dockerfile writes words that contain blanks; anything else is a line for a shell.
    let words = match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => words,
        Err(_) => shell_words::split(text).map_err(|_| OptionError::Words(text.to_owned()))?,
    };
    if words.is_empty() {
        Err(OptionError::EmptyCommand(text.to_owned()))
    } else {
        Ok(words)
    }
}

/// Reads one `--add-host`: `NAME:IP` or `NAME=IP`, an IPv6 address with or without brackets, or `host-gateway`.
pub fn parse_add_host(text: &str) -> Result<String, OptionError> {
    let error = || OptionError::Host(text.to_owned());
    // At the first separator of either kind: an IPv6 address contains colons.
    let (name, address) = text.split_once([':', '=']).ok_or_else(error)?;
    let bare = address
        .strip_prefix('[')
        .and_then(|a| a.strip_suffix(']'))
        .unwrap_or(address);
    if name.is_empty() || (bare != "host-gateway" && bare.parse::<IpAddr>().is_err()) {
        return Err(error());
    }
    Ok(format!("{name}:{bare}"))
}

/// Reads one `--sysctl`: `KEY=VALUE`.
pub fn parse_sysctl(text: &str) -> Result<(String, String), OptionError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(OptionError::Sysctl(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words_or_json() {
        assert_eq!(
            parse_command("echo 'a b' \"c\"").unwrap(),
            ["echo", "a b", "c"]
        );
        assert_eq!(
            parse_command(r#"["echo", "a b"]"#).unwrap(),
            ["echo", "a b"]
        );
        assert_eq!(parse_command("[ -f /x ]").unwrap(), ["[", "-f", "/x", "]"]);
        assert_eq!(
            parse_command("echo 'a"),
            Err(OptionError::Words("echo 'a".into()))
        );
        assert_eq!(
            parse_command("[]"),
            Err(OptionError::EmptyCommand("[]".into()))
        );
        assert_eq!(
            parse_command("  "),
            Err(OptionError::EmptyCommand("  ".into()))
        );
    }

    #[test]
    fn hosts_have_an_address() {
        assert_eq!(parse_add_host("db:10.0.0.1").unwrap(), "db:10.0.0.1");
        assert_eq!(parse_add_host("db=[::1]").unwrap(), "db:::1");
        assert_eq!(parse_add_host("db:fe80::1").unwrap(), "db:fe80::1");
        assert_eq!(parse_add_host("h:host-gateway").unwrap(), "h:host-gateway");
        for text in ["db", "db:", ":1.2.3.4", "db:nowhere", "db:1.2.3"] {
            assert!(parse_add_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sysctls_are_pairs() {
        assert_eq!(
            parse_sysctl("a.b=0=1").unwrap(),
            ("a.b".to_owned(), "0=1".to_owned())
        );
        assert!(parse_sysctl("a.b").is_err() && parse_sysctl("=1").is_err());
    }
}
