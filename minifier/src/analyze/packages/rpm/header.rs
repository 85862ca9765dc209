//! [`RpmPackage`]: the header of a package, as the database keeps it.
//!
//! Source: rpm, "Package format" (header structure) and "Tags".

use super::form::{RpmError, be32};

/// Entries of an index and bytes of data that rpm itself takes.
const MAX_ENTRIES: usize = 0xffff;
const MAX_DATA: usize = 256 << 20;
/// Names of files, and of what packages give and need, in one database.
const MAX_NAMES: usize = 1_000_000;
/// Longest name of those.
const MAX_NAME: usize = 4096;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const PACKAGER: u32 = 1015;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const FILE_STATES: u32 = 1029;
const SOURCE_RPM: u32 = 1044;
const PROVIDE_NAME: u32 = 1047;
const REQUIRE_NAME: u32 = 1049;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
/// Digest of the header, as rpm checks it.
const SHA256_HEADER: u32 = 273;

const CHAR: u32 = 1;
const INT8: u32 = 2;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// A package of an rpm database, with the names of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RpmPackage {
    /// Name, without version and architecture.
    pub name: String,
    /// `version-release`, without the epoch.
    pub version: String,
    /// Epoch, if it has one.
    pub epoch: Option<u32>,
    /// Architecture; empty if it is not said.
    pub architecture: String,
    /// Licence as declared, which may be an SPDX expression or free text.
    pub licence: Option<String>,
    /// Who distributes it, else who packaged it.
    pub vendor: Option<String>,
    /// File name of the source package.
    pub source: Option<String>,
    /// SHA-256 of its header, hexadecimal.
    pub header_sha256: Option<String>,
    /// Directories of its files, each with a slash at its end.
    pub directories: Vec<Vec<u8>>,
    /// Its files and directories: an index into `directories`, and the name there.
    pub files: Vec<(u32, Vec<u8>)>,
    /// Capabilities that it provides (`PROVIDENAME`).
    pub provides: Vec<String>,
    /// Capabilities that it requires (`REQUIRENAME`): names of packages, what they provide, or files.
    pub requires: Vec<String>,
}

impl RpmPackage {
    /// `[epoch:]version-release`, as rpm writes it.
    pub fn full_version(&self) -> String {
        match self.epoch {
            None | Some(0) => self.version.clone(),
            Some(epoch) => format!("{epoch}:{}", self.version),
        }
    }

    /// The absolute paths of its files and directories.
    pub fn paths(&self) -> impl Iterator<Item = Vec<u8>> {
        self.files.iter().filter_map(|(dir, name)| {
            let dir = self.directories.get(*dir as usize)?;
            (dir.len() + name.len() <= MAX_NAME).then(|| [dir.as_slice(), name].concat())
        })
    }
}

/// The number of names that may still be read from a database.
pub(crate) struct NameBudget {
    names: usize,
}

impl Default for NameBudget {
    fn default() -> Self {
        Self { names: MAX_NAMES }
    }
}

impl NameBudget {
    fn take<T>(&mut self, names: Vec<T>) -> Result<Vec<T>, RpmError> {
        let left = self.names.checked_sub(names.len());
        self.names = left.ok_or(RpmError::TooMuch)?;
        Ok(names)
    }
}

/// Reads a header; `None` if it is broken or names no package.
pub(crate) fn parse(blob: &[u8], budget: &mut NameBudget) -> Result<Option<RpmPackage>, RpmError> {
    let Some(header) = RpmHeader::new(blob) else {
        return Ok(None);
    };
    let (Some(name), Some(version)) = (header.string(NAME), header.string(VERSION)) else {
        return Ok(None);
    };
    let release = header.string(RELEASE).unwrap_or_default();
    let mut package = RpmPackage {
        name,
        version: format!("{version}-{release}"),
        epoch: header.numbers(EPOCH).next(),
        architecture: header.string(ARCH).unwrap_or_default(),
        licence: header.string(LICENSE),
        vendor: header.string(VENDOR).or_else(|| header.string(PACKAGER)),
        source: header.string(SOURCE_RPM),
        header_sha256: header.string(SHA256_HEADER),
        ..RpmPackage::default()
    };
    let left = budget.names;
    let text = |tag| {
        let names = header.strings(tag, left);
        names
            .into_iter()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect()
    };
    let owned = |tag| {
        let names = header.strings(tag, left);
        names.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    package.provides = budget.take(text(PROVIDE_NAME))?;
    // `rpmlib(…)` is what rpm itself must be able to do.
    let mut requires: Vec<String> = text(REQUIRE_NAME);
    requires.retain(|name| !name.starts_with("rpmlib("));
    requires.sort();
    requires.dedup();
    package.requires = budget.take(requires)?;
    package.directories = budget.take(owned(DIR_NAMES))?;
    // Files that another package has replaced, or that were not installed, are not its own.
    let states = header.bytes(FILE_STATES);
    let present = |index: usize| states.get(index).is_none_or(|&state| state == 0);
    let names = budget.take(owned(BASE_NAMES))?;
    let indexes = header.numbers(DIR_INDEXES);
    let files = names
        .into_iter()
        .zip(indexes)
        .map(|(name, dir)| (dir, name));
    package.files = present_only(files, present);
    if package.files.is_empty() {
        // Databases of the last century have whole paths.
        let names = budget.take(owned(OLD_FILE_NAMES))?;
        package.files = present_only(names.into_iter().map(|name| (0, name)), present);
        if !package.files.is_empty() {
            package.directories = vec![Vec::new()];
        }
    }
    Ok(Some(package))
}

fn present_only(
    files: impl Iterator<Item = (u32, Vec<u8>)>,
    present: impl Fn(usize) -> bool,
) -> Vec<(u32, Vec<u8>)> {
    let files = files.enumerate().filter(|(index, _)| present(*index));
    files.map(|(_, file)| file).collect()
}

/// The index of a header and its data.
struct RpmHeader<'a> {
    index: &'a [[u8; 16]],
    data: &'a [u8],
}

impl<'a> RpmHeader<'a> {
    fn new(blob: &'a [u8]) -> Option<Self> {
        let entries = be32(blob, 0)? as usize;
        let length = be32(blob, 4)? as usize;
        if entries > MAX_ENTRIES || length > MAX_DATA {
            return None;
        }
        let (index, data) = blob[8..].split_at_checked(16 * entries)?;
        Some(Self {
            index: index.as_chunks().0,
            data: data.get(..length)?,
        })
    }

    /// Type, data from its start on, and count of the tag's value.
    fn entry(&self, tag: u32) -> Option<(u32, &'a [u8], usize)> {
        let entry = self.index.iter().find(|e| be32(*e, 0) == Some(tag))?;
        let data = self.data.get(be32(entry, 8)? as usize..)?;
        Some((be32(entry, 4)?, data, be32(entry, 12)? as usize))
    }

    fn string(&self, tag: u32) -> Option<String> {
        // Names in several languages (`I18N_STRING`) begin with the untranslated one.
        let (kind, ..) = self.entry(tag)?;
        if !matches!(kind, STRING | I18N_STRING | STRING_ARRAY) {
            return None;
        }
        let text = *self.strings(tag, 1).first()?;
        let text = String::from_utf8_lossy(text);
        (!text.is_empty() && text != "(none)").then(|| text.into_owned())
    }

    /// At most `limit` and one strings of an array, so that whoever counts sees that there are too many.
    fn strings(&self, tag: u32, limit: usize) -> Vec<&'a [u8]> {
        let Some((STRING | I18N_STRING | STRING_ARRAY, data, count)) = self.entry(tag) else {
            return Vec::new();
        };
        let parts = data.split(|&b| b == 0).take(count.min(limit + 1));
        // A name that no file or package can have counts as empty, so that indexes stay those of the others.
        parts
            .map(|part| match part.len() {
                ..=MAX_NAME => part,
                _ => &[],
            })
            .collect()
    }

    fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let (data, count) = match self.entry(tag) {
            Some((INT32, data, count)) => (data, count),
            _ => (&[][..], 0),
        };
        let chunks = data.as_chunks::<4>().0.iter().take(count);
        chunks.map(|&number| u32::from_be_bytes(number))
    }

    fn bytes(&self, tag: u32) -> &'a [u8] {
        match self.entry(tag) {
            Some((CHAR | INT8, data, count)) => &data[..count.min(data.len())],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of these values: tag, type, count, data.
    fn header(values: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, count, value) in values {
            while *kind == INT32 && data.len() % 4 != 0 {
                data.push(0);
            }
            for number in [*tag, *kind, data.len() as u32, *count] {
                index.extend(number.to_be_bytes());
            }
            data.extend_from_slice(value);
        }
        let counts = [values.len() as u32, data.len() as u32];
        let counts: Vec<u8> = counts.iter().flat_map(|n| n.to_be_bytes()).collect();
        [counts, index, data].concat()
    }

    const INDEXES: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];

    fn bash() -> Vec<u8> {
        header(&[
            (NAME, STRING, 1, b"bash\0"),
            (VERSION, STRING, 1, b"5.2\0"),
            (RELEASE, STRING, 1, b"1.fc40\0"),
            (EPOCH, INT32, 1, &[0, 0, 0, 2]),
            (
                REQUIRE_NAME,
                STRING_ARRAY,
                3,
                b"libc.so.6\0rpmlib(X)\0/bin/sh\0",
            ),
            (FILE_STATES, CHAR, 3, &[0, 1, 0]),
            (DIR_INDEXES, INT32, 3, INDEXES),
            (BASE_NAMES, STRING_ARRAY, 3, b"bash\0sh\0lost\0"),
            (DIR_NAMES, STRING_ARRAY, 2, b"/etc/\0/usr/bin/\0"),
        ])
    }

    #[test]
    fn a_header_names_the_package_and_its_present_files() {
        let package = parse(&bash(), &mut NameBudget::default()).unwrap().unwrap();
        assert_eq!(
            (package.name.as_str(), &*package.full_version()),
            ("bash", "2:5.2-1.fc40")
        );
        assert_eq!(package.requires, ["/bin/sh", "libc.so.6"]);
        // The second was replaced, the third names a directory that there is none of.
        let paths: Vec<Vec<u8>> = package.paths().collect();
        assert_eq!(paths, [b"/usr/bin/bash"]);
    }

    #[test]
    fn counts_that_are_lies_give_no_more_than_there_is() {
        let lie = header(&[
            (NAME, STRING, 1, b"a\0"),
            (VERSION, STRING, 1, b"1\0"),
            (DIR_INDEXES, INT32, u32::MAX, &[0; 8]),
            (BASE_NAMES, STRING_ARRAY, u32::MAX, b"x\0y\0z"),
        ]);
        let package = parse(&lie, &mut NameBudget::default()).unwrap().unwrap();
        // The names are followed by nothing, and the indices by no more than the data has.
        assert_eq!(package.files.len(), 3);
        let mut small = NameBudget { names: 2 };
        assert_eq!(parse(&lie, &mut small), Err(RpmError::TooMuch));
    }

    proptest::proptest! {
        #[test]
        fn edited_headers_never_panic(
            edits in proptest::collection::vec((0usize..400, proptest::prelude::any::<u8>()), 0..10),
            cut in 0usize..400,
        ) {
            let mut blob = bash();
            let length = blob.len();
            for (at, value) in edits {
                blob[at % length] = value;
            }
            let _ = parse(&blob, &mut NameBudget::default());
            blob.truncate(cut);
            let _ = parse(&blob, &mut NameBudget::default());
        }
    }
}
