//! `--volume` and `--tmpfs`, read as the Docker command line reads them.
//!
//! Source: Docker's `volume/mounts/linux_parser.go`.

use std::path::{Component, Path};

use super::mounts::{MountError, absolute, is_propagation};

/// A mount as `--volume` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volume {
    /// `-v /path`: an anonymous volume at that path.
    Anonymous(String),
    /// `-v source:target[:options]`, in the form that the API takes.
    Bind(String),
}

impl Volume {
    /// Source, target and options of the text of [`Self::Bind`].
    pub(crate) fn fields(text: &str) -> (&str, &str, &str) {
        let mut fields = text.splitn(3, ':');
        let mut next = || fields.next().unwrap_or_default();
        (next(), next(), next())
    }
}

/// A file system in memory as `--tmpfs` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmpfs {
    /// Absolute path in the container.
    pub target: String,
    /// Mount options such as `size=64m,mode=1777`; may be empty.
    pub options: String,
}

/// Reads one `--volume`: `target`, or `source:target[:options]`. A source that starts with `.` is relative to
/// `directory`.
pub fn parse_volume(text: &str, directory: &Path) -> Result<Volume, MountError> {
    let fields: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match fields[..] {
        [target] => {
            return absolute(Some(target.to_owned()))
                .map(Volume::Anonymous)
                .ok_or_else(|| MountError::Target(text.to_owned()));
        }
        [source, target] => (source, target, None),
        [source, target, options] => (source, target, Some(options)),
        // A path with a colon cannot be written in this form; `--mount` can.
        _ => return Err(MountError::Target(text.to_owned())),
    };
    if source.is_empty() {
        return Err(MountError::Source(text.to_owned()));
    }
    if absolute(Some(target.to_owned())).is_none() {
        return Err(MountError::Target(text.to_owned()));
    }
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let known = matches!(
            option,
            "ro" | "rw" | "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated"
        );
        if !known && !is_propagation(option) {
            return Err(MountError::Value {
                mount: text.to_owned(),
                key: "the option".to_owned(),
                value: option.to_owned(),
            });
        }
    }
    // Only the client knows the working directory: the API takes absolute paths and names.
    let source = if source.starts_with('.') {
        lexical(&directory.join(source)).ok_or_else(|| MountError::Source(text.to_owned()))?
    } else {
        source.to_owned()
    };
    let options = options
        .map(|options| format!(":{options}"))
        .unwrap_or_default();
    Ok(Volume::Bind(format!("{source}:{target}{options}")))
}

/// Reads one `--tmpfs`: `target[:options]`.
pub fn parse_tmpfs(text: &str) -> Result<Tmpfs, MountError> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let target =
        absolute(Some(target.to_owned())).ok_or_else(|| MountError::Target(text.to_owned()))?;
    Ok(Tmpfs {
        target,
        options: options.to_owned(),
    })
}

/// An absolute path without `.` and `..`; `None` if it is not UTF-8, which the API cannot carry.
fn lexical(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            // By the text alone, as Docker's client does it: `link/..` is the folder of the link.
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Some(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_anonymous_named_or_of_the_host() {
        let read = |text| parse_volume(text, Path::new("/home/me"));
        assert_eq!(read("/data"), Ok(Volume::Anonymous("/data".into())));
        assert_eq!(read("v:/data:ro"), Ok(Volume::Bind("v:/data:ro".into())));
        assert_eq!(
            read("./x/../y:/d"),
            Ok(Volume::Bind("/home/me/y:/d".into()))
        );
        assert_eq!(
            read("/a:/d:ro,rslave"),
            Ok(Volume::Bind("/a:/d:ro,rslave".into()))
        );
        for text in ["data", ":/d", "/a:d", "/a:/d:rx", "/a:/d:ro:z", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tmpfs_options_are_kept() {
        let tmpfs = parse_tmpfs("/run:size=64m,mode=755").unwrap();
        assert_eq!(
            (tmpfs.target.as_str(), tmpfs.options.as_str()),
            ("/run", "size=64m,mode=755")
        );
        assert_eq!(parse_tmpfs("/run").unwrap().options, "");
        assert!(parse_tmpfs("run").is_err());
    }
}
