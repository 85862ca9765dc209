//! [`Examiner`]: looks at the content of one file as it passes by.

use std::io::{self, BufRead, Read};

use jiff::Timestamp;

use super::capture::{Recorder, Windows};
use super::facts::{ElfFacts, Extra, FileFacts, NO_ROOM};
use super::wanted::{WantedContent, wanted};
use crate::analyze::{
    ElfFile, ElfKind, KERNEL_HEAD, MAX_METADATA, MAX_RPM_DATABASE, MAX_ZIPPED, PackageMetadata,
    ReadAt, SpooledZip, copyright, egg_metadata, for_each_chunk, gemspec, package_json,
    python_metadata, rpm_database, yarn_metadata,
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
/// The beginning of a database of SQLite.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Memory of a database with the tables that are made of it, in times its bytes.
const TABLES: u64 = 4;
/// Bytes that an object of JSON takes in such a table.
const ROW: u64 = 320;
/// Memory of a value with its part of the report, in times its own memory.
const REPORTED: usize = 3;
/// Bundles with more certificates are a list of authorities.
const BUNDLE: usize = 20;

/// A file of a layer while its content passes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassingFile<'a> {
    pub(crate) path: &'a ImagePath,
    /// Bytes of its content, as the tar says; holes of a sparse file included.
    pub(crate) size: u64,
    /// Whether its mode lets anybody execute it.
    pub(crate) executable: bool,
}

/// Facts that the first bytes and the name of a file show. They decide how much of the file is held.
struct FirstLook {
    kind: FileKind,
    wanted: WantedContent,
    elf: bool,
    /// Whether it has the name of a Java archive.
    java: bool,
    text: bool,
    /// Whether it is a database of SQLite.
    database: bool,
}

impl FirstLook {
    fn new(path: &ImagePath, head: &[u8], size: u64) -> Self {
        Self {
            kind: kind_of(path, head, size),
            wanted: wanted(path),
            elf: ElfFile::is_elf(head),
            java: is_java_archive(path.file_name()),
            text: is_text(head),
            database: head.starts_with(SQLITE),
        }
    }
}

/// Looks at files; one for each thread.
pub(crate) struct Examiner<'a> {
    /// Memory for what is kept.
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

    /// Reads all of `body`, which is the content of `file`. Problems are sentences.
    pub(crate) fn examine(
        &mut self,
        file: PassingFile<'_>,
        body: &mut dyn BufRead,
        problems: &mut Vec<String>,
    ) -> io::Result<FileFacts> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let facts = self.look(file, body, &mut buffer, problems);
        // The buffer is used again for the next file: one large file must not cost its size until the scan ends.
        buffer.shrink_to(4 << 20);
        self.buffer = buffer;
        facts
    }

    fn look(
        &self,
        file: PassingFile<'_>,
        body: &mut dyn BufRead,
        buffer: &mut Vec<u8>,
        problems: &mut Vec<String>,
    ) -> io::Result<FileFacts> {
        let PassingFile {
            path,
            size,
            executable,
        } = file;
        (&mut *body).take(FIRST).read_to_end(buffer)?;
        let first = FirstLook::new(path, buffer, size);
        let hold = self.hold(&first);
        let mut hash = Sha256::default();
        let mut windows = None;
        let mut spooled = None;
        let large_java =
            first.java && first.wanted == WantedContent::Nothing && first.kind == FileKind::Archive;
        if size <= hold {
            body.read_to_end(buffer)?;
            hash.update(buffer);
        } else if large_java && size <= MAX_SPOOLED {
            // Its directory is at its end, and says where in the file everything is: a stream is of no use.
            let mut all = buffer.as_slice().chain(&mut *body);
            spooled = Some(SpooledZip::new(&mut all, |bytes| hash.update(bytes))?);
        } else {
            hash.update(buffer);
            if first.elf {
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
        // What is larger than may be held, but was read whole to see what it is, is looked at all the same.
        let whole = size <= hold || size <= FIRST;
        let mut extra = Extra::default();
        match (&windows, first.elf) {
            _ if spooled.is_some() => {
                extra.archives = spooled
                    .iter()
                    .flat_map(|file| java_archives(file))
                    .collect()
            }
            (Some(windows), _) => extra.elf = Some(elf_facts(path, windows)),
            (None, true) => extra.elf = Some(elf_facts(path, &buffer.as_slice())),
            (None, false) if whole => {
                document(path, first.wanted, buffer, &mut extra, problems);
                self.content(path, &first, buffer, &mut extra);
            }
            (None, false) if first.wanted != WantedContent::Nothing || first.java => {
                problems.push(format!(
                    "read {path}: it has {size} bytes, which is more than is read of such a file"
                ));
            }
            (None, false) => {}
        }
        let script = buffer.starts_with(b"#!");
        if first.elf || script {
            extra.head = buffer[..buffer.len().min(KERNEL_HEAD)].to_vec();
        }
        // `plan` reads the script that the container starts with for what it executes; other scripts are not kept,
        // since an image has thousands of them.
        let named = || self.entrypoints.iter().any(|name| name == path.file_name());
        if executable && script && whole && named() && extra.document.is_none() {
            extra.document = Some(buffer.clone());
        }
        Ok(FileFacts {
            sha256: Some(hash.finish()),
            kind: first.kind,
            extra: self.keep(path, extra, tables(first.wanted, buffer), problems),
        })
    }

    /// Up to how many bytes a file is held whole.
    fn hold(&self, first: &FirstLook) -> u64 {
        match first.wanted {
            // If there is no room to keep it, holding it would take memory for nothing.
            WantedContent::Document(limit) => limit.min(self.budget.room_for_contents()),
            WantedContent::Database(limit) | WantedContent::Json(limit) => {
                limit.min(self.budget.room_for_contents() / TABLES)
            }
            WantedContent::RpmDatabase => {
                MAX_RPM_DATABASE.min(self.budget.room_for_contents() / TABLES)
            }
            WantedContent::Egg | WantedContent::YarnPackage => MAX_ZIPPED,
            WantedContent::Nothing if first.elf => MAX_ELF,
            WantedContent::Nothing if first.java => MAX_JAVA,
            WantedContent::Nothing if first.text || first.database => MAX_TEXT,
            WantedContent::Nothing => 0,
            _ => MAX_METADATA,
        }
    }

    /// The part of `extra` that there is room for; `tables` are the bytes of the tables that are made of a document.
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
            // What appears in the report exists again there, and once more as text.
            let reported = extra.secrets.weight() + extra.certificates.weight() + needs;
            let own = size_of::<Extra>() + extra.weight() + (REPORTED - 1) * reported;
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

    /// Looks for secrets, certificates and archives in a file that is held whole.
    fn content(&self, path: &ImagePath, first: &FirstLook, bytes: &[u8], extra: &mut Extra) {
        let name = path.file_name();
        // Manuals and package databases are full of examples of secrets, and of nothing else that looks like one.
        let unlikely = matches!(
            first.kind,
            FileKind::Documentation | FileKind::Locale | FileKind::PackageManager
        );
        if first.java && first.kind == FileKind::Archive {
            extra.archives = java_archives(&bytes);
        } else if first.text && !unlikely && bytes.len() as u64 <= MAX_TEXT {
            let found = secrets(path, bytes);
            extra.secrets = found.secrets;
            if found.certificates {
                extra.certificates = pem_certificates(bytes);
                // A bundle has the public authorities: only those of them that have expired say anything.
                if extra.certificates.len() > BUNDLE {
                    let now = self.now.as_second();
                    extra.certificates.retain(|c| c.not_after < now);
                }
            }
        } else if first.database {
            // `gcloud`, browsers and wallets keep logins in databases.
            extra.secrets = database_secrets(bytes);
        } else if !first.text && bytes.len() < 64 << 10 && bytes.starts_with(&[0x30]) {
            // DER begins with the tag of a sequence, as much else does: the name has to agree.
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

/// Documents and metadata of packages.
fn document(
    path: &ImagePath,
    wanted: WantedContent,
    bytes: &[u8],
    extra: &mut Extra,
    problems: &mut Vec<String>,
) {
    let parse: fn(&[u8]) -> Option<PackageMetadata> = match wanted {
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
        // Many files end in `.egg` or `.zip`: without the mark of a zip, nobody took them for packages.
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

/// Bytes of the tables that are made of a document.
fn tables(wanted: WantedContent, bytes: &[u8]) -> u64 {
    let text = (TABLES - 1) * bytes.len() as u64;
    match wanted {
        WantedContent::Database(_) => text,
        WantedContent::Json(_) => text + ROW * memchr::memchr_iter(b'{', bytes).count() as u64,
        _ => 0,
    }
}

/// Needs and protection of a program or library.
fn elf_facts(path: &ImagePath, file: &impl ReadAt) -> Result<ElfFacts, String> {
    let library = is_library_name(path.file_name());
    let recorder = Recorder::new(file);
    let elf = ElfFile::parse(&recorder).map_err(|e| e.to_string())?;
    let ranges = recorder.into_ranges();
    let tables = ElfTables::read(file)?;
    let protection = protection(file, &tables, library)?;
    // A core dump or an object has segments that look like those of a program; only a loadable file is built of modules.
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
