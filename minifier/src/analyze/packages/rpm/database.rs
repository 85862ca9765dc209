//! [`rpm_database`]: which form a database has, and the packages in it.

use super::form::{MAX_PACKAGES, RpmError};
use super::header::{self, NameBudget, RpmPackage};
use super::{bdb, ndb, sqlite};

/// The packages of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmDatabase {
    /// The packages in the order of the database.
    pub packages: Vec<RpmPackage>,
    /// Headers that could not be read.
    pub broken: u64,
}

/// Reads a database.
///
/// # Errors
///
/// If the bytes are none of the known forms, or contradict themselves. A single header that is broken is counted.
pub fn rpm_database(bytes: &[u8]) -> Result<RpmDatabase, RpmError> {
    let mut database = RpmDatabase::default();
    let mut budget = NameBudget::default();
    // Each header has bytes of its own, so together they cannot be longer than the database.
    let mut left = bytes.len();
    let mut each = |blob: &[u8]| {
        left = left.checked_sub(blob.len()).ok_or(RpmError::TooMuch)?;
        if database.packages.len() >= MAX_PACKAGES {
            return Err(RpmError::TooMuch);
        }
        match header::parse(blob, &mut budget)? {
            Some(package) => database.packages.push(package),
            None => database.broken += 1,
        }
        Ok(())
    };
    if sqlite::is(bytes) {
        sqlite::headers(bytes, &mut each)?;
    } else if ndb::is(bytes) {
        ndb::headers(bytes, &mut each)?;
    } else if bdb::is(bytes) {
        bdb::headers(bytes, &mut each)?;
    } else {
        return Err(RpmError::Unknown);
    }
    // Keys that rpm trusts are kept as packages without files.
    database
        .packages
        .retain(|package| package.name != "gpg-pubkey");
    Ok(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_same_packages() {
        let forms: [&[u8]; 3] = [
            include_bytes!("../../../../../fuzz/corpus/rpm_database/sqlite"),
            include_bytes!("../../../../../fuzz/corpus/rpm_database/ndb"),
            include_bytes!("../../../../../fuzz/corpus/rpm_database/bdb"),
        ];
        for bytes in forms {
            let mut database = rpm_database(bytes).unwrap();
            database.packages.sort_by(|a, b| a.name.cmp(&b.name));
            let [data, hello] = &database.packages[..] else {
                panic!("{database:?}");
            };
            assert_eq!(hello.full_version(), "1:2.10-3");
            assert_eq!(hello.requires, ["/bin/sh", "greeting-data"]);
            assert_eq!(hello.vendor.as_deref(), Some("Example Project"));
            assert_eq!(hello.source.as_deref(), Some("hello-2.10-3.src.rpm"));
            assert_eq!(hello.paths().collect::<Vec<_>>(), [b"/usr/bin/hello"]);
            assert_eq!(data.licence.as_deref(), Some("MIT"));
            assert_eq!(data.provides, ["greeting-data"]);
            let files: [&[u8]; 2] = [b"/usr/share/greeting", b"/usr/share/greeting/words"];
            assert_eq!(data.paths().collect::<Vec<_>>(), files);
            assert_eq!(database.broken, 0);
        }
    }

    #[test]
    fn other_files_are_no_databases() {
        for bytes in [&b""[..], b"SQLite", &[0; 4096], b"PK\x03\x04"] {
            assert_eq!(rpm_database(bytes), Err(RpmError::Unknown));
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_with_a_magic_is_refused_or_read(
            form in 0..3usize,
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2000),
        ) {
            let magic: &[&[u8]] = &[b"SQLite format 3\0\x02\0", b"RpmP\0\0\0\0", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x15, 6, 0]];
            let _ = rpm_database(&[magic[form], &bytes].concat());
        }
    }
}
