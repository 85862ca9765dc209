//! The protocol of each TCP port of a container, tried at all addresses that lead to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use url::Url;

use super::client::{Clients, HttpRequest, fetch};
use super::detect::{First, Question, detect, reachable};
use crate::probe::sockets::Listener;

/// The protocol of a TCP port, as far as HTTP is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// HTTP/1 without TLS.
    Http,
    /// HTTP/1 or HTTP/2 inside TLS.
    Https,
    /// HTTP/2 without TLS, as gRPC does.
    H2c,
    /// Another protocol, or one inside TLS that is not HTTP.
    Other,
    /// It accepts a request, but does not answer.
    Silent,
    /// It does not accept the connection.
    Unreachable,
}

impl Speaks {
    /// Whether HTTP requests can be sent.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https | Self::H2c)
    }
}

/// Per port: one listener to name it by, and the addresses to try, IPv4 first.
pub(crate) fn by_port(
    listeners: &BTreeSet<Listener>,
) -> BTreeMap<u16, (Listener, Vec<SocketAddr>)> {
    let mut ports: BTreeMap<u16, (Listener, Vec<SocketAddr>)> = BTreeMap::new();
    for listener in listeners {
        let Some(listening) = listener.tcp() else {
            continue;
        };
        let (_, addresses) = ports
            .entry(listening.port())
            .or_insert_with(|| (listener.clone(), Vec::new()));
        for address in reachable(listening) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    for (_, addresses) in ports.values_mut() {
        addresses.sort_by_key(|address| (!address.ip().is_loopback(), address.is_ipv6()));
    }
    ports
}

/// The result for a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// The address that answers.
    pub(crate) address: SocketAddr,
    pub(crate) speaks: Speaks,
    /// Name of what it speaks, if that is not HTTP and is known.
    pub(crate) protocol: Option<&'static str>,
}

/// The detection of a port's protocol. It runs in the container's network namespace.
#[derive(Debug)]
pub(crate) struct Detection {
    pub(crate) clients: Clients,
    /// The first message of a TLS handshake.
    pub(crate) hello: Arc<Vec<u8>>,
    pub(crate) question: Question,
    /// Time limit of an answer.
    pub(crate) limit: Duration,
}

impl Detection {
    /// Tries the addresses of a port until one accepts the connection; there is at least one.
    pub(crate) async fn port(self, addresses: Vec<SocketAddr>) -> Answers {
        let first = addresses[0];
        for address in addresses {
            let mut protocol = None;
            let speaks = match detect(address, self.question, &self.hello, self.limit).await {
                First::Unreachable => continue,
                First::Http => Speaks::Http,
                First::H2c => Speaks::H2c,
                First::Other(name) => {
                    protocol = name;
                    Speaks::Other
                }
                First::Silent => Speaks::Silent,
                First::Tls if self.inside_tls(address).await => Speaks::Https,
                First::Tls => Speaks::Other,
            };
            return Answers {
                address,
                speaks,
                protocol,
            };
        }
        Answers {
            address: first,
            speaks: Speaks::Unreachable,
            protocol: None,
        }
    }

    /// Whether HTTP is spoken inside TLS.
    async fn inside_tls(&self, address: SocketAddr) -> bool {
        let Ok(url) = Url::parse(&format!("https://{address}/")) else {
            return false;
        };
        let mut request = HttpRequest::get(url, false, self.limit);
        if self.question == Question::Options {
            request.method = Method::OPTIONS;
        }
        fetch(&self.clients, &request).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::sockets::Protocol;

    #[test]
    fn a_port_is_named_once_and_reached_by_loopback_first() {
        let tcp = |text: &str| Listener::Inet(Protocol::Tcp, text.parse().unwrap());
        let listeners = BTreeSet::from([
            tcp("10.0.0.2:80"),
            tcp("[::]:80"),
            tcp("0.0.0.0:80"),
            tcp("[::1]:81"),
            Listener::Inet(Protocol::Udp, "0.0.0.0:53".parse().unwrap()),
            Listener::Unix("/run/x".into()),
        ]);
        let ports = by_port(&listeners);
        assert_eq!(ports.keys().copied().collect::<Vec<_>>(), [80, 81]);
        let texts: Vec<String> = ports[&80].1.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["127.0.0.1:80", "[::1]:80", "10.0.0.2:80"]);
    }
}
