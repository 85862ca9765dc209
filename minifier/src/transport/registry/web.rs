//! [`RegistryWeb`]: HTTP clients, one for each host since trust differs by host, and single exchanges that cannot hang.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, redirect};
use rustls::RootCertStore;
use url::Url;

use super::error::RegistryError;
use super::options::RegistryOptions;
use super::reach::{Reach, TooFar};
use super::remote::host;
use super::{insecure, tls};
use crate::image::DOCKER_HUB;

/// Our name in the logs of registries.
const USER_AGENT: &str = concat!("minifier/", env!("CARGO_PKG_VERSION"));

/// The reason why an exchange gave no usable answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another attempt may succeed.
    Passing {
        what: String,
        /// The pause that the registry asks for.
        after: Option<Duration>,
        /// Whether no connection was made at all.
        connect: bool,
    },
    /// Another attempt would fail in the same way.
    Final(RegistryError),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Final(error)
    }
}

impl Failure {
    pub(crate) fn broken(what: impl Into<String>) -> Self {
        Self::Passing {
            what: what.into(),
            after: None,
            connect: false,
        }
    }
}

/// Clients by host and port.
pub(crate) struct RegistryWeb {
    options: RegistryOptions,
    reach: Reach,
    clients: Mutex<BTreeMap<String, Client>>,
    roots: OnceLock<RootCertStore>,
}

impl RegistryWeb {
    /// For a registry that may refer as far as `reach` allows.
    pub(crate) fn new(options: RegistryOptions, reach: Reach) -> Result<Self, RegistryError> {
        insecure::check(&options.insecure)?;
        Ok(Self {
            options,
            reach,
            clients: Mutex::default(),
            roots: OnceLock::new(),
        })
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// Whether verified TLS can be left out for the host of `url`: the user declared it insecure, or it is this machine
    /// and has no certificates in `certs.d`.
    pub(crate) fn is_insecure(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.is_declared(url) || (insecure::is_loopback(host) && self.folder(url).is_none())
    }

    /// Whether the user declared the host of `url` insecure.
    fn is_declared(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        insecure::is_declared(&self.options.insecure, host, url.port_or_known_default())
    }

    /// The folder of `certs.d` for the host of `url`.
    fn folder(&self, url: &Url) -> Option<PathBuf> {
        let host = match url.host_str()? {
            // Docker looks for the folder under the registry's name in references.
            "registry-1.docker.io" => DOCKER_HUB,
            host => host,
        };
        let names = [
            url.port_or_known_default()
                .map(|port| format!("{host}:{port}")),
            Some(host.to_owned()),
        ];
        let folders = &self.options.certificates;
        folders
            .iter()
            .flat_map(|folder| names.iter().flatten().map(|name| folder.join(name)))
            .find(|folder| folder.is_dir())
    }

    /// The client for the host of `url`; an error if the registry must not refer to that host.
    pub(crate) fn client(&self, url: &Url) -> Result<Client, RegistryError> {
        let key = host(url);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let config = if self.is_insecure(url) {
            tls::trusting_all()?
        } else {
            let roots = self.roots.get_or_init(tls::system_roots).clone();
            tls::verifying(roots, self.folder(url).as_deref())?
        };
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            // A `Referer` would pass the signature of one URL on to the next host.
            .referer(false)
            // Followed by `RegistrySession`, which checks each target.
            .redirect(redirect::Policy::none())
            .connect_timeout(self.options.connect)
            .tls_backend_preconfigured(config);
        let guard = if self.is_declared(url) {
            None
        } else {
            self.reach.check(url)?
        };
        if let Some(guard) = guard {
            builder = builder.dns_resolver(guard);
        }
        if insecure::is_loopback(url.host_str().unwrap_or_default()) {
            // A proxy on another machine would connect to itself.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| RegistryError::Connect {
            host: key.clone(),
            what: words(&e),
        })?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Sends a request and waits for the head of the answer. `sent` counts the bytes of the body that were sent. The
    /// exchange fails if that count does not grow for `patience` and no answer comes: a timeout for the whole would
    /// break long uploads over slow lines.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        request: RequestBuilder,
        patience: Duration,
        sent: &AtomicU64,
    ) -> Result<Response, Failure> {
        let answer = request.send();
        let stalled = async {
            let mut before = sent.load(Ordering::Relaxed);
            loop {
                tokio::time::sleep(patience).await;
                let now = sent.load(Ordering::Relaxed);
                if now == before {
                    return;
                }
                before = now;
            }
        };
        tokio::select! {
            answer = answer => answer.map_err(|e| failure(url, &e)),
            () = stalled => Err(Failure::broken(format!(
                "{} did not answer within {} s", host(url), patience.as_secs()
            ))),
        }
    }
}

/// A count for requests without a body.
pub(crate) fn nothing_sent() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(0))
}

/// Classifies an error of the client.
pub(crate) fn failure(url: &Url, error: &reqwest::Error) -> Failure {
    if let Some(too_far) = TooFar::within(error) {
        return Failure::Final(too_far.about(url));
    }
    if error.is_connect()
        // A bad certificate will be as bad the next time; a reset connection may not be.
        && let Some(what) = tls_error(error)
    {
        return Failure::Final(RegistryError::Tls {
            host: host(url),
            what,
        });
    }
    let what = if error.is_timeout() {
        format!("{} did not answer in time", host(url))
    } else {
        words(error)
    };
    Failure::Passing {
        what,
        after: None,
        connect: error.is_connect(),
    }
}

/// The error of rustls, if that is the reason.
fn tls_error(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls.to_string());
        }
        // An input/output error hides the one it wraps from `source`.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(|error| error.get_ref());
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The text of the last error of a chain: the outer ones repeat the URL, which may hold a signature.
fn words(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_is_insecure_unless_it_has_certificates() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("127.0.0.1:5001")).unwrap();
        let mut options = RegistryOptions::from_env();
        options.certificates = vec![folder.path().to_owned()];
        options.insecure = vec!["r.example:5000".into()];
        let reach = Reach::of(&"https://r.example/".parse().unwrap()).await;
        let web = RegistryWeb::new(options, reach).unwrap();
        for (url, insecure) in [
            ("https://127.0.0.1:5000/", true),
            ("https://127.0.0.1:5001/", false),
            ("https://r.example:5000/", true),
            ("https://r.example/", false),
        ] {
            assert_eq!(web.is_insecure(&url.parse().unwrap()), insecure, "{url}");
        }
    }
}
