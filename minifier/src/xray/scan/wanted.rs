//! Files that are wanted whole, by their names, and what for.

use crate::analyze::{
    MAX_DATABASE as DATABASE, MAX_DOCUMENT as SMALL, MAX_LIST, RPM_DATABASES, RPM_FOLDERS,
};
use crate::rootfs::ImagePath;

/// Use that the analysis has for a file beyond its digest and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WantedContent {
    /// None, as far as its name says.
    Nothing,
    /// The content as it is, up to so many bytes.
    Document(u64),
    /// The same of a text that tables are made of.
    Database(u64),
    /// Python's `METADATA` or `PKG-INFO`.
    PythonMetadata,
    /// npm's `package.json`.
    PackageJson,
    /// RubyGems' specification.
    Gemspec,
    /// Debian's copyright file.
    Copyright,
    /// The same of JSON, whose every object is made a row of a table.
    Json(u64),
    /// The database of rpm.
    RpmDatabase,
    /// A Python distribution in a zip.
    Egg,
    /// A package in a zip of Yarn's cache.
    YarnPackage,
}

/// Documents by their full path.
const DOCUMENTS: &[(&str, WantedContent)] = &[
    ("/etc/os-release", WantedContent::Document(SMALL)),
    ("/usr/lib/os-release", WantedContent::Document(SMALL)),
    ("/etc/passwd", WantedContent::Document(SMALL)),
    ("/etc/group", WantedContent::Document(SMALL)),
    ("/etc/nsswitch.conf", WantedContent::Document(SMALL)),
    ("/etc/ld.so.cache", WantedContent::Database(DATABASE)),
    ("/etc/ld.so.conf", WantedContent::Document(SMALL)),
    ("/var/lib/dpkg/status", WantedContent::Database(DATABASE)),
    ("/var/lib/dpkg/diversions", WantedContent::Database(SMALL)),
    (
        "/var/lib/rpmmanifest/container-manifest-2",
        WantedContent::Database(SMALL),
    ),
    ("/lib/apk/db/installed", WantedContent::Database(DATABASE)),
    (
        "/usr/lib/apk/db/installed",
        WantedContent::Database(DATABASE),
    ),
];

/// The use of a file, by its path.
pub(crate) fn wanted(path: &ImagePath) -> WantedContent {
    let bytes = path.as_bytes();
    let name = path.file_name();
    // A quick test first: this runs for every file, and few lie there.
    if bytes.starts_with(b"/etc/")
        || bytes.starts_with(b"/var/lib/")
        || bytes.starts_with(b"/usr/lib/")
        || bytes.starts_with(b"/lib/apk/")
    {
        if let Some((_, wanted)) = DOCUMENTS.iter().find(|(path, _)| path.as_bytes() == bytes) {
            return *wanted;
        }
        let library_conf = bytes.starts_with(b"/etc/ld.so.conf.d/")
            || name.starts_with(b"ld-musl-") && name.ends_with(b".path");
        if library_conf {
            return WantedContent::Document(SMALL);
        }
        let dpkg_list = bytes.starts_with(b"/var/lib/dpkg/info/")
            && (name.ends_with(b".list") || name.ends_with(b".md5sums"));
        if dpkg_list {
            return WantedContent::Document(MAX_LIST);
        }
        // Distroless images have one file for each package, and no `status`.
        if bytes.starts_with(b"/var/lib/dpkg/status.d/") {
            return WantedContent::Database(MAX_LIST);
        }
    }
    if is_rpm_database(bytes) {
        return WantedContent::RpmDatabase;
    }
    let parent = |suffix: &[u8]| {
        let dir = &bytes[..bytes.len() - name.len()];
        dir.strip_suffix(b"/")
            .is_some_and(|dir| dir.ends_with(suffix))
    };
    match name {
        b"METADATA" if parent(b".dist-info") => WantedContent::PythonMetadata,
        b"PKG-INFO" if parent(b".egg-info") || parent(b"/EGG-INFO") => {
            WantedContent::PythonMetadata
        }
        b"RECORD" if parent(b".dist-info") => WantedContent::Document(MAX_LIST),
        b"installed-files.txt" | b"SOURCES.txt" if parent(b".egg-info") => {
            WantedContent::Document(SMALL)
        }
        b"direct_url.json" if parent(b".dist-info") => WantedContent::Document(SMALL),
        // pip and setuptools list the copies that they bring in it.
        b"vendor.txt" if parent(b"/_vendor") => WantedContent::Document(SMALL),
        b"package.json" => WantedContent::PackageJson,
        b".package-lock.json" if parent(b"/node_modules") => WantedContent::Json(DATABASE),
        b"copyright" if bytes.starts_with(b"/usr/share/doc/") => WantedContent::Copyright,
        _ if name.ends_with(b".gemspec") && is_specification(bytes) => WantedContent::Gemspec,
        // distutils wrote a file and not a directory of that name.
        _ if name.ends_with(b".egg-info") => WantedContent::PythonMetadata,
        _ if name.ends_with(b".egg") => WantedContent::Egg,
        _ if name.ends_with(b".zip") && (parent(b"/.yarn/cache") || parent(b"/berry/cache")) => {
            WantedContent::YarnPackage
        }
        _ => WantedContent::Nothing,
    }
}

/// The database in one of its folders, not the others that lie there.
fn is_rpm_database(path: &[u8]) -> bool {
    RPM_FOLDERS.iter().any(|folder| {
        let name = path
            .strip_prefix(folder.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"/"));
        name.is_some_and(|name| RPM_DATABASES.iter().any(|known| known.as_bytes() == name))
    })
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
            ("/var/lib/dpkg/status", WantedContent::Database(DATABASE)),
            (
                "/var/lib/dpkg/info/libc6:amd64.list",
                WantedContent::Document(MAX_LIST),
            ),
            (
                "/var/lib/dpkg/info/libc6.md5sums",
                WantedContent::Document(MAX_LIST),
            ),
            ("/var/lib/dpkg/info/libc6.postinst", WantedContent::Nothing),
            (
                "/usr/lib/sysimage/rpm/Packages.db",
                WantedContent::RpmDatabase,
            ),
            ("/var/lib/rpm/Basenames", WantedContent::Nothing),
            ("/app/lib/a-1-py3.9.egg", WantedContent::Egg),
            (
                "/app/.yarn/cache/a-npm-1.0.0-0.zip",
                WantedContent::YarnPackage,
            ),
            ("/app/a.zip", WantedContent::Nothing),
            (
                "/v/site-packages/a-1.dist-info/METADATA",
                WantedContent::PythonMetadata,
            ),
            (
                "/v/site-packages/a.egg-info/PKG-INFO",
                WantedContent::PythonMetadata,
            ),
            (
                "/v/dist-packages/a-1.egg-info",
                WantedContent::PythonMetadata,
            ),
            ("/v/METADATA", WantedContent::Nothing),
            (
                "/app/node_modules/@s/a/package.json",
                WantedContent::PackageJson,
            ),
            ("/app/package.json", WantedContent::PackageJson),
            (
                "/g/specifications/default/json-2.gemspec",
                WantedContent::Gemspec,
            ),
            ("/g/gems/json-2/json.gemspec", WantedContent::Nothing),
            ("/usr/share/doc/bash/copyright", WantedContent::Copyright),
        ] {
            assert_eq!(wanted(&path.into()), expected, "{path}");
        }
    }
}
