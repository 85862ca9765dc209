//! Which files are wanted, and for what.

use crate::rootfs::ImagePath;

/// What the analysis wants of a file beyond its digest and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing that its name says.
    Nothing,
    /// The content as it is, up to so many bytes.
    Document(u64),
    /// Python's `METADATA` or `PKG-INFO`.
    PythonMetadata,
    /// npm's `package.json`.
    PackageJson,
    /// RubyGems' specification.
    Gemspec,
    /// Debian's copyright file.
    Copyright,
}

const SMALL: u64 = 1 << 20;
const DATABASE: u64 = 64 << 20;

/// Documents by their full path.
const DOCUMENTS: &[(&str, u64)] = &[
    ("/etc/os-release", SMALL),
    ("/usr/lib/os-release", SMALL),
    ("/etc/passwd", SMALL),
    ("/etc/group", SMALL),
    ("/etc/nsswitch.conf", SMALL),
    ("/etc/ld.so.cache", DATABASE),
    ("/etc/ld.so.conf", SMALL),
    ("/var/lib/dpkg/status", DATABASE),
    ("/lib/apk/db/installed", DATABASE),
    ("/usr/lib/apk/db/installed", DATABASE),
];

/// What the name of a file says about how it is wanted.
pub(super) fn wanted(path: &ImagePath) -> Wanted {
    let bytes = path.as_bytes();
    let name = path.file_name();
    if bytes.starts_with(b"/etc/")
        || bytes.starts_with(b"/var/lib/")
        || bytes.starts_with(b"/usr/lib/")
        || bytes.starts_with(b"/lib/apk/")
    {
        if let Some((_, limit)) = DOCUMENTS.iter().find(|(path, _)| path.as_bytes() == bytes) {
            return Wanted::Document(*limit);
        }
        let library_conf = bytes.starts_with(b"/etc/ld.so.conf.d/")
            || name.starts_with(b"ld-musl-") && name.ends_with(b".path");
        if library_conf {
            return Wanted::Document(SMALL);
        }
        let dpkg_list = bytes.starts_with(b"/var/lib/dpkg/info/") && name.ends_with(b".list");
        if dpkg_list || bytes.starts_with(b"/var/lib/dpkg/status.d/") {
            return Wanted::Document(16 * SMALL);
        }
    }
    let parent = |suffix: &[u8]| {
        let dir = &bytes[..bytes.len() - name.len()];
        dir.strip_suffix(b"/")
            .is_some_and(|dir| dir.ends_with(suffix))
    };
    match name {
        b"METADATA" if parent(b".dist-info") => Wanted::PythonMetadata,
        b"PKG-INFO" if parent(b".egg-info") || parent(b"/EGG-INFO") => Wanted::PythonMetadata,
        b"RECORD" if parent(b".dist-info") => Wanted::Document(16 * SMALL),
        b"installed-files.txt" | b"SOURCES.txt" if parent(b".egg-info") => Wanted::Document(SMALL),
        b"package.json" if memchr::memmem::find(bytes, b"/node_modules/").is_some() => {
            Wanted::PackageJson
        }
        b".package-lock.json" if parent(b"/node_modules") => Wanted::Document(DATABASE),
        b"copyright" if bytes.starts_with(b"/usr/share/doc/") => Wanted::Copyright,
        _ if name.ends_with(b".gemspec") && is_specification(bytes) => Wanted::Gemspec,
        _ if name.ends_with(b".egg-info") => Wanted::PythonMetadata,
        _ => Wanted::Nothing,
    }
}

/// `…/specifications/NAME.gemspec`, or `…/specifications/default/NAME.gemspec` of gems that come with Ruby.
fn is_specification(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|&b| b == b'/').skip(1);
    match parts.next() {
        Some(b"specifications") => true,
        Some(b"default") => parts.next() == Some(b"specifications"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_and_metadata_files_are_known_by_their_path() {
        for (path, expected) in [
            ("/var/lib/dpkg/status", Wanted::Document(DATABASE)),
            (
                "/var/lib/dpkg/info/libc6:amd64.list",
                Wanted::Document(16 * SMALL),
            ),
            ("/var/lib/dpkg/info/libc6.md5sums", Wanted::Nothing),
            (
                "/v/site-packages/a-1.dist-info/METADATA",
                Wanted::PythonMetadata,
            ),
            (
                "/v/site-packages/a.egg-info/PKG-INFO",
                Wanted::PythonMetadata,
            ),
            ("/v/dist-packages/a-1.egg-info", Wanted::PythonMetadata),
            ("/v/METADATA", Wanted::Nothing),
            ("/app/node_modules/@s/a/package.json", Wanted::PackageJson),
            ("/app/package.json", Wanted::Nothing),
            ("/g/specifications/default/json-2.gemspec", Wanted::Gemspec),
            ("/g/gems/json-2/json.gemspec", Wanted::Nothing),
            ("/usr/share/doc/bash/copyright", Wanted::Copyright),
        ] {
            assert_eq!(wanted(&path.into()), expected, "{path}");
        }
    }
}
