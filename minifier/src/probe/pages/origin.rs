//! Keeping requests at the container: URLs of other origins are never asked.

use url::Url;

/// `reference`, relative to `base`; `None` if it leads to another origin. Servers name themselves by different local names in
/// their links, and all of these are the container.
pub(crate) fn same_origin(base: &Url, reference: &str) -> Option<Url> {
    let mut target = base.join(reference).ok()?;
    // A fragment is never sent: with and without it, it is the same page.
    target.set_fragment(None);
    let is_local = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0");
    let same_host = target.host_str() == base.host_str() || target.host_str().is_some_and(is_local);
    if target.scheme() != base.scheme()
        || !same_host
        || target.port_or_known_default() != base.port_or_known_default()
    {
        return None;
    }
    // By the address that has answered: the server may listen on one family of addresses only.
    target.set_host(base.host_str()).ok()?;
    // Credentials in a link of the page would be sent as a header that no user asked for.
    target.set_username("").ok()?;
    target.set_password(None).ok()?;
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_origin_is_known_by_any_local_name() {
        let base = Url::parse("http://127.0.0.1:8080/a/b").unwrap();
        let target = |reference: &str| same_origin(&base, reference).map(|url| url.to_string());
        assert_eq!(
            target("c?x#y").as_deref(),
            Some("http://127.0.0.1:8080/a/c?x")
        );
        assert_eq!(
            target("http://localhost:8080/").as_deref(),
            Some("http://127.0.0.1:8080/")
        );
        assert_eq!(
            target("//u:p@localhost:8080/z").as_deref(),
            Some("http://127.0.0.1:8080/z")
        );
        for elsewhere in [
            "https://127.0.0.1:8080/",
            "http://127.0.0.1/",
            "//example.org:8080/",
            "mailto:a@b",
            "javascript:void(0)",
            "http://[",
        ] {
            assert_eq!(target(elsewhere), None, "{elsewhere}");
        }
    }
}
