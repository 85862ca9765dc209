//! `--output`: the form of the result on stdout, or a file to write the image to.

use std::path::PathBuf;
use std::str::FromStr;

use crate::image::TaggedName;

/// One value of `--output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// `text`: the summary for people (default).
    Text,
    /// `json`: the whole report on stdout.
    Json,
    /// `docker-archive:FILE[:REF]` or `oci-archive:FILE[:TAG]`: one file that is both.
    Archive {
        /// The file.
        file: PathBuf,
        /// The name that the image gets in it; the tags where there is none.
        name: Option<TaggedName>,
    },
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => return Ok(Self::Text),
            "json" => return Ok(Self::Json),
            _ => {}
        }
        let archive = text
            .strip_prefix("docker-archive:")
            .or_else(|| text.strip_prefix("oci-archive:"))
            .ok_or(
                "expected `text`, `json`, `docker-archive:FILE[:REF]` or `oci-archive:FILE[:TAG]`",
            )?;
        let (file, name) = match archive.split_once(':') {
            Some((file, name)) => (file, Some(name.parse().map_err(|e| format!("{e}"))?)),
            None => (archive, None),
        };
        if file.is_empty() {
            return Err("the name of the file is empty".into());
        }
        Ok(Self::Archive {
            file: file.into(),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_forms_or_archives() {
        assert_eq!("json".parse(), Ok(Output::Json));
        assert_eq!(
            "docker-archive:out.tar:app:slim".parse(),
            Ok(Output::Archive {
                file: "out.tar".into(),
                name: "app:slim".parse().ok()
            })
        );
        assert!("out.tar".parse::<Output>().is_err());
        assert!("oci-archive::x".parse::<Output>().is_err());
    }
}
