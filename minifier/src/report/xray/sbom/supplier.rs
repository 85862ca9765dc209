//! Suppliers of packages: a minimum element of a bill of materials (NTIA, "The Minimum Elements For a Software Bill of
//! Materials").

use super::super::text::plain;
use crate::xray::model::{ImageInfo, PackageInfo, PackageKind};

/// Words in the names of organisations and groups.
const GROUPS: [&str; 22] = [
    "alliance",
    "authors",
    "community",
    "company",
    "contributors",
    "corp",
    "corporation",
    "developers",
    "foundation",
    "gmbh",
    "group",
    "inc",
    "limited",
    "llc",
    "ltd",
    "maintainers",
    "organization",
    "packagers",
    "packaging",
    "project",
    "sa",
    "team",
];
/// The label and annotation in which an image names its vendor. Source: OCI image specification, "Annotations".
const VENDOR: &str = "org.opencontainers.image.vendor";

/// The supplier of a package or an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supplier {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    /// Whether it is an organisation or a group rather than a person.
    pub(crate) organization: bool,
}

/// The supplier of a package as declared; `None` if none is declared.
pub(crate) fn of_package(info: &PackageInfo) -> Option<Supplier> {
    // rpm and Maven have fields for vendors; the others have one for a maintainer, who may be a person.
    let organization = matches!(info.kind, PackageKind::Rpm | PackageKind::Java);
    parse(info.supplier.as_deref()?, organization)
}

/// The supplier of an image, as its labels or annotations say.
pub(crate) fn of_image(image: &ImageInfo) -> Option<Supplier> {
    let vendor = image
        .labels
        .get(VENDOR)
        .or_else(|| image.annotations.get(VENDOR));
    parse(vendor?, true)
}

/// `NAME <ADDRESS> (URL)`, of which any part may be missing.
fn parse(text: &str, organization: bool) -> Option<Supplier> {
    let text = plain(text.trim());
    let (name, rest) = text.split_once('<').unwrap_or((&text, ""));
    let address = rest.split('>').next().unwrap_or_default().trim();
    let name = name.split(" (http").next().unwrap_or_default();
    let name = name.trim().trim_matches('"').trim_end_matches(',').trim();
    let address = match address {
        "" => name,
        address => address,
    };
    let address = if is_address(address) { address } else { "" };
    // SPDX requires a name.
    let name = if name.is_empty() { address } else { name };
    let is_group = |name: &str| {
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| GROUPS.iter().any(|known| word.eq_ignore_ascii_case(known)))
    };
    // Debian's teams have the address of a mailing list.
    let list = address.rsplit_once('@').is_some_and(|(_, host)| {
        host.split('.')
            .next()
            .is_some_and(|host| host.ends_with("lists"))
    });
    (!name.is_empty()).then(|| Supplier {
        name: name.to_owned(),
        address: (!address.is_empty()).then(|| address.to_owned()),
        organization: organization || list || is_group(name),
    })
}

/// Whether a text is an e-mail address to both formats: their schemas are stricter than RFC 5322.
fn is_address(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    let named = |part: &str| {
        !part.is_empty()
            && part.bytes().all(word)
            && !part.contains("..")
            && !part.starts_with('.')
            && !part.ends_with('.')
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.contains(['_', '+'])
    };
    named(local)
        && local.len() <= 64
        && named(host)
        && host.len() <= 250
        && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppliers_are_persons_or_organisations_with_an_address() {
        for (text, name, address, organization) in [
            (
                "Ann Author <ann@example.org>",
                "Ann Author",
                "ann@example.org",
                false,
            ),
            (
                "GNU Libc Maintainers <debian-glibc@lists.debian.org>",
                "GNU Libc Maintainers",
                "debian-glibc@lists.debian.org",
                true,
            ),
            (
                "Bo <bo@alioth-lists.debian.net>",
                "Bo",
                "bo@alioth-lists.debian.net",
                true,
            ),
            (
                "Bo <bo@example.org> (http://example.org)",
                "Bo",
                "bo@example.org",
                false,
            ),
            ("Bo (https://example.org)", "Bo", "", false),
            ("bo@example.org", "bo@example.org", "bo@example.org", false),
            (
                "\"Cy, Di\" <cy@example.org>, Di <di@example.org>",
                "Cy, Di",
                "cy@example.org",
                false,
            ),
            ("Example, Inc.", "Example, Inc.", "", true),
        ] {
            let found = parse(text, false).unwrap();
            let found = (
                found.name.as_str(),
                found.address.unwrap_or_default(),
                found.organization,
            );
            assert_eq!(found, (name, address.to_owned(), organization), "{text}");
        }
        assert_eq!(parse(" <>", true), None);
        for wrong in [
            "a b@example.org",
            "@example.org",
            "a@b@c",
            "a@-b.org",
            "a@b..org",
            "a@",
            "é@b.org",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
