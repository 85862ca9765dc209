//! Java archives: the central directory of a zip, `pom.properties`, the manifest, and archives inside of archives.
//!
//! Source: PKWARE's APPNOTE 6.3.9; the JAR file specification; Maven's archiver for `pom.properties`.

use std::io::{self, Read};

use super::facts::{Archive, ArchiveManifest};

/// Archives inside of archives inside of the file.
const MAX_DEPTH: usize = 3;
const MAX_ENTRIES: usize = 200_000;
const MAX_DOCUMENT: u64 = 1 << 20;
/// Largest archive inside of another one.
const MAX_NESTED: u64 = 64 << 20;
/// All archives inside of one file together.
const MAX_TOTAL: u64 = 512 << 20;
const MAX_ARCHIVES: usize = 5000;

/// True for names of Java archives.
pub(super) fn is_java_archive(name: &[u8]) -> bool {
    [
        &b".jar"[..],
        b".war",
        b".ear",
        b".par",
        b".sar",
        b".hpi",
        b".jpi",
    ]
    .iter()
    .any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// Reads an archive and those inside of it; the first is the file itself.
pub(super) fn java_archives(bytes: &[u8]) -> Vec<Archive> {
    let mut found = Vec::new();
    let mut left = MAX_TOTAL;
    read(bytes, String::new(), 0, &mut left, &mut found);
    found
}

fn read(bytes: &[u8], inside: String, depth: usize, left: &mut u64, found: &mut Vec<Archive>) {
    let index = found.len();
    found.push(Archive {
        inside,
        size: bytes.len() as u64,
        artifacts: Vec::new(),
        manifest: ArchiveManifest::default(),
        problem: None,
    });
    if let Err(problem) = read_entries(bytes, index, depth, left, found) {
        found[index].problem = Some(problem);
    }
}

fn read_entries(
    bytes: &[u8],
    index: usize,
    depth: usize,
    left: &mut u64,
    found: &mut Vec<Archive>,
) -> Result<(), String> {
    for entry in central_directory(bytes)? {
        let entry = entry?;
        let name = entry.name;
        if name == b"META-INF/MANIFEST.MF" {
            found[index].manifest = manifest(&entry.content(bytes, MAX_DOCUMENT)?);
        } else if name.starts_with(b"META-INF/maven/") && name.ends_with(b"/pom.properties") {
            let artifact = pom_properties(&entry.content(bytes, MAX_DOCUMENT)?);
            found[index].artifacts.extend(artifact);
        } else if is_java_archive(name) {
            let text = crate::rootfs::escape_bytes(name);
            if depth + 1 > MAX_DEPTH || found.len() >= MAX_ARCHIVES {
                return Err(format!(
                    "{text} is an archive too deep inside or one too many"
                ));
            }
            if entry.size > MAX_NESTED || entry.size > *left {
                return Err(format!("{text} is too large to be looked into"));
            }
            let nested = entry.content(bytes, MAX_NESTED.min(*left))?;
            *left = left.saturating_sub(nested.len() as u64);
            let inside = match found[index].inside.as_str() {
                "" => text,
                outer => format!("{outer}!{text}"),
            };
            read(&nested, inside, depth + 1, left, found);
        }
    }
    Ok(())
}

/// An entry of the central directory.
struct Entry<'a> {
    name: &'a [u8],
    method: u16,
    packed: u64,
    size: u64,
    header_at: u64,
}

impl Entry<'_> {
    /// The content, which may not be longer than `limit`.
    fn content(&self, bytes: &[u8], limit: u64) -> Result<Vec<u8>, String> {
        let name = crate::rootfs::escape_bytes(self.name);
        let range = || {
            let at = usize::try_from(self.header_at).ok()?;
            let header = bytes.get(at..)?.get(..30)?;
            let skip = 30 + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
            bytes
                .get(at + skip..)?
                .get(..usize::try_from(self.packed).ok()?)
        };
        let packed = range().ok_or_else(|| format!("{name} lies outside of the archive"))?;
        let mut content = Vec::new();
        let read = match self.method {
            0 => packed.take(limit + 1).read_to_end(&mut content),
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(limit + 1)
                .read_to_end(&mut content),
            method => Err(io::Error::other(format!(
                "compression {method} is not known"
            ))),
        };
        read.map_err(|e| format!("{name}: {e}"))?;
        if content.len() as u64 > limit {
            return Err(format!("{name} is longer than it may be"));
        }
        Ok(content)
    }
}

/// The entries, in order. Archives that start with a script are read too.
fn central_directory(
    bytes: &[u8],
) -> Result<impl Iterator<Item = Result<Entry<'_>, String>>, String> {
    const END: &[u8] = b"PK\x05\x06";
    let tail_at = bytes.len().saturating_sub(22 + 0xffff);
    let end_at = memchr::memmem::rfind(&bytes[tail_at..], END)
        .map(|at| tail_at + at)
        .ok_or("it has no central directory")?;
    let end = &bytes[end_at..];
    let malformed = || "its central directory is malformed".to_owned();
    let count = u16_at(end, 10).ok_or_else(malformed)?;
    let size = u64::from(u32_at(end, 12).ok_or_else(malformed)?);
    let offset = u64::from(u32_at(end, 16).ok_or_else(malformed)?);
    if count == 0xffff && offset == u64::from(u32::MAX) {
        return Err("it is a zip64 archive, which is not read".into());
    }
    // What stands in front of the archive shifts all offsets.
    let shift = (end_at as u64)
        .checked_sub(size + offset)
        .ok_or_else(malformed)?;
    let mut at = usize::try_from(offset + shift).map_err(|_| malformed())?;
    let mut seen = 0;
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed || at >= end_at || seen == MAX_ENTRIES {
            return None;
        }
        seen += 1;
        let parsed = entry(bytes, at, shift);
        match parsed {
            Some((entry, next)) => {
                at = next;
                Some(Ok(entry))
            }
            None => {
                failed = true;
                Some(Err("its central directory is malformed".to_owned()))
            }
        }
    }))
}

fn entry(bytes: &[u8], at: usize, shift: u64) -> Option<(Entry<'_>, usize)> {
    let header = bytes.get(at..)?.get(..46)?;
    if !header.starts_with(b"PK\x01\x02") {
        return None;
    }
    let length = |offset| u16_at(header, offset).map(usize::from);
    let name_end = at + 46 + length(28)?;
    let entry = Entry {
        name: bytes.get(at + 46..name_end)?,
        method: u16_at(header, 10)?,
        packed: u64::from(u32_at(header, 20)?),
        size: u64::from(u32_at(header, 24)?),
        header_at: u64::from(u32_at(header, 42)?) + shift,
    };
    Some((entry, name_end + length(30)? + length(32)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Group, artifact and version; none where one of the first two is missing.
fn pom_properties(text: &[u8]) -> Option<(String, String, String)> {
    let text = String::from_utf8_lossy(text);
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    Some((
        value("groupId")?,
        value("artifactId")?,
        value("version").unwrap_or_default(),
    ))
}

/// The main section of a manifest; lines that start with a blank continue the one before.
fn manifest(text: &[u8]) -> ArchiveManifest {
    let text = String::from_utf8_lossy(text)
        .replace("\r\n", "\n")
        .replace("\n ", "");
    let main: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let value = |key: &str| {
        main.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            (name.eq_ignore_ascii_case(key) && !value.is_empty()).then(|| value.to_owned())
        })
    };
    let bundle = || {
        let name = value("Bundle-SymbolicName")?;
        Some(name.split(';').next().unwrap_or_default().trim().to_owned())
    };
    ArchiveManifest {
        title: value("Implementation-Title").or_else(bundle),
        version: value("Implementation-Version")
            .or_else(|| value("Bundle-Version"))
            .or_else(|| value("Specification-Version")),
        vendor: value("Implementation-Vendor-Id"),
        licence: value("Bundle-License"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xray::testing::zip;

    const POM: &[u8] = b"#Generated\ngroupId=org.example\nartifactId=inner\nversion=1.2\n";

    #[test]
    fn archives_inside_of_archives_are_named() {
        let inner = zip(&[("META-INF/maven/org.example/inner/pom.properties", POM)]);
        let manifest = b"Manifest-Version: 1.0\r\nImplementation-Title: out\r\n er\r\nImplementation-Version: 3\r\n\r\n";
        let middle = zip(&[("lib/inner.jar", &inner)]);
        let outer = zip(&[
            ("META-INF/MANIFEST.MF", manifest),
            ("BOOT-INF/lib/middle.jar", &middle),
        ]);
        let with_script = [b"#!/bin/sh\nexec java -jar $0\n".as_slice(), &outer].concat();
        for bytes in [&outer, &with_script] {
            let archives = java_archives(bytes);
            let insides: Vec<&str> = archives.iter().map(|a| a.inside.as_str()).collect();
            assert_eq!(
                insides,
                [
                    "",
                    "BOOT-INF/lib/middle.jar",
                    "BOOT-INF/lib/middle.jar!lib/inner.jar"
                ]
            );
            assert_eq!(archives[0].manifest.title.as_deref(), Some("outer"));
            assert_eq!(archives[0].manifest.version.as_deref(), Some("3"));
            let artifact = ("org.example".into(), "inner".into(), "1.2".into());
            assert_eq!(archives[2].artifacts, [artifact]);
            assert!(archives.iter().all(|a| a.problem.is_none()));
        }
    }

    #[test]
    fn depth_is_bounded_and_named() {
        let mut archive = zip(&[("a", b"x")]);
        for _ in 0..6 {
            archive = zip(&[("n.jar", &archive)]);
        }
        let archives = java_archives(&archive);
        assert_eq!(archives.len(), MAX_DEPTH + 1);
        assert!(
            archives[MAX_DEPTH]
                .problem
                .as_ref()
                .unwrap()
                .contains("too deep")
        );
    }

    #[test]
    fn a_manifest_that_unpacks_to_too_much_is_refused() {
        let archive = zip(&[("META-INF/MANIFEST.MF", &vec![b'\n'; 3 << 20])]);
        let problem = java_archives(&archive).remove(0).problem.unwrap();
        assert!(problem.contains("longer than it may be"), "{problem}");
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(
            edits in proptest::collection::vec((0usize..400, proptest::prelude::any::<u8>()), 0..30),
            cut in 0usize..400,
        ) {
            let mut bytes = zip(&[("META-INF/MANIFEST.MF", b"A: b\n"), ("x.jar", &zip(&[("a", b"b")]))]);
            for (at, value) in edits {
                let len = bytes.len();
                bytes[at % len] = value;
            }
            let _ = java_archives(&bytes);
            bytes.truncate(cut);
            let _ = java_archives(&bytes);
        }
    }
}
