//! The errors of reading a plan from options and files.

use crate::runtime::OptionError;

/// Why a probe option cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbePlanError {
    /// Not `[METHOD:]PATH`.
    #[error("read HTTP probe {0:?}: expected [METHOD:]PATH with a path that starts with /")]
    HttpProbe(String),
    /// Not `Name: value`.
    #[error("read HTTP header {0:?}: expected NAME: VALUE")]
    Header(String),
    /// Not a value of `--continue-after`.
    #[error("read {0:?}: expected probe, exit, enter, signal or a duration such as 30s")]
    ContinueAfter(String),
    /// A command that cannot be split into words.
    #[error(transparent)]
    Command(#[from] OptionError),
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read duration {0:?}: expected numbers with a unit ms, s, m or h, such as 30s or 1m30s")]
pub struct DurationError(pub(crate) String);

/// Why a text is not a set of status codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read expected status {0:?}: expected codes such as 200, 2xx, 200-299 or 200,404")]
pub struct ExpectError(pub(crate) String);

/// Why a probe file cannot be used. Probes are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum ProbeFileError {
    /// Not JSON, an unknown field, or one of the wrong type.
    #[error("parse the probe file: {0}")]
    Json(#[from] serde_json::Error),
    /// The method or the path is not valid.
    #[error("read probe {0} of the probe file: the method or the path is not valid")]
    Request(usize),
    /// A header field that HTTP cannot carry.
    #[error("read probe {number} of the probe file: header {name:?} is not valid")]
    Header {
        /// Number of the probe in the file, from 1.
        number: usize,
        /// Name of the field.
        name: String,
    },
    /// Both `body` and `json`.
    #[error("read probe {0} of the probe file: it has both body and json")]
    TwoBodies(usize),
    /// Not a set of status codes.
    #[error("read probe {number} of the probe file: {source}")]
    Expect {
        /// Number of the probe in the file, from 1.
        number: usize,
        /// The text that is no set.
        source: ExpectError,
    },
}
