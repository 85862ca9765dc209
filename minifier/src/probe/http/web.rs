//! [`WebClient`]: the ports of a container as an HTTP client in its network namespace sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use tokio::time::{sleep, timeout};
use url::Url;

use super::client::{Clients, FetchError, Fetched, HttpRequest, fetch};
use super::detect::Question;
use super::speaks::{Detection, Speaks, by_port};
use super::tls;
use crate::probe::plan::{Exposed, HttpProbe, ProbePlan, Scheme};
use crate::probe::sockets::{Listener, Netns, Protocol};

/// Time limit of ports that the image does not declare, if it declares others.
const UNDECLARED: Duration = Duration::from_secs(5);
/// Time for the other ports once one is known to speak HTTP.
const OTHERS: Duration = Duration::from_secs(2);
/// Pause before asking again, doubled each time.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) listener: Listener,
    pub(crate) speaks: Speaks,
    /// Name of what it speaks, if that is not HTTP and is known.
    pub(crate) protocol: Option<&'static str>,
    /// The address that answers.
    pub(crate) address: SocketAddr,
    pub(crate) exposed: bool,
}

/// Sends requests into a container.
#[derive(Debug)]
pub(crate) struct WebClient<'a> {
    plan: &'a ProbePlan,
    netns: &'a Netns,
    clients: Clients,
    hello: Arc<Vec<u8>>,
    ports: BTreeMap<u16, Port>,
}

impl<'a> WebClient<'a> {
    pub(crate) fn new(plan: &'a ProbePlan, netns: &'a Netns) -> Result<Self, String> {
        let hello = tls::client_hello().map_err(|e| e.to_string())?;
        Ok(Self {
            plan,
            netns,
            clients: Clients::new()?,
            hello: Arc::new(hello),
            ports: BTreeMap::new(),
        })
    }

    /// Known ports: those that the image declares first, then by number.
    pub(crate) fn ports(&self) -> Vec<&Port> {
        let mut ports: Vec<&Port> = self.ports.values().collect();
        ports.sort_by_key(|port| (!port.exposed, port.address.port()));
        ports
    }

    /// Detects the protocols of the TCP ports of `listeners` that are not known yet.
    pub(crate) async fn detect(&mut self, listeners: &BTreeSet<Listener>) {
        let mut pending = FuturesUnordered::new();
        for (number, (listener, addresses)) in by_port(listeners) {
            // Silent and unreachable ports are asked again: their servers may have been starting.
            let known = self
                .ports
                .get(&number)
                .is_some_and(|port| !matches!(port.speaks, Speaks::Silent | Speaks::Unreachable));
            if known {
                continue;
            }
            let exposed = self.plan.exposed.contains(&Exposed {
                protocol: Protocol::Tcp,
                port: number,
            });
            let patient = exposed
                || self.plan.http_ports.contains(&number)
                || !self
                    .plan
                    .exposed
                    .iter()
                    .any(|e| e.protocol == Protocol::Tcp);
            // A server that is still starting is slow on its own port. Others (debuggers, metrics) must not hold up the build.
            let limit = if patient {
                self.plan.http_timeout
            } else {
                UNDECLARED
            };
            let first = addresses[0];
            let silent = Port {
                listener,
                speaks: Speaks::Silent,
                protocol: None,
                address: first,
                exposed,
            };
            self.ports.insert(number, silent);
            let detection = Detection {
                clients: self.clients.clone(),
                hello: self.hello.clone(),
                question: if self.plan.crawls() {
                    Question::Get
                } else {
                    Question::Options
                },
                limit,
            };
            let work = detection.port(addresses);
            let netns = self.netns;
            pending.push(async move { (number, netns.run(work).await) });
        }
        let mut found = Vec::new();
        let mut limit = Duration::MAX;
        while let Ok(Some((number, answers))) = timeout(limit, pending.next()).await {
            if answers.speaks.is_http() {
                limit = OTHERS;
            }
            found.push((number, answers));
        }
        // Detections that are still pending end here, and their ports stay silent.
        drop(pending);
        for (number, answers) in found {
            if let Some(port) = self.ports.get_mut(&number) {
                port.address = answers.address;
                (port.speaks, port.protocol) = (answers.speaks, answers.protocol);
            }
        }
    }

    /// The targets of an explicit probe; an error if there is no port for it.
    pub(crate) fn targets(&self, probe: &HttpProbe) -> Result<Vec<Target>, String> {
        let numbers: Vec<u16> = match probe.port {
            Some(port) => vec![port],
            None if !self.plan.http_ports.is_empty() => {
                self.plan.http_ports.iter().copied().collect()
            }
            None => {
                let ports = self.ports();
                let first = ports
                    .iter()
                    .find(|port| port.speaks.is_http())
                    .ok_or_else(|| {
                        let known: Vec<String> =
                            ports.iter().map(|p| p.listener.to_string()).collect();
                        match &known[..] {
                            [] => "nothing listens on a TCP port".to_owned(),
                            known => {
                                format!("no port speaks HTTP (listening: {})", known.join(", "))
                            }
                        }
                    })?;
                vec![first.address.port()]
            }
        };
        Ok(numbers
            .into_iter()
            .map(|number| self.target(number, probe.scheme))
            .collect())
    }

    /// The address and scheme of a port; by default, the scheme that it was found to speak.
    pub(crate) fn target(&self, number: u16, scheme: Option<Scheme>) -> Target {
        let port = self.ports.get(&number);
        let local = SocketAddr::from(([127, 0, 0, 1], number));
        let speaks = port.map_or(Speaks::Http, |port| port.speaks);
        let spoken = if speaks == Speaks::Https {
            Scheme::Https
        } else {
            Scheme::Http
        };
        Target {
            address: port.map_or(local, |port| port.address),
            scheme: scheme.unwrap_or(spoken),
            h2c: speaks == Speaks::H2c && scheme != Some(Scheme::Https),
        }
    }

    /// The request of an explicit probe.
    pub(crate) fn request(
        &self,
        probe: &HttpProbe,
        target: &Target,
    ) -> Result<HttpRequest, String> {
        let method = Method::from_bytes(probe.method.as_bytes()).map_err(|e| e.to_string())?;
        let url = target.url(&probe.path)?;
        let mut request = HttpRequest::get(url, target.h2c, self.plan.http_timeout);
        request.method = method;
        // Who expects a 302 wants to see it.
        request.follow = !probe
            .expect
            .as_ref()
            .is_some_and(|expect| expect.has_redirection());
        request.body.clone_from(&probe.body);
        if probe
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("accept"))
        {
            // Only the default `Accept` is set so far, and the user's own replaces it.
            request.headers.clear();
        }
        request.set_headers(&probe.headers);
        Ok(request)
    }

    /// Sends a request, and repeats it while the answer shows that the server is still starting and `may_retry` allows it.
    /// Returns the duration of the last exchange, too.
    pub(crate) async fn ask(
        &self,
        request: &HttpRequest,
        may_retry: impl Fn() -> bool,
    ) -> (Result<Fetched, FetchError>, Duration) {
        let begin = Instant::now();
        let mut pause = PAUSE;
        loop {
            let sent = Instant::now();
            let (clients, request) = (self.clients.clone(), request.clone());
            let outcome = self
                .netns
                .run(async move { fetch(&clients, &request).await })
                .await;
            // 502 to 504: a proxy whose back end is not up. A timeout has used up the user's patience already.
            let not_up = match &outcome {
                Ok(fetched) => matches!(fetched.status, 502..=504),
                Err(FetchError::Failed(_)) => true,
                Err(FetchError::Timeout(_)) => false,
            };
            if !not_up || !may_retry() || begin.elapsed() + pause > self.plan.http_retry {
                return (outcome, sent.elapsed());
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    pub(crate) fn netns(&self) -> &'a Netns {
        self.netns
    }
}

/// The address and scheme of one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    address: SocketAddr,
    scheme: Scheme,
    pub(crate) h2c: bool,
}

impl Target {
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> Result<Url, String> {
        let text = format!("{}://{}{path}", self.scheme, self.address);
        Url::parse(&text).map_err(|error| format!("{text} is not a URL: {error}"))
    }
}
