//! [`Daemon`]: a connection to a Docker daemon, with what it says about itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Serialize;

use super::endpoint::{Endpoint, Environment};
use super::error::connection_error;
use crate::transport::error::TransportError;

/// Time for a daemon to begin the answer to a small request.
const ANSWER: Duration = Duration::from_secs(60);

/// The same for exporting and loading: Engine 20.10 writes the whole archive to its disk before it begins.
const BIG_ANSWER: Duration = Duration::from_secs(24 * 60 * 60);

/// A connection to a Docker daemon.
#[derive(Debug, Clone)]
pub struct Daemon {
    client: Docker,
    patient: Docker,
    endpoint: Endpoint,
    info: DaemonInfo,
}

/// Properties of a daemon, from its answers to `/version` and `/info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonInfo {
    /// Version of the engine.
    pub server_version: String,
    /// Version of the runc that runs its containers; `None` if it does not report one.
    pub runc_version: Option<String>,
    /// Newest API version that the daemon speaks.
    pub api_version: String,
    /// Oldest API version that the daemon speaks; `None` if it does not report one.
    pub min_api_version: Option<String>,
    /// `overlay2`, `overlayfs`, `vfs`, …
    pub storage_driver: String,
    /// Whether images live in containerd's store and not in the engine's own.
    pub containerd_store: bool,
    /// Whether the folder of a layer in overlay2 holds all of the layer. Without native diffs, redirects and
    /// metadata-only copies may leave parts of it in the layers below.
    pub native_overlay_diff: bool,
    /// Where the daemon keeps its data, on its own host.
    pub root_dir: PathBuf,
    /// Version of the host's control groups: `1` or `2`.
    pub cgroup_version: String,
    /// `cgroupfs`, `systemd` or `none`.
    pub cgroup_driver: String,
    /// Operating system of the containers, `linux`.
    pub os_type: String,
    /// Machine of the daemon's host in the words of `uname`, `x86_64`.
    pub architecture: String,
    /// Kernel of the daemon's host.
    pub kernel_version: String,
    /// Security features in the daemon's form: `name=seccomp,profile=default`, `name=rootless`, …
    pub security_options: Vec<String>,
}

impl Daemon {
    /// Connects to the daemon that the environment names.
    pub async fn connect() -> Result<Self, TransportError> {
        Self::connect_to(Endpoint::find(&Environment::from_process())?).await
    }

    /// Connects to a daemon and asks what it is.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, TransportError> {
        let failed = |e| connection_error(&endpoint.url, "get the version of the Docker daemon", e);
        let client = client(&endpoint)?
            .with_timeout(ANSWER)
            // Docker 20.10 speaks 1.41 at most, current engines 1.44 at least.
            .negotiate_version()
            .await
            .map_err(failed)?;
        let version = client.version().await.map_err(failed)?;
        let system = client.info().await.map_err(failed)?;
        let driver_status = system.driver_status.unwrap_or_default();
        let status = |key: &str| {
            driver_status
                .iter()
                .find(|row| row.first().is_some_and(|name| name == key))
                .and_then(|row| row.get(1))
        };
        let text = |value: Option<String>| value.unwrap_or_default();
        let info = DaemonInfo {
            runc_version: version
                .components
                .into_iter()
                .flatten()
                .find(|component| component.name == "runc")
                .map(|component| component.version),
            server_version: text(version.version.or(system.server_version)),
            api_version: text(version.api_version),
            min_api_version: version.min_api_version,
            // "driver-type: io.containerd.snapshotter.v1" is the only sign of it.
            containerd_store: status("driver-type")
                .is_some_and(|kind| kind.starts_with("io.containerd.")),
            native_overlay_diff: status("Native Overlay Diff").is_some_and(|value| value == "true"),
            storage_driver: text(system.driver),
            root_dir: text(system.docker_root_dir).into(),
            cgroup_version: system
                .cgroup_version
                .map_or_else(String::new, |v| v.to_string()),
            cgroup_driver: system
                .cgroup_driver
                .map_or_else(String::new, |v| v.to_string()),
            os_type: text(system.os_type),
            architecture: text(system.architecture),
            kernel_version: text(system.kernel_version),
            security_options: system.security_options.unwrap_or_default(),
        };
        tracing::debug!(%endpoint, version = info.server_version, api = info.api_version,
            driver = info.storage_driver, "connected to the Docker daemon");
        Ok(Self {
            patient: client.clone().with_timeout(BIG_ANSWER),
            client,
            endpoint,
            info,
        })
    }

    /// The API client, for everything that is not about images.
    pub fn client(&self) -> &Docker {
        &self.client
    }

    /// The API client for requests whose answer may begin late.
    pub(crate) fn patient_client(&self) -> &Docker {
        &self.patient
    }

    /// The address at which the daemon was reached.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The API version that was negotiated.
    pub fn api_version(&self) -> String {
        self.client.client_version().to_string()
    }

    /// The daemon's properties, as of the connection.
    pub fn info(&self) -> &DaemonInfo {
        &self.info
    }
}

fn client(endpoint: &Endpoint) -> Result<Docker, TransportError> {
    let timeout = ANSWER.as_secs();
    let url = &endpoint.url;
    let client = match (&endpoint.tls, endpoint.socket()) {
        (_, Some(socket)) => Docker::connect_with_unix(socket, timeout, API_DEFAULT_VERSION),
        (None, None) => Docker::connect_with_http(url, timeout, API_DEFAULT_VERSION),
        (Some(tls), None) => {
            // bollard leaves out why a file cannot be read.
            for file in [&tls.ca, &tls.cert, &tls.key] {
                readable(file).map_err(|what| TransportError::Endpoint {
                    endpoint: url.clone(),
                    what,
                })?;
            }
            // rustls needs a provider for the whole process. An error means that one is installed already, which is as
            // good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Docker::connect_with_ssl(
                url,
                &tls.key,
                &tls.cert,
                &tls.ca,
                timeout,
                API_DEFAULT_VERSION,
            )
        }
    };
    client.map_err(|e| connection_error(url, "connect", e))
}

/// Fails with the name of a file that cannot be opened.
fn readable(file: &Path) -> Result<(), String> {
    std::fs::File::open(file)
        .map(drop)
        .map_err(|e| format!("open {}: {e}", file.display()))
}
