//! What matters to security.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What matters to security.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Security {
    /// Findings, most severe first, then by kind and place.
    pub findings: Vec<Finding>,
    /// Findings that the ignore list accepts, in the same order.
    #[serde(default)]
    pub ignored: Vec<IgnoredFinding>,
    /// The entries of the ignore list, in its order.
    #[serde(default)]
    pub ignores: Vec<IgnoreEntry>,
    /// Files with setuid, setgid or capabilities, by path.
    pub privileged: Vec<PrivilegedFile>,
    /// Certificates that are not a distribution's authorities, and any that have expired, by path.
    pub certificates: Vec<CertificateInfo>,
    /// Shells that the image has.
    pub shells: Vec<String>,
    /// Package managers that the image has.
    pub package_managers: Vec<String>,
    /// Whether the config names no user, or root.
    pub runs_as_root: bool,
}

/// How bad a finding is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To know.
    Note,
    /// Should be mended.
    Warning,
    /// Must be mended.
    Error,
}

/// Kinds of findings; the identifier of a rule is its name in kebab case.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A private key.
    PrivateKey,
    /// A password, token or other credential in a file.
    Credential,
    /// A secret in the environment of the config.
    SecretInEnvironment,
    /// A secret in the history.
    SecretInHistory,
    /// A file with the setuid bit.
    Setuid,
    /// A file with the setgid bit.
    Setgid,
    /// A file with capabilities.
    FileCapabilities,
    /// A file or directory (without the sticky bit) that everybody may write.
    WorldWritable,
    /// A certificate that has expired.
    ExpiredCertificate,
    /// A certificate that expires within 30 days.
    ExpiringCertificate,
    /// The container runs as root.
    RunsAsRoot,
    /// No HEALTHCHECK although ports are exposed.
    NoHealthcheck,
    /// A package manager is left in.
    PackageManager,
    /// A program needs a library that is not there.
    BrokenBinary,
    /// A program without position independence, NX or RELRO.
    WeakBinary,
}

impl FindingKind {
    /// Its name in kebab case: the identifier of its rule.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            other => unreachable!("a kind serializes to its name, not {other:?}"),
        }
    }

    /// True for what lets whoever has the image in elsewhere.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Self::PrivateKey | Self::Credential | Self::SecretInEnvironment | Self::SecretInHistory
        )
    }
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "in")]
#[schemars(rename = "Location")]
pub enum FindingLocation {
    /// A file of a layer.
    File {
        /// Its path.
        path: String,
        /// The layer, 0 is the lowest.
        layer: usize,
        /// Line of the text, from 1.
        line: Option<u64>,
        /// False if a later layer hides it; it ships nevertheless.
        visible: bool,
    },
    /// The config.
    Config {
        /// The field: `Env`, `User`, `Healthcheck`.
        field: String,
    },
    /// A step of the history.
    History {
        /// Number of the entry, from 0.
        step: usize,
    },
}

/// Something to know or to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// How bad.
    pub severity: Severity,
    /// One sentence that names the object; never a secret itself.
    pub message: String,
    /// Where.
    pub location: FindingLocation,
    /// The rule that matched, for credentials: `aws-access-key`; empty for others.
    pub detail: String,
    /// What stays the same when the image is built again, 16 hexadecimal digits: kind, rule, place and, for keys and
    /// tokens, which one it is.
    #[serde(default)]
    pub fingerprint: String,
}

impl AsRef<Finding> for Finding {
    fn as_ref(&self) -> &Finding {
        self
    }
}

impl AsRef<Finding> for IgnoredFinding {
    fn as_ref(&self) -> &Finding {
        &self.finding
    }
}

impl Finding {
    /// A finding with its fingerprint.
    pub fn new(
        kind: FindingKind,
        severity: Severity,
        message: impl Into<String>,
        location: FindingLocation,
        detail: &str,
    ) -> Self {
        let mut finding = Self {
            kind,
            severity,
            message: message.into(),
            location,
            detail: detail.to_owned(),
            fingerprint: String::new(),
        };
        finding.fingerprint = finding.fingerprint_with(None);
        finding
    }

    /// The finding of a secret that `mark` tells from others at its place. Without it, another token at the same place
    /// would be accepted by an ignore list that names the fingerprint of the old one.
    pub(crate) fn with_mark(self, mark: Option<u64>) -> Self {
        Self {
            fingerprint: self.fingerprint_with(mark),
            ..self
        }
    }

    fn fingerprint_with(&self, mark: Option<u64>) -> String {
        // Without lines and layers: both move when something else in the image changes, and a fingerprint has to stay.
        let place = match &self.location {
            FindingLocation::File { path, .. } => format!("file\0{path}"),
            FindingLocation::Config { field } => format!("config\0{field}"),
            FindingLocation::History { .. } => format!("history\0{}", self.message),
        };
        let mut hash = Sha256::new();
        hash.update(self.kind.name());
        hash.update([0]);
        hash.update(&self.detail);
        hash.update([0]);
        hash.update(place);
        if let Some(mark) = mark {
            hash.update([0]);
            hash.update(mark.to_be_bytes());
        }
        hex::encode(&hash.finalize()[..8])
    }
}

/// A finding that the ignore list accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IgnoredFinding {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is, `YYYY-MM-DD`.
    pub expires: Option<String>,
}

/// What came of an entry of the ignore list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IgnoreState {
    /// It accepts findings.
    Used,
    /// Nothing fits it.
    Unused,
    /// Its last day has passed: it accepts nothing.
    Expired,
}

/// An entry of the ignore list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IgnoreEntry {
    /// Pattern of paths.
    pub path: Option<String>,
    /// Rule, or kind of findings.
    pub rule: Option<String>,
    /// Fingerprint of a finding.
    pub fingerprint: Option<String>,
    /// Why what fits is accepted.
    pub reason: String,
    /// The last day on which it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// What came of it.
    pub state: IgnoreState,
    /// How many findings fit.
    pub findings: u64,
}

/// A file that gives privileges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrivilegedFile {
    /// Its path.
    pub path: String,
    /// Permission bits, octal: `4755`.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Capabilities in the words of `getcap`: `cap_net_bind_service=ep`.
    pub capabilities: Option<String>,
    /// The package that it belongs to.
    pub package: Option<String>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateInfo {
    /// The file.
    pub path: String,
    /// The layer that it comes from.
    pub layer: usize,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// RFC 3339 time from which it is valid.
    pub not_before: String,
    /// RFC 3339 time to which it is valid.
    pub not_after: String,
    /// Whether that has passed.
    pub expired: bool,
}
