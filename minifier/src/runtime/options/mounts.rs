//! `--mount`, read as the Docker command line reads it.
//!
//! Source: docker/cli `opts/mount.go`.

use std::collections::BTreeMap;

use crate::units::{Memory, SizeError};

/// Why a mount option cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// Quotes that do not match.
    #[error("read mount {0:?}: a quoted field does not end")]
    Quote(String),
    /// Not `key=value`.
    #[error("read mount {mount:?}: {field:?} is not key=value")]
    NotAPair {
        /// The option as given.
        mount: String,
        /// The field between two commas.
        field: String,
    },
    /// A key that mounts of this type do not have.
    #[error("read mount {mount:?}: {key:?} does not exist, or not for mounts of this type")]
    Key {
        /// The option as given.
        mount: String,
        /// Key of the field, in lower case.
        key: String,
    },
    /// A value of the wrong kind.
    #[error("read mount {mount:?}: {key} cannot be {value:?}")]
    Value {
        /// The option as given.
        mount: String,
        /// Key of the field, in lower case.
        key: String,
        /// Value as given.
        value: String,
    },
    /// No target, or a relative one.
    #[error("read mount {0:?}: the target must be an absolute path in the container")]
    Target(String),
    /// A bind mount without a source.
    #[error("read mount {0:?}: a bind mount needs an absolute source")]
    Source(String),
    /// A bad `tmpfs-size`.
    #[error("read mount {mount:?}: {source}")]
    Size {
        /// The option as given.
        mount: String,
        /// The reason why it is no size.
        source: SizeError,
    },
}

/// A mount as `--mount` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path in the container.
    pub target: String,
    /// Whether writing is forbidden.
    pub read_only: bool,
    /// Bind, volume or tmpfs, with its own options.
    pub kind: MountKind,
}

/// The source of a [`Mount`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host.
    Bind {
        /// Absolute path on the host; it must exist.
        source: String,
        /// `private`, `rprivate`, `shared`, `rshared`, `slave` or `rslave`.
        propagation: Option<String>,
        /// Leave out mounts below the source.
        non_recursive: bool,
    },
    /// A volume of the daemon; anonymous without a name.
    Volume {
        /// Name of the volume.
        source: Option<String>,
        /// Do not fill a new volume from the image.
        no_copy: bool,
        /// Labels of a new volume.
        labels: BTreeMap<String, String>,
        /// Driver of a new volume.
        driver: Option<String>,
        /// Options for the driver.
        options: BTreeMap<String, String>,
    },
    /// A file system in memory.
    Tmpfs {
        /// Size in bytes; `None` for half of the memory, the default of the kernel.
        size: Option<i64>,
        /// Permission bits of its root; `None` for 1777.
        mode: Option<u32>,
    },
}

/// Reads one `--mount`: `type=bind|volume|tmpfs,source=…,target=…[,readonly][,…]`, fields quoted as in CSV.
pub fn parse_mount(text: &str) -> Result<Mount, MountError> {
    let fields = csv_fields(text).ok_or_else(|| MountError::Quote(text.to_owned()))?;
    // Docker's default type.
    let mut typ = String::from("volume");
    let (mut target, mut source, mut read_only) = (None, None, false);
    let mut rest = Vec::new();
    for field in fields {
        let (key, value) = field
            .split_once('=')
            .map_or((field.to_lowercase(), None), |(k, v)| {
                (k.to_lowercase(), Some(v.to_owned()))
            });
        match (key.as_str(), value) {
            ("readonly" | "ro", value) => read_only = flag(text, &key, value.as_deref())?,
            // Docker lets these flags stand without a value; all other keys need one.
            ("volume-nocopy" | "bind-nonrecursive", value) => rest.push((key, value)),
            (_, None) => {
                return Err(MountError::NotAPair {
                    mount: text.to_owned(),
                    field: key,
                });
            }
            ("type", Some(value)) => typ = value.to_lowercase(),
            ("target" | "dst" | "destination", Some(value)) => target = Some(value),
            ("source" | "src", Some(value)) => source = Some(value),
            // For Docker Desktop on macOS; it has no effect on Linux.
            ("consistency", Some(_)) => {}
            (_, value) => rest.push((key, value)),
        }
    }
    let target = absolute(target).ok_or_else(|| MountError::Target(text.to_owned()))?;
    let mut kind = match typ.as_str() {
        "bind" => MountKind::Bind {
            source: absolute(source).ok_or_else(|| MountError::Source(text.to_owned()))?,
            propagation: None,
            non_recursive: false,
        },
        "volume" => MountKind::Volume {
            source,
            no_copy: false,
            labels: BTreeMap::new(),
            driver: None,
            options: BTreeMap::new(),
        },
        "tmpfs" if source.is_none() => MountKind::Tmpfs {
            size: None,
            mode: None,
        },
        "tmpfs" => {
            return Err(MountError::Key {
                mount: text.to_owned(),
                key: "source".into(),
            });
        }
        _ => {
            return Err(MountError::Value {
                mount: text.to_owned(),
                key: "type".to_owned(),
                value: typ,
            });
        }
    };
    for (key, value) in rest {
        set(text, &mut kind, &key, value)?;
    }
    Ok(Mount {
        target,
        read_only,
        kind,
    })
}

/// Sets one key that belongs to one type of mount only.
fn set(
    mount: &str,
    kind: &mut MountKind,
    key: &str,
    value: Option<String>,
) -> Result<(), MountError> {
    let bad = |value: &str| MountError::Value {
        mount: mount.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    match (kind, key, value) {
        (MountKind::Bind { non_recursive, .. }, "bind-nonrecursive", value) => {
            *non_recursive = flag(mount, key, value.as_deref())?;
        }
        (MountKind::Bind { propagation, .. }, "bind-propagation", Some(value)) => {
            if !is_propagation(&value) {
                return Err(bad(&value));
            }
            *propagation = Some(value);
        }
        (MountKind::Volume { no_copy, .. }, "volume-nocopy", value) => {
            *no_copy = flag(mount, key, value.as_deref())?;
        }
        (MountKind::Volume { labels, .. }, "volume-label", Some(value)) => {
            // A label without a value is an empty one.
            let (name, text) = value.split_once('=').unwrap_or((&value, ""));
            labels.insert(name.to_owned(), text.to_owned());
        }
        (MountKind::Volume { driver, .. }, "volume-driver", Some(value)) => *driver = Some(value),
        (MountKind::Volume { options, .. }, "volume-opt", Some(value)) => {
            let (name, text) = value.split_once('=').unwrap_or((&value, ""));
            options.insert(name.to_owned(), text.to_owned());
        }
        (MountKind::Tmpfs { size, .. }, "tmpfs-size", Some(value)) => {
            let bytes: Memory = value.parse().map_err(|source| MountError::Size {
                mount: mount.to_owned(),
                source,
            })?;
            *size = Some(bytes.signed());
        }
        (MountKind::Tmpfs { mode, .. }, "tmpfs-mode", Some(value)) => {
            // Octal without a prefix, as for chmod.
            *mode = Some(u32::from_str_radix(&value, 8).map_err(|_| bad(&value))?);
        }
        _ => {
            return Err(MountError::Key {
                mount: mount.to_owned(),
                key: key.to_owned(),
            });
        }
    }
    Ok(())
}

pub(crate) fn is_propagation(text: &str) -> bool {
    matches!(
        text,
        "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave"
    )
}

pub(crate) fn absolute(path: Option<String>) -> Option<String> {
    path.filter(|path| path.starts_with('/'))
}

fn flag(mount: &str, key: &str, value: Option<&str>) -> Result<bool, MountError> {
    match value {
        None | Some("1" | "true") => Ok(true),
        Some("0" | "false") => Ok(false),
        Some(other) => Err(MountError::Value {
            mount: mount.to_owned(),
            key: key.to_owned(),
            value: other.to_owned(),
        }),
    }
}

/// Splits at commas; a field may stand in double quotes, with `""` for a quote.
fn csv_fields(text: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_mount_is_read_with_its_options() {
        let mount =
            parse_mount("type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave").unwrap();
        assert_eq!(
            mount,
            Mount {
                target: "/b".into(),
                read_only: true,
                kind: MountKind::Bind {
                    source: "/a".into(),
                    propagation: Some("rslave".into()),
                    non_recursive: false
                }
            }
        );
    }

    #[test]
    fn a_volume_is_the_default_type_and_fields_may_be_quoted() {
        let mount =
            parse_mount("source=v,target=/d,volume-nocopy,\"volume-opt=o=addr=1,rw\"").unwrap();
        let MountKind::Volume {
            source,
            no_copy,
            options,
            ..
        } = mount.kind
        else {
            panic!()
        };
        assert_eq!((source.as_deref(), no_copy), (Some("v"), true));
        assert_eq!(options["o"], "addr=1,rw");
    }

    #[test]
    fn a_tmpfs_has_size_and_mode() {
        let mount = parse_mount("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770").unwrap();
        assert_eq!(
            mount.kind,
            MountKind::Tmpfs {
                size: Some(1 << 20),
                mode: Some(0o1770)
            }
        );
    }

    #[test]
    fn bad_mounts_are_named() {
        for (text, message) in [
            (
                "type=bind,target=/b",
                "a bind mount needs an absolute source",
            ),
            (
                "type=bind,source=a,target=/b",
                "a bind mount needs an absolute source",
            ),
            (
                "type=volume,target=b",
                "the target must be an absolute path in the container",
            ),
            ("type=foo,target=/b", "type cannot be \"foo\""),
            (
                "type=tmpfs,target=/b,volume-nocopy",
                "\"volume-nocopy\" does not exist",
            ),
            (
                "type=tmpfs,target=/b,tmpfs-mode=9",
                "tmpfs-mode cannot be \"9\"",
            ),
            ("target=/b,nonsense", "\"nonsense\" is not key=value"),
            ("target=/b,readonly=maybe", "readonly cannot be \"maybe\""),
            ("\"target=/b", "a quoted field does not end"),
        ] {
            let error = parse_mount(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
