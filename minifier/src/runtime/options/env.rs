//! `--env` and `--env-file`, read as the Docker command line reads them.
//!
//! Source: docker/cli `opts/file.go` and `opts/env.go`.

use std::path::PathBuf;

/// Why an environment option cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvError {
    /// No name before the `=`.
    #[error("read environment variable {0:?}: the name is empty")]
    EmptyName(String),
    /// A blank inside a name in a file.
    #[error("read {}: line {line}: variable {name:?} contains whitespace", path.display())]
    Whitespace {
        /// Path of the `--env-file`.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The name as written.
        name: String,
    },
    /// A line of a file that starts with `=`.
    #[error("read {}: line {line} has no variable name", path.display())]
    NoName {
        /// Path of the `--env-file`.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A file that is not UTF-8.
    #[error("read {}: line {line} is not UTF-8", path.display())]
    Encoding {
        /// Path of the `--env-file`.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Path of the `--env-file`.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

/// The variables of `--env-file` and `--env`: files first, then single variables, each in the order given. A name without
/// a value takes it from this process.
pub fn load_env(files: &[PathBuf], variables: &[String]) -> Result<Vec<String>, EnvError> {
    let host = |name: &str| std::env::var(name).ok();
    let mut env = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).map_err(|source| EnvError::Read {
            path: path.clone(),
            source,
        })?;
        env.extend(parse_env_file(path, &bytes, host)?);
    }
    for variable in variables {
        env.push(parse_env(variable, host)?);
    }
    Ok(env)
}

/// Reads one `--env`: `NAME=value`, or `NAME` alone, which takes the value from `host`.
///
/// A name alone that `host` does not know stays a name alone: Docker then removes the variable of the image.
pub fn parse_env(text: &str, host: impl Fn(&str) -> Option<String>) -> Result<String, EnvError> {
    match text.split_once('=') {
        Some(("", _)) => Err(EnvError::EmptyName(text.to_owned())),
        None if text.is_empty() => Err(EnvError::EmptyName(text.to_owned())),
        Some(_) => Ok(text.to_owned()),
        None => Ok(host(text).map_or_else(|| text.to_owned(), |value| format!("{text}={value}"))),
    }
}

/// Reads the bytes of one `--env-file`; `path` is for the messages only.
///
/// A line is `NAME=value` (quotes and blanks belong to the value), `NAME` (its value comes from `host`; left out if it is
/// not set there), empty, or a comment that starts with `#`.
pub fn parse_env_file(
    path: &std::path::Path,
    bytes: &[u8],
    host: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, EnvError> {
    // Editors on Windows put a byte order mark at the start; Docker skips it too.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut variables = Vec::new();
    for (index, raw) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = index + 1;
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let text = std::str::from_utf8(raw)
            .map_err(|_| EnvError::Encoding {
                path: path.to_owned(),
                line,
            })?
            .trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (name, value) = text
            .split_once('=')
            .map_or((text.trim_end(), None), |(name, v)| (name, Some(v)));
        if name.is_empty() {
            return Err(EnvError::NoName {
                path: path.to_owned(),
                line,
            });
        }
        // Docker refuses these too: `export A=1` is a mistake, not a variable.
        if name.contains([' ', '\t']) {
            return Err(EnvError::Whitespace {
                path: path.to_owned(),
                line,
                name: name.to_owned(),
            });
        }
        if let Some(value) = value.map(str::to_owned).or_else(|| host(name)) {
            variables.push(format!("{name}={value}"));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn host(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }

    #[test]
    fn a_name_alone_takes_the_value_of_the_host() {
        assert_eq!(parse_env("A=b=c", host).unwrap(), "A=b=c");
        assert_eq!(parse_env("A=", host).unwrap(), "A=");
        assert_eq!(parse_env("HOME", host).unwrap(), "HOME=/root");
        assert_eq!(parse_env("GONE", host).unwrap(), "GONE");
        assert!(matches!(parse_env("=x", host), Err(EnvError::EmptyName(_))));
        assert!(matches!(parse_env("", host), Err(EnvError::EmptyName(_))));
    }

    #[test]
    fn a_file_is_read_as_docker_does() {
        let text =
            b"\xef\xbb\xbfA=1\r\n  # comment\n\n  B= two \"quoted\" # kept\nHOME\nGONE\nC=\n";
        let read = parse_env_file(Path::new("f"), text, host).unwrap();
        assert_eq!(
            read,
            ["A=1", "B= two \"quoted\" # kept", "HOME=/root", "C="]
        );
    }

    #[test]
    fn single_variables_come_after_those_of_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "A=1\nB=2\n").unwrap();
        let env = load_env(&[file.path().to_owned()], &["A=3".to_owned()]).unwrap();
        assert_eq!(env, ["A=1", "B=2", "A=3"]);
        let missing = load_env(&["/no/such.env".into()], &[])
            .unwrap_err()
            .to_string();
        assert!(
            missing.starts_with("read /no/such.env: No such file"),
            "{missing}"
        );
    }

    #[test]
    fn bad_lines_are_named() {
        let error = |bytes: &[u8]| {
            parse_env_file(Path::new("my.env"), bytes, host)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(b"A=1\nB C=2"),
            "read my.env: line 2: variable \"B C\" contains whitespace"
        );
        assert_eq!(error(b"=2"), "read my.env: line 1 has no variable name");
        assert_eq!(error(b"\n\n\xff=1"), "read my.env: line 3 is not UTF-8");
    }
}
