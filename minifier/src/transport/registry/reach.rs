//! [`Reach`]: the addresses to which a registry may refer by its token server, redirections and upload locations. A
//! registry on the internet must not make this program request what only this machine or its network can reach (SSRF).
//!
//! Source: go-containerregistry, `validateRealmURL` and `checkRedirectSSRF`; here names are resolved, too.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::error::RegistryError;

/// The network that an address belongs to, from the outside to the inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Zone {
    /// The internet.
    Public,
    /// The network of an organisation.
    Private,
    /// This machine.
    Loopback,
    /// The link, where clouds serve metadata with credentials (169.254.169.254); or not a host's address at all.
    Link,
}

impl Zone {
    fn of(address: IpAddr) -> Self {
        // `::ffff:10.0.0.1` reaches the same host as 10.0.0.1.
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        // 100.64.0.0/10: carrier-grade NAT (RFC 6598), which clouds use inside.
        let is_shared = first == 100 && second & 0xc0 == 64;
        if address.is_loopback() {
            Self::Loopback
        // Linux takes 0.0.0.0 for this machine; 224 and up are multicast and reserved.
        } else if address.is_link_local() || first == 0 || first >= 224 {
            Self::Link
        } else if address.is_private() || is_shared {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let segments = address.segments();
        match segments {
            // NAT64 (RFC 6052): a gateway translates it to the IPv4 address at its end.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                Self::of_v4(Ipv4Addr::new(a, b, c, d))
            }
            _ if address.is_loopback() => Self::Loopback,
            _ if address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_multicast() =>
            {
                Self::Link
            }
            _ if address.is_unique_local() => Self::Private,
            _ => Self::Public,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "this machine's own",
            Self::Link => "link-local",
        }
    }
}

/// How far inside a registry may refer: as far as it is itself.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    host: String,
    zone: Zone,
}

/// The error of a name that resolves to an address too far inside.
#[derive(Debug, Clone, thiserror::Error)]
#[error("its address {address} is {zone}")]
pub(crate) struct TooFar {
    address: IpAddr,
    zone: &'static str,
}

impl Reach {
    /// Finds out where the registry at `base` is. If only a proxy can resolve its name, it counts as public.
    pub(crate) async fn of(base: &Url) -> Self {
        let port = base.port_or_known_default().unwrap_or_default();
        let zone = match base.host() {
            Some(Host::Ipv4(address)) => Zone::of(address.into()),
            Some(Host::Ipv6(address)) => Zone::of(address.into()),
            Some(Host::Domain(name)) => match tokio::net::lookup_host((name, port)).await {
                Ok(addresses) => addresses
                    .map(|address| Zone::of(address.ip()))
                    // The most public address decides: an attacker writes the records of his own name, and could add
                    // a private one to be allowed further inside.
                    .min()
                    .unwrap_or(Zone::Public),
                Err(_) => Zone::Public,
            },
            None => Zone::Public,
        };
        Self {
            host: base.host_str().unwrap_or_default().to_owned(),
            zone,
        }
    }

    /// Whether `url` names the registry's own host, which the user chose.
    fn is_own(&self, url: &Url) -> bool {
        url.host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(&self.host))
    }

    fn check_address(&self, address: IpAddr) -> Result<(), TooFar> {
        let zone = Zone::of(address);
        if zone <= self.zone {
            Ok(())
        } else {
            Err(TooFar {
                address,
                zone: zone.name(),
            })
        }
    }

    /// Refuses a URL with an address too far inside. For a URL with a name, returns the resolver that checks its
    /// addresses.
    pub(crate) fn check(&self, url: &Url) -> Result<Option<Arc<AddressGuard>>, RegistryError> {
        if self.is_own(url) {
            return Ok(None);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            Some(Host::Domain(name)) => {
                return Ok(Some(Arc::new(AddressGuard {
                    name: name.to_owned(),
                    reach: self.clone(),
                })));
            }
            None => return Ok(None),
        };
        self.check_address(address)
            .map(|()| None)
            .map_err(|what| what.about(url))
    }
}

impl TooFar {
    /// The error for a URL that has this address.
    pub(crate) fn about(&self, url: &Url) -> RegistryError {
        RegistryError::LeadsInside {
            host: super::remote::host(url),
            what: self.to_string(),
        }
    }

    /// The error of this type that a client's error contains.
    pub(crate) fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        match error.downcast_ref() {
            Some(too_far) => Some(too_far),
            None => error.source().and_then(Self::within),
        }
    }
}

/// Resolves names, and refuses addresses of one of them that are too far inside. The check is part of the resolution
/// that the connection uses, so a second answer of the name server cannot differ (DNS rebinding).
pub(crate) struct AddressGuard {
    name: String,
    reach: Reach,
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        // A proxy's name comes here too, and that is the user's own choice.
        let reach = (name.as_str() == self.name).then(|| self.reach.clone());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if let Some(reach) = reach {
                for address in &found {
                    reach.check_address(address.ip())?;
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        format!("https://{host}/").parse().unwrap()
    }

    #[tokio::test]
    async fn a_registry_leads_no_further_inside_than_it_is() {
        let refused = |registry: &Reach, host: &str| match registry.check(&url(host)) {
            Ok(_) => false,
            Err(RegistryError::LeadsInside { .. }) => true,
            Err(error) => panic!("{error}"),
        };
        let inside = [
            "10.0.0.1",
            "172.16.9.9",
            "192.168.1.1",
            "100.64.0.1",
            "[fd00::1]",
            "127.0.0.1",
            "2130706433",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "[fe80::1]",
        ];
        let public = Reach::of(&url("192.0.2.1")).await;
        for host in inside {
            assert!(refused(&public, host), "{host}");
        }
        for host in ["192.0.2.1", "198.51.100.7", "[2001:db8::1]", "s.example"] {
            assert!(!refused(&public, host), "{host}");
        }
        let private = Reach::of(&url("10.1.2.3:5000")).await;
        for (host, expected) in [
            ("192.168.1.1", false),
            ("10.1.2.3", false),
            ("192.0.2.1", false),
            ("127.0.0.1", true),
            ("169.254.169.254", true),
        ] {
            assert_eq!(refused(&private, host), expected, "{host}");
        }
        let own = Reach::of(&url("localhost:5000")).await;
        for (host, expected) in [
            ("127.0.0.1:5001", false),
            ("10.0.0.1", false),
            ("169.254.169.254", true),
        ] {
            assert_eq!(refused(&own, host), expected, "{host}");
        }
        let link = Reach::of(&url("169.254.1.1")).await;
        assert!(!refused(&link, "169.254.1.1:81"));
    }

    #[tokio::test]
    async fn a_name_is_refused_by_the_addresses_that_it_has() {
        let public = Reach::of(&url("192.0.2.1")).await;
        let guard = public.check(&url("localhost")).unwrap().unwrap();
        let error = guard.resolve("localhost".parse().unwrap()).await.err();
        let error = error.expect("an address of this machine");
        assert!(TooFar::within(&*error).is_some(), "{error}");
        let of_proxy = public.check(&url("s.example")).unwrap().unwrap();
        assert!(of_proxy.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
