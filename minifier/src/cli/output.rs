//! `--output`: the form of the result on stdout, or a place to write the image to; and writing results to files.

use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::transport::{Location, Place};

/// One value of `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildOutput {
    /// `text`: the summary for people (default).
    Text,
    /// `json`: the whole report on stdout.
    Json,
    /// A place for the image.
    Image(Location),
}

impl FromStr for BuildOutput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => return Ok(Self::Text),
            "json" => return Ok(Self::Json),
            _ => {}
        }
        let location: Location = text.parse().map_err(|e| format!("{e}"))?;
        match location.place() {
            Place::Plain(name) => Err(format!(
                "expected `text`, `json` or a place with its transport; for the Docker daemon write \
                 docker-daemon:{name} or --tag {name}"
            )),
            Place::Stdio => Err(
                "the summary goes to standard output; write the image to docker-archive:/dev/stdout with --quiet".into(),
            ),
            _ => Ok(Self::Image(location)),
        }
    }
}

/// Writes a file whole: beside its place, then renamed, so that nobody can read half of it.
pub(crate) fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    // A pipe or `/dev/stdout` would be replaced by a file that its reader never sees.
    if file.metadata().is_ok_and(|meta| !meta.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(file)?
            .write_all(text.as_bytes());
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_forms_or_places() {
        assert_eq!("json".parse(), Ok(BuildOutput::Json));
        let archive: BuildOutput = "docker-archive:out.tar:app:slim".parse().unwrap();
        let BuildOutput::Image(location) = archive else {
            panic!("{archive:?}")
        };
        assert_eq!(location.as_str(), "docker-archive:out.tar:app:slim");
        for (text, what) in [
            ("out", "--tag out"),
            ("oci-archive::x", "oci-archive"),
            ("-", "standard output"),
        ] {
            let error = text.parse::<BuildOutput>().unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
