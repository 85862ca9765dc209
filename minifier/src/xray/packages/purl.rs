//! Package URLs.
//!
//! Source: purl-spec, `PURL-SPECIFICATION.rst` and `PURL-TYPES.rst`.

/// `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`. Empty parts are left out; `/` in the namespace separates segments.
pub(crate) fn purl(
    kind: &str,
    namespace: &str,
    name: &str,
    version: &str,
    qualifiers: &[(&str, &str)],
) -> String {
    let mut purl = format!("pkg:{kind}/");
    for segment in namespace.split('/').filter(|segment| !segment.is_empty()) {
        encode(&mut purl, segment);
        purl.push('/');
    }
    encode(&mut purl, name);
    if !version.is_empty() {
        purl.push('@');
        encode(&mut purl, version);
    }
    let mut separator = '?';
    for (key, value) in qualifiers.iter().filter(|(_, value)| !value.is_empty()) {
        purl.push(separator);
        purl.push_str(key);
        purl.push('=');
        encode(&mut purl, value);
        separator = '&';
    }
    purl
}

fn encode(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        // A colon stays as it is, as in versions with an epoch; the specification asks for it.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_those_of_the_specification() {
        for (built, expected) in [
            (
                purl(
                    "deb",
                    "debian",
                    "curl",
                    "7.50.3-1",
                    &[("arch", "i386"), ("distro", "")],
                ),
                "pkg:deb/debian/curl@7.50.3-1?arch=i386",
            ),
            (
                purl("npm", "@angular", "animation", "12.3.1", &[]),
                "pkg:npm/%40angular/animation@12.3.1",
            ),
            (
                purl("golang", "google.golang.org", "genproto", "v0.0.0+x", &[]),
                "pkg:golang/google.golang.org/genproto@v0.0.0%2Bx",
            ),
            (
                purl("deb", "debian", "a", "1:2~rc", &[]),
                "pkg:deb/debian/a@1:2~rc",
            ),
            (
                purl(
                    "gem",
                    "",
                    "jruby-launcher",
                    "1.1.2",
                    &[("platform", "java")],
                ),
                "pkg:gem/jruby-launcher@1.1.2?platform=java",
            ),
        ] {
            assert_eq!(built, expected);
        }
    }
}
