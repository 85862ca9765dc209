//! Findings and other facts that matter to security.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Findings, and facts about privileges, certificates, shells and package managers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Security {
    /// Findings, most severe first, then by kind and place; at most 200 of each kind.
    pub findings: Vec<Finding>,
    /// Findings that the ignore list accepts, in the same order.
    #[serde(default)]
    pub ignored: Vec<IgnoredFinding>,
    /// The entries of the ignore list, in its order.
    #[serde(default)]
    pub ignores: Vec<IgnoreEntry>,
    /// Files with setuid, setgid or capabilities, by path.
    pub privileged: Vec<PrivilegedFile>,
    /// Certificates that are not authorities of the distribution, and all that have expired, by path.
    pub certificates: Vec<CertificateInfo>,
    /// Paths of the shells.
    pub shells: Vec<String>,
    /// Paths of the package managers.
    pub package_managers: Vec<String>,
    /// Whether the container runs as root: the config names no user, or names root.
    pub runs_as_root: bool,
}

/// Severity of a finding.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nothing has to change.
    Note,
    /// Should be fixed.
    Warning,
    /// Must be fixed.
    Error,
}

/// Kind of a finding; its name in kebab case is the identifier of the rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A private key in a file.
    PrivateKey,
    /// A password, token or other credential in a file.
    Credential,
    /// A secret in the environment of the config.
    SecretInEnvironment,
    /// A secret in a step of the history.
    SecretInHistory,
    /// A file with the setuid bit.
    Setuid,
    /// A file with the setgid bit.
    Setgid,
    /// A file with capabilities (`security.capability`).
    FileCapabilities,
    /// A file, or a directory without the sticky bit, that everybody can write to.
    WorldWritable,
    /// A certificate that has expired.
    ExpiredCertificate,
    /// A certificate that expires within 30 days.
    ExpiringCertificate,
    /// The container runs as root.
    RunsAsRoot,
    /// The image exposes ports and has no HEALTHCHECK.
    NoHealthcheck,
    /// The image has a package manager of a distribution.
    PackageManager,
    /// A program needs a library that the image does not have.
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

    /// Whether whoever has the image can use the finding to get in somewhere else.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Self::PrivateKey | Self::Credential | Self::SecretInEnvironment | Self::SecretInHistory
        )
    }
}

/// Place of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "in")]
#[schemars(rename = "Location")]
pub enum FindingLocation {
    /// A file of a layer.
    File {
        /// Path inside the image.
        path: String,
        /// Number of the layer; 0 is the lowest.
        layer: usize,
        /// Line of the text, from 1; `None` if the finding is about the whole file or the file is binary.
        line: Option<u64>,
        /// Whether the merged tree shows the file. A hidden file ships nevertheless.
        visible: bool,
    },
    /// A field of the config.
    Config {
        /// Name of the field: `Env`, `User`, `Healthcheck`.
        field: String,
    },
    /// A step of the history.
    History {
        /// Number of the entry, from 0.
        step: usize,
    },
}

/// A fact about the image that matters to security.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Kind of the finding.
    pub kind: FindingKind,
    /// How urgent it is.
    pub severity: Severity,
    /// One sentence that names the object. It never contains the secret.
    pub message: String,
    /// Place of the finding.
    pub location: FindingLocation,
    /// The rule that matched, for credentials: `aws-access-key`; empty for others.
    pub detail: String,
    /// Identifier that stays the same when the image is built again, 16 hexadecimal digits. It depends on the kind, the
    /// rule, the place and, for keys and tokens, on the secret.
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
    /// Creates a finding and its fingerprint.
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
    /// The finding, as it would be reported without the ignore list.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Last day on which it is accepted, `YYYY-MM-DD`; `None` if it does not expire.
    pub expires: Option<String>,
}

/// Effect of an entry of the ignore list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IgnoreState {
    /// It accepts at least one finding.
    Used,
    /// No finding fits it.
    Unused,
    /// It has expired and accepts nothing.
    Expired,
}

/// An entry of the ignore list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IgnoreEntry {
    /// Pattern of the paths that it accepts; `None` for any path.
    pub path: Option<String>,
    /// Rule or kind of the findings that it accepts; `None` for any.
    pub rule: Option<String>,
    /// Fingerprint of the finding that it accepts; `None` for any.
    pub fingerprint: Option<String>,
    /// Why these findings are accepted.
    pub reason: String,
    /// Last day on which it applies, `YYYY-MM-DD`; `None` if it does not expire.
    pub expires: Option<String>,
    /// Effect of the entry.
    pub state: IgnoreState,
    /// Number of findings that fit.
    pub findings: u64,
}

/// A file that gives privileges to whoever executes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrivilegedFile {
    /// Path inside the image.
    pub path: String,
    /// Permission bits, octal: `4755`.
    pub mode: String,
    /// User ID of the owner.
    pub uid: u32,
    /// Group ID of the owner.
    pub gid: u32,
    /// Capabilities as `getcap` prints them: `cap_net_bind_service=ep`; `None` if it has none.
    pub capabilities: Option<String>,
    /// Package URL of the package that it belongs to; `None` if it belongs to none.
    pub package: Option<String>,
}

/// A certificate in a file of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateInfo {
    /// Path of the file.
    pub path: String,
    /// Number of the layer that it comes from.
    pub layer: usize,
    /// Distinguished name of the subject (RFC 4514).
    pub subject: String,
    /// Distinguished name of the issuer (RFC 4514).
    pub issuer: String,
    /// Time from which it is valid (RFC 3339).
    pub not_before: String,
    /// Time until which it is valid (RFC 3339).
    pub not_after: String,
    /// Whether it has expired.
    pub expired: bool,
}
