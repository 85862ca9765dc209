//! The hosts that are spoken to without verified TLS.

use std::net::IpAddr;

use super::error::RegistryError;

/// Whether `host` is this machine, which Docker trusts without TLS too.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether one of `declared` (`HOST` or `HOST:PORT`) refers to `host` at `port`.
pub(crate) fn is_declared(declared: &[String], host: &str, port: Option<u16>) -> bool {
    declared.iter().any(|entry| match split(entry) {
        (name, Some(at)) => name.eq_ignore_ascii_case(host) && port == Some(at),
        (name, None) => name.eq_ignore_ascii_case(host),
    })
}

/// Splits `HOST[:PORT]`. An IPv6 address without a port also has colons.
fn split(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        None => (entry, None),
    }
}

/// Checks what the user declared: a URL or a name with a path would never match.
pub(crate) fn check(declared: &[String]) -> Result<(), RegistryError> {
    let wrong = |entry: &&String| entry.is_empty() || entry.contains(['/', ' ', '@']);
    match declared.iter().find(wrong) {
        None => Ok(()),
        Some(entry) => Err(RegistryError::Insecure {
            entry: entry.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for (host, loopback) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("128.0.0.1", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }

    #[test]
    fn a_port_is_compared_where_it_was_given() {
        let declared = ["a.example:5000".to_owned(), "b.example".to_owned()];
        for (host, port, insecure) in [
            ("a.example", Some(5000), true),
            ("a.example", Some(443), false),
            ("A.example", Some(5000), true),
            ("b.example", Some(1), true),
            ("c.example", None, false),
        ] {
            assert_eq!(
                is_declared(&declared, host, port),
                insecure,
                "{host} {port:?}"
            );
        }
        assert!(check(&declared).is_ok());
        assert!(check(&["http://a.example".to_owned()]).is_err());
    }
}
