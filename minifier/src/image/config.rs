//! The image config: a typed view for reading and the original JSON for writing, so that unknown fields are kept.
//!
//! Source: OCI image spec, `config.md`; Docker Image Specification v1.2 for `Healthcheck`, `Shell`, `OnBuild`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{DiffId, Digest, Platform};

/// The reason why bytes are not an image config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or a field has the wrong type.
    #[error("parse the image config: {0}")]
    Json(#[from] serde_json::Error),
    /// `rootfs.type` is not `layers`.
    #[error("read the image config: rootfs.type is {0:?}, expected \"layers\"")]
    RootfsType(String),
    /// The config has more of something than an image may have.
    #[error("read the image config: it has {found} {what}, more than an image may have ({limit})")]
    TooMany {
        /// The kind of item.
        what: &'static str,
        /// The number of items.
        found: usize,
        /// The maximum number.
        limit: usize,
    },
}

/// Maximum number of layers. Docker allows 128, overlayfs 500.
const MAX_LAYERS: usize = 1000;
/// Maximum number of history steps, including those without a layer.
const MAX_HISTORY: usize = 10_000;
/// Maximum number of volumes and of ports: each volume is compared with all others.
const MAX_NAMED: usize = 1000;

/// An image config as stored, with typed access to the fields that the stages read.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageConfig {
    /// The blob as it was read, until an edit encodes it again. Other encoders escape and space differently, so parsing
    /// and serialising alone would change the digest.
    bytes: Vec<u8>,
    view: ConfigView,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct ConfigView {
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    config: Execution,
    rootfs: Rootfs,
    #[serde(default, deserialize_with = "or_default")]
    history: Vec<History>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Rootfs {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<DiffId>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Execution {
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, Value>,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, Value>,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
    stop_signal: Option<String>,
    healthcheck: Option<Healthcheck>,
    #[serde(deserialize_with = "or_default")]
    shell: Vec<String>,
}

/// Accepts `null` for a list, map or string: Docker writes it for "none".
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// One entry of `history`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339 time of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction that created the layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// A free-form comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The author of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether the step created no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// `Healthcheck` of the config. Durations are in nanoseconds; 0 means inherited.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", args…]` or `["CMD-SHELL", command]`; empty means inherited.
    #[serde(deserialize_with = "or_default")]
    pub test: Vec<String>,
    /// Time between two checks, in nanoseconds.
    pub interval: i64,
    /// Maximum duration of a check, in nanoseconds.
    pub timeout: i64,
    /// Grace period at the start, in nanoseconds.
    pub start_period: i64,
    /// Number of consecutive failures that make the container unhealthy.
    pub retries: i64,
}

/// How a health check is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckCommand<'a> {
    /// A program and its arguments.
    Exec(&'a [String]),
    /// A command line for the image's shell, and further arguments of the shell.
    Shell(&'a [String]),
}

impl Healthcheck {
    /// The command. `None` if there is nothing to run by Docker's rules: no test, `NONE`, an unknown kind, or a kind
    /// without a command.
    pub fn command(&self) -> Option<CheckCommand<'_>> {
        match self.test.split_first()? {
            (_, []) => None,
            (kind, words) if kind == "CMD" => Some(CheckCommand::Exec(words)),
            (kind, words) if kind == "CMD-SHELL" => Some(CheckCommand::Shell(words)),
            _ => None,
        }
    }
}

impl ImageConfig {
    /// Parses a config blob.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let raw = Value::Object(serde_json::from_slice(bytes)?);
        // Counted before they become typed values, each of which takes far more memory than its JSON.
        for (what, list, limit) in [
            ("layers", &raw["rootfs"]["diff_ids"], MAX_LAYERS),
            ("steps of history", &raw["history"], MAX_HISTORY),
            ("volumes", &raw["config"]["Volumes"], MAX_NAMED),
            ("ports", &raw["config"]["ExposedPorts"], MAX_NAMED),
        ] {
            let found = match list {
                Value::Array(list) => list.len(),
                Value::Object(set) => set.len(),
                _ => 0,
            };
            if found > limit {
                return Err(ConfigError::TooMany { what, found, limit });
            }
        }
        let view = ConfigView::deserialize(&raw)?;
        // Configs of artifacts (Helm, WASM) are JSON objects too; this tells them apart.
        if view.rootfs.kind != "layers" {
            return Err(ConfigError::RootfsType(view.rootfs.kind));
        }
        Ok(Self {
            bytes: bytes.to_vec(),
            view,
        })
    }

    /// The config as a blob: exactly the bytes that were parsed, or after an edit all fields in their original order,
    /// including unknown ones.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// Digest of [`Self::to_bytes`]: Docker's image ID.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// A copy with other layers, another history and added labels; everything else is unchanged.
    pub fn with_layers(
        &self,
        diff_ids: &[DiffId],
        history: &[History],
        labels: &BTreeMap<String, String>,
    ) -> Self {
        let mut raw = self.raw();
        raw.insert(
            "rootfs".into(),
            serde_json::json!({"type": "layers", "diff_ids": diff_ids}),
        );
        // `insert` keeps the place of a key that exists, so the order of the fields stays.
        raw.insert("history".into(), serde_json::json!(history));
        if !labels.is_empty() {
            let execution = raw
                .entry("config")
                .or_insert_with(|| Value::Object(Map::new()));
            // Go writes a missing struct as `null`.
            if execution.is_null() {
                *execution = Value::Object(Map::new());
            }
            if let Value::Object(execution) = execution {
                let mut all = self.view.config.labels.clone();
                all.extend(labels.clone());
                execution.insert("Labels".into(), serde_json::json!(all));
            }
        }
        Self::from_raw(raw)
    }

    /// A copy whose `created` is `time` (RFC 3339).
    pub fn with_created(&self, time: &str) -> Self {
        let mut raw = self.raw();
        raw.insert("created".into(), time.into());
        Self::from_raw(raw)
    }

    /// All fields. They are not kept, because those of a hostile config take many times its size.
    fn raw(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| unreachable!("it was parsed before: {e}"))
    }

    fn from_raw(raw: Map<String, Value>) -> Self {
        let bytes =
            serde_json::to_vec(&raw).unwrap_or_else(|e| unreachable!("a JSON map serialises: {e}"));
        let view = ConfigView::deserialize(&Value::Object(raw))
            .unwrap_or_else(|e| unreachable!("an edited config stays a config: {e}"));
        Self { bytes, view }
    }

    /// The platform that the image is for.
    pub fn platform(&self) -> Platform {
        Platform {
            os: self.view.os.clone(),
            architecture: self.view.architecture.clone(),
            variant: self.view.variant.clone(),
        }
    }

    /// Creation time (RFC 3339).
    pub fn created(&self) -> Option<&str> {
        self.view.created.as_deref()
    }

    /// Diff IDs of the layers, lowest first.
    pub fn diff_ids(&self) -> &[DiffId] {
        &self.view.rootfs.diff_ids
    }

    /// History, oldest first.
    pub fn history(&self) -> &[History] {
        &self.view.history
    }

    /// `USER`: empty, `name`, `uid`, `name:group` or `uid:gid`.
    pub fn user(&self) -> &str {
        &self.view.config.user
    }

    /// Keys such as `80/tcp`, sorted.
    pub fn exposed_ports(&self) -> impl Iterator<Item = &str> {
        self.view.config.exposed_ports.keys().map(String::as_str)
    }

    /// Entries `NAME=value`.
    pub fn env(&self) -> &[String] {
        &self.view.config.env
    }

    /// The value of an environment variable.
    pub fn env_var(&self, name: &str) -> Option<&str> {
        self.env()
            .iter()
            .rev()
            .find_map(|e| e.strip_prefix(name)?.strip_prefix('='))
    }

    /// `ENTRYPOINT`, exec form.
    pub fn entrypoint(&self) -> &[String] {
        &self.view.config.entrypoint
    }

    /// `CMD`, exec form.
    pub fn cmd(&self) -> &[String] {
        &self.view.config.cmd
    }

    /// `VOLUME` paths, sorted.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.view.config.volumes.keys().map(String::as_str)
    }

    /// `WORKDIR`; empty means `/`.
    pub fn working_dir(&self) -> &str {
        &self.view.config.working_dir
    }

    /// Labels, sorted.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.view.config.labels
    }

    /// `STOPSIGNAL`, a name or a number.
    pub fn stop_signal(&self) -> Option<&str> {
        self.view.config.stop_signal.as_deref()
    }

    /// `HEALTHCHECK`, if it runs a command.
    pub fn healthcheck(&self) -> Option<&Healthcheck> {
        let check = self.view.config.healthcheck.as_ref()?;
        check.command().map(|_| check)
    }

    /// `SHELL`, or Docker's default.
    pub fn shell(&self) -> Vec<String> {
        if self.view.config.shell.is_empty() {
            vec!["/bin/sh".into(), "-c".into()]
        } else {
            self.view.config.shell.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_volumes_than_an_image_may_have_are_refused() {
        let volumes: serde_json::Map<_, _> = (0..=MAX_NAMED)
            .map(|number| (format!("/v{number}"), Value::Object(Default::default())))
            .collect();
        let config =
            serde_json::json!({"rootfs": {"type": "layers"}, "config": {"Volumes": volumes}});
        let error = ImageConfig::parse(config.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("1001 volumes"), "{error}");
    }

    const CONFIG: &[u8] = br#"{"os":"linux","architecture":"amd64","x-unknown":{"z":1,"a":2},
        "config":{"Env":["A=1"],"Cmd":null,"Volumes":null,"Labels":null,"ArgsEscaped":true},
        "rootfs":{"type":"layers","diff_ids":[]},"history":null}"#;

    #[test]
    fn unknown_fields_survive_an_edit() {
        let labels = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        let edited =
            ImageConfig::parse(CONFIG)
                .unwrap()
                .with_layers(&[DiffId::of(b"l")], &[], &labels);
        let value: Value = serde_json::from_slice(&edited.to_bytes()).unwrap();
        assert_eq!(value["x-unknown"], serde_json::json!({"z":1,"a":2}));
        assert_eq!(value["config"]["ArgsEscaped"], true);
        assert_eq!(value["config"]["Labels"]["k"], "v");
        assert_eq!(value["rootfs"]["diff_ids"][0], DiffId::of(b"l").to_string());
    }

    #[test]
    fn an_unedited_config_keeps_its_bytes_and_digest() {
        let go = br#"{"history":[{"created_by":"a \u0026\u0026 b"}],"rootfs":{"type":"layers"}}"#;
        let config = ImageConfig::parse(go).unwrap();
        assert_eq!(config.to_bytes(), go);
        assert_eq!(config.digest(), Digest::of(go));
    }

    #[test]
    fn nulls_read_as_empty() {
        let config = ImageConfig::parse(CONFIG).unwrap();
        assert!(config.cmd().is_empty());
        assert_eq!(config.env_var("A"), Some("1"));
        assert!(config.healthcheck().is_none());
    }

    #[test]
    fn a_health_check_that_runs_nothing_is_none() {
        let with = |test: &str| {
            let config = format!(
                r#"{{"config":{{"Healthcheck":{{"Test":{test}}}}},"rootfs":{{"type":"layers"}}}}"#
            );
            let config = ImageConfig::parse(config.as_bytes()).unwrap();
            config.healthcheck().map(|check| match check.command() {
                Some(CheckCommand::Exec(words)) => ("exec", words.to_vec()),
                Some(CheckCommand::Shell(words)) => ("shell", words.to_vec()),
                None => unreachable!("it was asked for"),
            })
        };
        for test in [
            "null",
            "[]",
            r#"["NONE"]"#,
            r#"["NONE","x"]"#,
            r#"["CMD"]"#,
            r#"["cmd","x"]"#,
        ] {
            assert_eq!(with(test), None, "{test}");
        }
        assert_eq!(with(r#"["CMD","x"]"#), Some(("exec", vec!["x".into()])));
        assert_eq!(
            with(r#"["CMD-SHELL","x"]"#),
            Some(("shell", vec!["x".into()]))
        );
    }
}
