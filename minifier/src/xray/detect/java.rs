//! Java archives: `pom.properties`, the manifest, and archives inside of archives.
//!
//! Source: the JAR file specification; OSGi Core, "Bundle manifest headers"; Maven's archiver for `pom.properties`.

use std::io;

use crate::analyze::{ReadAt, Zip};
use crate::image::Sha256;
use crate::rootfs::MAX_PATH;

/// Levels of archives inside of the file.
const MAX_DEPTH: usize = 3;
const MAX_DOCUMENT: u64 = 1 << 20;
/// Bytes of archives inside of others that are unpacked at the same time.
const MAX_HELD: u64 = 64 << 20;
/// All that is unpacked of one file, bytes.
const MAX_TOTAL: u64 = 512 << 20;
const MAX_ARCHIVES: usize = 5000;
/// Artifacts that an archive and those inside of it can name.
const MAX_ARTIFACTS: usize = 5000;
/// Longest name or version.
const MAX_NAME: usize = 500;
/// Read at once to hash an archive inside of another one.
const CHUNK: u64 = 256 << 10;

/// A Java archive, as far as its directory and its records of artifacts could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JavaArchive {
    /// Its path inside of the file; empty for the file itself, otherwise `BOOT-INF/lib/a.jar`, nested ones with `!`.
    pub(crate) inside: String,
    pub(crate) size: u64,
    /// SHA-256; `None` for the file itself, whose digest is with the file.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Its `pom.properties`, one for each artifact it was made from: group, artifact, version.
    pub(crate) artifacts: Vec<(String, String, String)>,
    pub(crate) manifest: ArchiveManifest,
    /// Why not all of it could be read.
    pub(crate) problem: Option<String>,
}

/// Names and versions in `META-INF/MANIFEST.MF`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArchiveManifest {
    pub(crate) title: Option<String>,
    /// OSGi's name of the bundle, which often begins with the group.
    pub(crate) symbolic_name: Option<String>,
    /// The name of the module that it is.
    pub(crate) module_name: Option<String>,
    pub(crate) version: Option<String>,
    /// Vendor ID, which often is the group.
    pub(crate) vendor_id: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) licence: Option<String>,
}

/// Whether a file of this name is a Java archive.
pub(crate) fn is_java_archive(name: &[u8]) -> bool {
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

/// Reads an archive and those inside of it; the first is the file itself, whose digest is left to who has it.
pub(crate) fn java_archives(file: &dyn ReadAt) -> Vec<JavaArchive> {
    let mut reader = ArchiveReader {
        found: Vec::new(),
        left: MAX_TOTAL,
        held: 0,
        artifacts: 0,
    };
    reader.read(file, String::new(), 0);
    reader.found
}

struct ArchiveReader {
    found: Vec<JavaArchive>,
    /// Bytes that may still be unpacked.
    left: u64,
    /// Bytes that are unpacked now.
    held: u64,
    /// Number of artifacts so far.
    artifacts: usize,
}

impl ArchiveReader {
    fn read(&mut self, file: &dyn ReadAt, inside: String, depth: usize) {
        let index = self.found.len();
        let sha256 = match depth {
            0 => None,
            _ => sha256(file).ok(),
        };
        self.found.push(JavaArchive {
            inside,
            size: file.size(),
            sha256,
            artifacts: Vec::new(),
            manifest: ArchiveManifest::default(),
            problem: None,
        });
        // The artifacts that were read before a problem stay with the archive.
        if let Err(problem) = self.read_entries(file, index, depth) {
            self.found[index].problem = Some(problem);
        }
    }

    fn read_entries(
        &mut self,
        file: &dyn ReadAt,
        index: usize,
        depth: usize,
    ) -> Result<(), String> {
        let zip = Zip::open(file)?;
        for entry in zip.entries() {
            let entry = entry?;
            let name = entry.name;
            // No tool can unpack such a name, and each nested archive would carry it along.
            if name.len() > MAX_PATH {
                continue;
            }
            let is_manifest = name == b"META-INF/MANIFEST.MF";
            let is_pom = name.starts_with(b"META-INF/maven/") && name.ends_with(b"/pom.properties");
            if is_manifest || is_pom {
                let content = zip.content(&entry, MAX_DOCUMENT.min(self.left))?;
                self.left -= content.len() as u64;
                let archive = &mut self.found[index];
                if is_manifest {
                    archive.manifest = manifest(&content);
                } else if let Some(artifact) = pom_properties(&content) {
                    self.artifacts += 1;
                    if self.artifacts > MAX_ARTIFACTS {
                        return Err(format!("it names more than {MAX_ARTIFACTS} artifacts"));
                    }
                    archive.artifacts.push(artifact);
                }
            } else if is_java_archive(name) {
                let text = crate::rootfs::escape_bytes(name);
                // An archive in an archive costs memory for each level; a file of kilobytes can have a thousand levels.
                if depth + 1 > MAX_DEPTH || self.found.len() >= MAX_ARCHIVES {
                    return Err(format!(
                        "{text} is an archive too deep inside or one too many"
                    ));
                }
                let inside = match self.found[index].inside.as_str() {
                    "" => text.clone(),
                    outer => format!("{outer}!{text}"),
                };
                // Spring Boot stores nested archives uncompressed, so that they are read in place; so do we.
                if let Some(nested) = zip.stored(&entry) {
                    // It needs no memory, but its entries count like those of any other archive.
                    if nested.size() > self.left {
                        return Err(format!("{text} is too large to be looked into"));
                    }
                    self.left -= nested.size();
                    self.read(&nested, inside, depth + 1);
                    continue;
                }
                // An outer archive stays in memory while an inner one is read.
                let limit = self.left.min(MAX_HELD - self.held);
                if entry.size > limit {
                    return Err(format!("{text} is too large to be looked into"));
                }
                let nested = zip.content(&entry, limit)?;
                let length = nested.len() as u64;
                self.left -= length;
                self.held += length;
                self.read(&nested.as_slice(), inside, depth + 1);
                self.held -= length;
            }
        }
        Ok(())
    }
}

fn sha256(file: &dyn ReadAt) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::default();
    let mut at = 0;
    loop {
        let bytes = file.read_at(at, CHUNK)?;
        if bytes.is_empty() {
            return Ok(hash.finish());
        }
        hash.update(&bytes);
        at += bytes.len() as u64;
    }
}

/// Group, artifact and version; `None` if one of the first two is missing.
fn pom_properties(text: &[u8]) -> Option<(String, String, String)> {
    let text = String::from_utf8_lossy(text);
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let (group, artifact) = (value("groupId")?, value("artifactId")?);
    let version = value("version").unwrap_or_default();
    let fits = |text: &String| text.len() <= MAX_NAME;
    (!artifact.is_empty() && fits(&group) && fits(&artifact) && fits(&version))
        .then_some((group, artifact, version))
}

/// The main section of a manifest; lines that start with a blank continue the one before.
fn manifest(text: &[u8]) -> ArchiveManifest {
    // Lines are at most 72 bytes long and go on behind a blank (JAR file specification).
    let text = String::from_utf8_lossy(text)
        .replace("\r\n", "\n")
        .replace("\n ", "");
    // Behind the first empty line come sections about single entries.
    let main: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    let value = |key: &str| {
        main.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            let fits = !value.is_empty() && value.len() <= MAX_NAME;
            (fits && name.eq_ignore_ascii_case(key)).then(|| value.to_owned())
        })
    };
    // `${project.version}`: the build did not fill the placeholder in.
    let filled = |value: &String| !value.contains("${");
    ArchiveManifest {
        title: value("Implementation-Title").filter(filled),
        symbolic_name: value("Bundle-SymbolicName")
            .map(|name| name.split(';').next().unwrap_or_default().trim().to_owned()),
        module_name: value("Automatic-Module-Name"),
        version: value("Implementation-Version")
            .filter(filled)
            // The version of a specification is a last resort: `Servlet 4.0` is not the version of the archive.
            .or_else(|| value("Bundle-Version"))
            .or_else(|| value("Specification-Version"))
            .filter(filled),
        vendor_id: value("Implementation-Vendor-Id"),
        vendor: value("Implementation-Vendor").or_else(|| value("Bundle-Vendor")),
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
            let archives = java_archives(&bytes.as_slice());
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
            let digest = crate::image::Digest::of(&inner).to_hex();
            assert_eq!(archives[2].sha256.map(hex::encode), Some(digest));
        }
    }

    #[test]
    fn depth_is_bounded_and_named() {
        let mut archive = zip(&[("a", b"x")]);
        for _ in 0..6 {
            archive = zip(&[("n.jar", &archive)]);
        }
        let archives = java_archives(&archive.as_slice());
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
        let problem = java_archives(&archive.as_slice())
            .remove(0)
            .problem
            .unwrap();
        assert!(problem.contains("longer than it may be"), "{problem}");
    }

    #[test]
    fn many_documents_count_against_what_is_unpacked() {
        let name = |i: usize| format!("META-INF/maven/g/a{i}/pom.properties");
        let names: Vec<String> = (0..600).map(name).collect();
        let text = vec![b'\n'; 1 << 10];
        let entries: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &*text)).collect();
        let archive = zip(&entries);
        let mut reader = ArchiveReader {
            found: Vec::new(),
            left: 500 << 10,
            held: 0,
            artifacts: 0,
        };
        reader.read(&archive.as_slice(), String::new(), 0);
        let problem = reader.found.remove(0).problem.unwrap();
        assert!(problem.contains("longer than it may be"), "{problem}");
    }

    #[test]
    fn artifacts_are_counted_over_all_archives_of_a_file() {
        let names: Vec<String> = (0..MAX_ARTIFACTS / 2)
            .map(|n| format!("META-INF/maven/g/a{n}/pom.properties"))
            .collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), POM)).collect();
        let inner = zip(&entries);
        let outer = zip(&[("a.jar", &inner), ("b.jar", &inner), ("c.jar", &inner)]);
        let archives = java_archives(&outer.as_slice());
        let artifacts: usize = archives.iter().map(|archive| archive.artifacts.len()).sum();
        assert_eq!(artifacts, MAX_ARTIFACTS);
        let problem = archives[3].problem.as_deref();
        assert_eq!(problem, Some("it names more than 5000 artifacts"));
    }

    #[test]
    fn names_that_nothing_can_unpack_are_passed_over() {
        let name = format!("{}.jar", "n".repeat(5000));
        let archive = zip(&[
            (&name, &zip(&[("a", b"b")])),
            ("b.jar", &zip(&[("a", b"b")])),
        ]);
        let archives = java_archives(&archive.as_slice());
        let insides: Vec<&str> = archives.iter().map(|a| a.inside.as_str()).collect();
        assert_eq!(insides, ["", "b.jar"]);
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
            let _ = java_archives(&bytes.as_slice());
            bytes.truncate(cut);
            let _ = java_archives(&bytes.as_slice());
        }
    }
}
