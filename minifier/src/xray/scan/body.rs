//! [`Examiner`]: looks at the content of one file as it passes by.

use std::io::{self, BufRead, Read};

use jiff::Timestamp;

use super::capture::{Recorder, Windows};
use super::facts::{ElfFacts, Extra, FileFacts, NO_ROOM};
use super::wanted::{WantedContent, wanted};
use crate::analyze::{
    ElfFile, ElfKind, MAX_METADATA, MAX_RPM_DATABASE, MAX_ZIPPED, Metadata, ReadAt, Spooled,
    copyright, egg_metadata, for_each_chunk, gemspec, package_json, python_metadata, rpm_database,
    yarn_metadata,
};
use crate::image::Sha256;
use crate::rootfs::{ImagePath, IndexBudget};
use crate::xray::detect::{
    ElfTables, build_info, database_secrets, der_certificate, der_private_key, is_java_archive,
    is_library_name, is_rust, is_text, java_archives, kind_of, pem_certificates, protection,
    secrets,
};
use crate::xray::model::FileKind;
use crate::xray::weight::Weight;

/// First bytes that are held before it is decided what a file is.
const FIRST: u64 = 64 << 10;
/// Text is looked through up to this size.
const MAX_TEXT: u64 = 1 << 20;
/// ELF files are held whole up to this size; of larger ones windows are.
const MAX_ELF: u64 = 32 << 20;
/// Java archives are held whole up to this size: their directory is at the end.
const MAX_JAVA: u64 = 16 << 20;
/// Larger ones are put into a file of the host while they are looked at, up to this size.
const MAX_SPOOLED: u64 = 2 << 30;
/// As much as the kernel reads of a file to execute it.
const HEAD: usize = 256;
/// How a database of SQLite begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// How many times its bytes a database takes with the tables that are made of it.
const TABLES: u64 = 4;
/// What an object of JSON takes in such a table.
const ROW: u64 = 320;
/// How many times its own memory something takes with its part of the report.
const REPORTED: usize = 3;
/// Bundles with more certificates are a list of authorities.
const BUNDLE: usize = 20;

/// Looks at files; one for each thread.
pub(crate) struct Examiner<'a> {
    /// What may be kept.
    budget: &'a IndexBudget,
    /// When a certificate counts as expired.
    now: Timestamp,
    /// Base names of what the config names: scripts of that name are kept.
    entrypoints: &'a [Vec<u8>],
    buffer: Vec<u8>,
}

impl<'a> Examiner<'a> {
    pub(crate) fn new(budget: &'a IndexBudget, now: Timestamp, entrypoints: &'a [Vec<u8>]) -> Self {
        Self {
            budget,
            now,
            entrypoints,
            buffer: Vec::new(),
        }
    }

    /// Reads all of `body`, which is the content of `path` with `size` bytes. Problems are sentences.
    pub(crate) fn examine(
        &mut self,
        path: &ImagePath,
        size: u64,
        executable: bool,
        body: &mut dyn BufRead,
        problems: &mut Vec<String>,
    ) -> io::Result<FileFacts> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let facts = self.look(path, size, executable, body, &mut buffer, problems);
        // One large file must not cost its size for ever.
        buffer.shrink_to(4 << 20);
        self.buffer = buffer;
        facts
    }

    fn look(
        &self,
        path: &ImagePath,
        size: u64,
        executable: bool,
        body: &mut dyn BufRead,
        buffer: &mut Vec<u8>,
        problems: &mut Vec<String>,
    ) -> io::Result<FileFacts> {
        (&mut *body).take(FIRST).read_to_end(buffer)?;
        let kind = kind_of(path, buffer, size);
        let wanted = wanted(path);
        let elf = ElfFile::is_elf(buffer);
        let java = is_java_archive(path.file_name());
        let text = is_text(buffer);
        let database = buffer.starts_with(SQLITE);
        let hold = match wanted {
            // What there is no room for is not held either.
            WantedContent::Document(limit) => limit.min(self.budget.room_for_contents()),
            WantedContent::Database(limit) | WantedContent::Json(limit) => {
                limit.min(self.budget.room_for_contents() / TABLES)
            }
            WantedContent::RpmDatabase => {
                MAX_RPM_DATABASE.min(self.budget.room_for_contents() / TABLES)
            }
            WantedContent::Egg | WantedContent::YarnPackage => MAX_ZIPPED,
            WantedContent::Nothing if elf => MAX_ELF,
            WantedContent::Nothing if java => MAX_JAVA,
            WantedContent::Nothing if text || database => MAX_TEXT,
            WantedContent::Nothing => 0,
            _ => MAX_METADATA,
        };
        let mut hash = Sha256::default();
        let mut windows = None;
        let mut spooled = None;
        let large_java = java && wanted == WantedContent::Nothing && kind == FileKind::Archive;
        if size <= hold {
            body.read_to_end(buffer)?;
            hash.update(buffer);
        } else if large_java && size <= MAX_SPOOLED {
            let mut all = buffer.as_slice().chain(&mut *body);
            spooled = Some(Spooled::new(&mut all, |bytes| hash.update(bytes))?);
        } else {
            hash.update(buffer);
            if elf {
                let mut kept = Windows::new(buffer, size);
                kept.feed(buffer);
                windows = Some(kept);
            }
            for_each_chunk(body, |bytes| {
                hash.update(bytes);
                if let Some(windows) = &mut windows {
                    windows.feed(bytes);
                }
                Ok(())
            })?;
        }
        let whole = size <= hold || size <= FIRST;
        let mut extra = Extra::default();
        match (&windows, elf) {
            _ if spooled.is_some() => {
                extra.archives = spooled
                    .iter()
                    .flat_map(|file| java_archives(file))
                    .collect()
            }
            (Some(windows), _) => extra.elf = Some(elf_facts(path, windows)),
            (None, true) => extra.elf = Some(elf_facts(path, &buffer.as_slice())),
            (None, false) if whole => {
                self.document(path, wanted, buffer, &mut extra, problems);
                self.content(path, kind, text, java, buffer, &mut extra);
            }
            (None, false) if wanted != WantedContent::Nothing || java => {
                problems.push(format!(
                    "read {path}: it has {size} bytes, which is more than is read of such a file"
                ));
            }
            (None, false) => {}
        }
        if elf || buffer.starts_with(b"#!") {
            extra.head = buffer[..buffer.len().min(HEAD)].to_vec();
        }
        let named = || self.entrypoints.iter().any(|name| name == path.file_name());
        if executable && buffer.starts_with(b"#!") && whole && named() && extra.document.is_none() {
            extra.document = Some(buffer.clone());
        }
        Ok(FileFacts {
            sha256: Some(hash.finish()),
            kind,
            extra: self.keep(path, extra, tables(wanted, buffer), problems),
        })
    }

    /// What there is room for; `tables` are the bytes of those that are made of it.
    fn keep(
        &self,
        path: &ImagePath,
        extra: Extra,
        tables: u64,
        problems: &mut Vec<String>,
    ) -> Option<Box<Extra>> {
        let fits = |extra: &Extra| {
            let needs = match &extra.elf {
                Some(Ok(facts)) => facts.elf.weight(),
                _ => 0,
            };
            let told = extra.secrets.weight() + extra.certificates.weight() + needs;
            let own = size_of::<Extra>() + extra.weight() + (REPORTED - 1) * told;
            let tables = extra.document.as_ref().map_or(0, |_| tables);
            self.budget.keep_contents(own as u64 + tables)
        };
        if extra.is_empty() {
            return None;
        }
        if fits(&extra) {
            return Some(Box::new(extra));
        }
        problems.push(format!("read {path}: {NO_ROOM}"));
        let rest = extra.shed();
        (!rest.is_empty() && fits(&rest)).then(|| Box::new(rest))
    }

    /// Documents and metadata of packages.
    fn document(
        &self,
        path: &ImagePath,
        wanted: WantedContent,
        bytes: &[u8],
        extra: &mut Extra,
        problems: &mut Vec<String>,
    ) {
        let parse: fn(&[u8]) -> Option<Metadata> = match wanted {
            WantedContent::Nothing => return,
            WantedContent::Document(_) | WantedContent::Database(_) | WantedContent::Json(_) => {
                extra.document = Some(bytes.to_vec());
                return;
            }
            WantedContent::PythonMetadata => python_metadata,
            WantedContent::PackageJson => package_json,
            WantedContent::Gemspec => gemspec,
            WantedContent::Copyright => copyright,
            WantedContent::RpmDatabase => {
                extra.rpm = Some(rpm_database(bytes).map_err(|e| e.to_string()));
                return;
            }
            // Other files may have such names.
            WantedContent::Egg | WantedContent::YarnPackage if !bytes.starts_with(b"PK") => return,
            WantedContent::Egg | WantedContent::YarnPackage => {
                let read = match wanted {
                    WantedContent::Egg => egg_metadata(&bytes),
                    _ => yarn_metadata(&bytes),
                };
                extra.metadata = read.unwrap_or_else(|problem| {
                    problems.push(format!("read {path}: {problem}"));
                    None
                });
                return;
            }
        };
        extra.metadata = parse(bytes);
    }

    /// Secrets, certificates, archives.
    fn content(
        &self,
        path: &ImagePath,
        kind: FileKind,
        is_text: bool,
        java: bool,
        bytes: &[u8],
        extra: &mut Extra,
    ) {
        let name = path.file_name();
        let unlikely = matches!(
            kind,
            FileKind::Documentation | FileKind::Locale | FileKind::PackageManager
        );
        if java && kind == FileKind::Archive {
            extra.archives = java_archives(&bytes);
        } else if is_text && !unlikely && bytes.len() as u64 <= MAX_TEXT {
            let found = secrets(path, bytes);
            extra.secrets = found.secrets;
            if found.certificates {
                extra.certificates = pem_certificates(bytes);
                if extra.certificates.len() > BUNDLE {
                    let now = self.now.as_second();
                    extra.certificates.retain(|c| c.not_after < now);
                }
            }
        } else if bytes.starts_with(SQLITE) {
            // Where tools keep logins: `gcloud`, browsers, wallets.
            extra.secrets = database_secrets(bytes);
        } else if !is_text && bytes.len() < 64 << 10 && bytes.starts_with(&[0x30]) {
            let suffix = |list: &[&[u8]]| list.iter().any(|suffix| name.ends_with(suffix));
            if suffix(&[b".crt", b".cer", b".der", b".cert"]) {
                extra.certificates.extend(der_certificate(bytes));
            }
            if suffix(&[b".key", b".der", b".pk8", b".p8"]) {
                extra.secrets.extend(der_private_key(bytes));
            }
        }
    }
}

/// Bytes of the tables that are made of a document.
fn tables(wanted: WantedContent, bytes: &[u8]) -> u64 {
    let text = (TABLES - 1) * bytes.len() as u64;
    match wanted {
        WantedContent::Database(_) => text,
        WantedContent::Json(_) => text + ROW * memchr::memchr_iter(b'{', bytes).count() as u64,
        _ => 0,
    }
}

/// What a program or library needs, and how it is protected.
fn elf_facts(path: &ImagePath, file: &impl ReadAt) -> Result<ElfFacts, String> {
    let library = is_library_name(path.file_name());
    let recorder = Recorder::new(file);
    let elf = ElfFile::parse(&recorder).map_err(|e| e.to_string())?;
    let ranges = recorder.into_ranges();
    let tables = ElfTables::read(file)?;
    let protection = protection(file, &tables, library)?;
    // Libraries are not built by Go or Cargo, but for the few that are and do not say so.
    let built = match elf.kind {
        ElfKind::Loadable => build_info(file, &tables)?,
        ElfKind::Other => None,
    };
    Ok(ElfFacts {
        elf,
        rust: is_rust(file, &tables),
        protection,
        built,
        ranges,
    })
}
