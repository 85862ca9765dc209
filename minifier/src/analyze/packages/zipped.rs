//! The metadata of packages that are installed as zips: eggs of Python, and packages in Yarn's cache.
//!
//! Source: setuptools, "Zipped eggs"; Yarn, "Plug'n'Play".

use super::metadata::{PackageMetadata, package_json, python_metadata};
use crate::analyze::{ReadAt, Zip};

const MAX_DOCUMENT: u64 = 1 << 20;

/// The `PKG-INFO` of a zipped egg.
pub(crate) fn egg_metadata(file: &dyn ReadAt) -> Result<Option<PackageMetadata>, String> {
    let info = document(file, |name| name == b"EGG-INFO/PKG-INFO")?;
    Ok(info.and_then(|info| python_metadata(&info)))
}

/// The `package.json` of the package that a zip of Yarn's cache holds.
pub(crate) fn yarn_metadata(file: &dyn ReadAt) -> Result<Option<PackageMetadata>, String> {
    let json = document(file, |name| {
        let package = name
            .strip_prefix(b"node_modules/")
            .and_then(|rest| rest.strip_suffix(b"/package.json"));
        package.is_some_and(|package| {
            let slashes = memchr::memchr_iter(b'/', package).count();
            slashes == usize::from(package.starts_with(b"@"))
        })
    })?;
    Ok(json.and_then(|json| package_json(&json)))
}

/// The first entry that is wanted.
fn document(file: &dyn ReadAt, wanted: impl Fn(&[u8]) -> bool) -> Result<Option<Vec<u8>>, String> {
    let zip = Zip::open(file)?;
    for entry in zip.entries() {
        let entry = entry?;
        if wanted(entry.name) {
            return zip.content(&entry, MAX_DOCUMENT).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::zip;

    #[test]
    fn eggs_and_zips_of_yarn_say_what_they_are() {
        let egg = zip(&[("EGG-INFO/PKG-INFO", b"Name: old\nVersion: 1.0\n\n")]);
        let found = egg_metadata(&egg.as_slice()).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.version.as_str()),
            ("old", "1.0")
        );
        let yarn = zip(&[
            ("node_modules/@s/a/lib/package.json", br#"{"name":"no"}"#),
            (
                "node_modules/@s/a/package.json",
                br#"{"name":"@s/a","version":"2.0.0"}"#,
            ),
        ]);
        let found = yarn_metadata(&yarn.as_slice()).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.version.as_str()),
            ("@s/a", "2.0.0")
        );
        assert_eq!(egg_metadata(&zip(&[("a", b"b")]).as_slice()), Ok(None));
    }
}
