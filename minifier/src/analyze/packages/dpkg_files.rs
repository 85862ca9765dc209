//! Files in dpkg's databases: which states of a package have some, where a diversion put them, and the
//! names in a list of checksums.
//!
//! Source: `dpkg(1)`, "Package states"; `dpkg-divert(1)`; `deb-md5sums(5)`.

use std::collections::BTreeMap;

/// Whether a package whose field `Status` has this value has files in the image. One that was interrupted half way has
/// those that were unpacked; `config-files` and `not-installed` have none.
pub(crate) fn dpkg_has_files(status: &str) -> bool {
    matches!(
        status.rsplit(' ').next(),
        Some(
            "installed"
                | "unpacked"
                | "half-configured"
                | "half-installed"
                | "triggers-awaited"
                | "triggers-pending"
        )
    )
}

/// The diversions of an image: files that every package but one has under another name.
#[derive(Debug, Default)]
pub(crate) struct Diversions<'a> {
    /// Where, and the package that has the name itself; `:` for the administrator.
    to: BTreeMap<&'a [u8], (&'a [u8], &'a [u8])>,
}

impl<'a> Diversions<'a> {
    /// Reads `/var/lib/dpkg/diversions`: three lines for each. Paths that are not absolute divert nothing: an empty one
    /// would put every empty line of a list of files somewhere.
    pub(crate) fn parse(text: &'a [u8]) -> Self {
        let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
        let diversions = lines.as_chunks().0.iter();
        Self {
            to: diversions
                .filter(|[from, to, _]| from.starts_with(b"/") && to.starts_with(b"/"))
                .map(|[from, to, package]| (*from, (*to, *package)))
                .collect(),
        }
    }

    /// The path in the image of the file that `package` names `path`.
    pub(crate) fn place<'p>(&'p self, package: &str, path: &'p [u8]) -> &'p [u8] {
        match self.to.get(path) {
            Some((to, diverting)) if *diverting != package.as_bytes() => to,
            _ => path,
        }
    }
}

/// The absolute paths in a file of checksums: `HASH  usr/bin/a`.
pub(crate) fn md5sums_paths(sums: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    sums.split(|&b| b == b'\n').filter_map(|line| {
        let path = line.get(32..)?.trim_ascii_start();
        Some([b"/", path].concat())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diversion_without_a_path_diverts_nothing() {
        let diversions = Diversions::parse(b"\n/p/a\nx\n/b\nc\nx\n/d\n/e\nx\n");
        assert_eq!(diversions.place("a", b""), b"");
        assert_eq!(diversions.place("a", b"/b"), b"/b");
        assert_eq!(diversions.place("a", b"/d"), b"/e");
    }
}
