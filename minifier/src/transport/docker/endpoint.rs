//! [`Endpoint`]: the daemon to talk to, from `DOCKER_HOST`, the current Docker context or the default socket, in that
//! order.
//!
//! Source: `cli/command/cli.go` and `cli/context/store` of the Docker command line.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::image::Digest;
use crate::transport::error::TransportError;

const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// The variables that decide on the endpoint. A struct, so that tests need not change the process's environment.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `DOCKER_HOST`
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`
    pub context: Option<String>,
    /// `DOCKER_TLS_VERIFY`
    pub tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, or `.docker` of the home directory.
    pub config_dir: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process; empty variables count as absent.
    pub fn from_process() -> Self {
        let var = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            host: var("DOCKER_HOST"),
            context: var("DOCKER_CONTEXT"),
            tls_verify: var("DOCKER_TLS_VERIFY"),
            cert_path: var("DOCKER_CERT_PATH").map(PathBuf::from),
            config_dir: var("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| env::home_dir().map(|home| home.join(".docker"))),
        }
    }
}

/// The setting that named an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointOrigin {
    /// `DOCKER_HOST`
    Host,
    /// A Docker context, by its name.
    Context(String),
    /// No setting: Docker's default socket.
    Default,
}

/// Files for TLS with client authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that may sign the daemon's.
    pub ca: PathBuf,
    /// Certificate of this client, in PEM.
    pub cert: PathBuf,
    /// Private key of this client, in PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    fn in_dir(dir: PathBuf) -> Self {
        Self {
            ca: dir.join("ca.pem"),
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        }
    }
}

/// The address of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `unix:///path` or `tcp://host:port`.
    pub url: String,
    /// The setting that named the address.
    pub origin: EndpointOrigin,
    /// TLS, for `tcp` only.
    pub tls: Option<TlsFiles>,
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(default, rename = "currentContext")]
    current_context: String,
}

#[derive(Deserialize)]
struct ContextMeta {
    #[serde(default, rename = "Endpoints")]
    endpoints: std::collections::BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl Endpoint {
    /// The endpoint for `environment`.
    pub fn find(environment: &Environment) -> Result<Self, TransportError> {
        if let Some(host) = &environment.host {
            // Docker looks for the files in DOCKER_CERT_PATH, or else in its config folder; any value but an empty one
            // of DOCKER_TLS_VERIFY means yes, even "0".
            let tls = environment
                .tls_verify
                .as_ref()
                .and(
                    environment
                        .cert_path
                        .as_ref()
                        .or(environment.config_dir.as_ref()),
                )
                .map(|dir| TlsFiles::in_dir(dir.clone()));
            return Self::checked(host, EndpointOrigin::Host, tls);
        }
        let context = match &environment.context {
            Some(context) => Some(context.clone()),
            None => current_context(environment)?,
        };
        // "default" is built in and has no file.
        match context.filter(|name| name != "default") {
            Some(name) => Self::of_context(environment, name),
            None => Self::checked(DEFAULT_SOCKET, EndpointOrigin::Default, None),
        }
    }

    fn of_context(environment: &Environment, name: String) -> Result<Self, TransportError> {
        let error = |what: String| TransportError::Endpoint {
            endpoint: format!("of the context {name:?}"),
            what,
        };
        let store = environment
            .config_dir
            .as_ref()
            .ok_or_else(|| error("there is no home directory to find it in".into()))?
            .join("contexts");
        // The store names folders by the hash of the context's name (`cli/context/store`).
        let id = Digest::of(name.as_bytes()).to_hex();
        let path = store.join("meta").join(&id).join("meta.json");
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => error("there is no such context".into()),
            _ => error(format!("read {}: {e}", path.display())),
        })?;
        let mut meta: ContextMeta = serde_json::from_slice(&bytes)
            .map_err(|e| error(format!("parse {}: {e}", path.display())))?;
        let endpoint = meta
            .endpoints
            .remove("docker")
            .filter(|endpoint| !endpoint.host.is_empty())
            .ok_or_else(|| error("the context has no Docker endpoint".into()))?;
        let tls_dir = store.join("tls").join(&id).join("docker");
        let tls = tls_dir.is_dir().then(|| TlsFiles::in_dir(tls_dir));
        // Whoever answers there could run containers as root of the real daemon's host with our credentials.
        if tls.is_some() && endpoint.skip_tls_verify {
            return Err(error(
                "the context asks to skip the check of certificates, which is not supported".into(),
            ));
        }
        Self::checked(&endpoint.host, EndpointOrigin::Context(name), tls)
    }

    fn checked(
        host: &str,
        origin: EndpointOrigin,
        tls: Option<TlsFiles>,
    ) -> Result<Self, TransportError> {
        let error = |what: String| TransportError::Endpoint {
            endpoint: host.to_owned(),
            what,
        };
        let Some((scheme, rest)) = host.split_once("://") else {
            return Err(error(
                "expected a URL such as unix:///var/run/docker.sock or tcp://host:2376".into(),
            ));
        };
        let (url, tls) = match scheme {
            "unix" if !rest.starts_with('/') => {
                return Err(error("the path of the socket is not absolute".into()));
            }
            "unix" => (host.to_owned(), None),
            "tcp" | "http" | "https" => {
                // Without these files the client would speak plain HTTP.
                if scheme == "https" && tls.is_none() {
                    return Err(error(
                        "https needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH".into(),
                    ));
                }
                (tcp_url(rest, tls.is_some()).map_err(error)?, tls)
            }
            "ssh" => {
                return Err(error(
                    "ssh is not supported; forward the socket with \
                     \"ssh -L /tmp/docker.sock:/var/run/docker.sock HOST\" and use that"
                        .into(),
                ));
            }
            other => return Err(error(format!("the scheme {other:?} is not supported"))),
        };
        Ok(Self { url, origin, tls })
    }

    /// The path of the daemon's socket; `None` if it listens on TCP.
    pub fn socket(&self) -> Option<&str> {
        self.url.strip_prefix("unix://")
    }
}

/// `tcp://host:port` with Docker's default ports.
fn tcp_url(address: &str, tls: bool) -> Result<String, String> {
    let url = Url::parse(&format!("tcp://{address}")).map_err(|e| e.to_string())?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("there is no host in it")?;
    if !matches!(url.path(), "" | "/") || !url.username().is_empty() || url.query().is_some() {
        return Err("expected nothing but a host and a port".into());
    }
    let port = url.port().unwrap_or(if tls { 2376 } else { 2375 });
    Ok(format!("tcp://{host}:{port}"))
}

/// `currentContext` of the command line's config file, if there is one.
fn current_context(environment: &Environment) -> Result<Option<String>, TransportError> {
    let Some(dir) = &environment.config_dir else {
        return Ok(None);
    };
    let path = dir.join("config.json");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        // As Docker's command line does: HOME may be another user's.
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "Docker's config file cannot be read");
            return Ok(None);
        }
    };
    let config: CliConfig =
        serde_json::from_slice(&bytes).map_err(|e| TransportError::Endpoint {
            endpoint: "of the current context".into(),
            what: format!("parse {}: {e}", path.display()),
        })?;
    Ok(Some(config.current_context).filter(|name| !name.is_empty()))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str) -> Result<Endpoint, TransportError> {
        Endpoint::find(&Environment {
            host: Some(host.into()),
            context: Some("ignored".into()),
            ..Environment::default()
        })
    }

    #[test]
    fn docker_host_wins_and_gets_the_default_port() {
        let endpoint = host("tcp://127.0.0.1").unwrap();
        assert_eq!(endpoint.url, "tcp://127.0.0.1:2375");
        assert_eq!(endpoint.origin, EndpointOrigin::Host);
        assert_eq!(host("unix:///x.sock").unwrap().socket(), Some("/x.sock"));
    }

    #[test]
    fn tls_verify_turns_tls_on() {
        let endpoint = Endpoint::find(&Environment {
            host: Some("tcp://h".into()),
            tls_verify: Some("1".into()),
            cert_path: Some("/certs".into()),
            ..Environment::default()
        })
        .unwrap();
        assert_eq!(endpoint.url, "tcp://h:2376");
        assert_eq!(endpoint.tls.unwrap().key, PathBuf::from("/certs/key.pem"));
    }

    #[test]
    fn endpoints_that_cannot_be_used_say_why() {
        for (url, what) in [
            ("ssh://me@host", "ssh is not supported"),
            ("npipe:////./pipe/x", "\"npipe\" is not supported"),
            ("unix://relative", "not absolute"),
            ("127.0.0.1:2375", "expected a URL"),
            ("tcp://", "no host"),
            ("tcp://h:1/path", "nothing but a host"),
            ("https://h", "DOCKER_TLS_VERIFY"),
        ] {
            let error = host(url).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(url), "{error}");
        }
    }

    #[test]
    fn the_current_context_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment {
            config_dir: Some(dir.path().into()),
            ..Environment::default()
        };
        assert_eq!(
            Endpoint::find(&environment).unwrap().origin,
            EndpointOrigin::Default
        );
        fs::write(
            dir.path().join("config.json"),
            r#"{"auths":{},"currentContext":"far"}"#,
        )
        .unwrap();
        let error = Endpoint::find(&environment).unwrap_err().to_string();
        assert!(error.contains("no such context"), "{error}");

        let id = Digest::of(b"far").to_hex();
        let meta = dir.path().join("contexts/meta").join(&id);
        fs::create_dir_all(&meta).unwrap();
        fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:1234"}}}"#,
        )
        .unwrap();
        let endpoint = Endpoint::find(&environment).unwrap();
        assert_eq!(endpoint.origin, EndpointOrigin::Context("far".into()));
        assert_eq!((&*endpoint.url, endpoint.tls), ("tcp://far:1234", None));

        fs::create_dir_all(dir.path().join("contexts/tls").join(&id).join("docker")).unwrap();
        assert!(Endpoint::find(&environment).unwrap().tls.is_some());
    }
}
