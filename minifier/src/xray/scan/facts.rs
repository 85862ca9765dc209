//! [`Facts`]: what is kept of a file's content.

use crate::analyze::{ElfFile, Metadata, RpmDatabase};
use crate::xray::binaries::Protection;
use crate::xray::model::{FileKind, PackageKind};
use crate::xray::security::{Certificate, SecretMatch};

/// What a file's content says.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// SHA-256; `None` if the content was not read.
    pub(crate) sha256: Option<[u8; 32]>,
    /// What it holds.
    pub(crate) kind: FileKind,
    /// What few files have.
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few files have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    /// The content, where it is wanted whole.
    pub(crate) document: Option<Vec<u8>>,
    /// First bytes of a script or program, as many as the kernel reads to execute it.
    pub(crate) head: Vec<u8>,
    /// What an ELF file needs and how it is protected; how it is broken.
    pub(crate) elf: Option<Result<ElfFacts, String>>,
    /// Secrets found.
    pub(crate) secrets: Vec<SecretMatch>,
    /// Certificates found.
    pub(crate) certificates: Vec<Certificate>,
    /// What a package's metadata file says.
    pub(crate) metadata: Option<Metadata>,
    /// Java archives: this one and those inside of it.
    pub(crate) archives: Vec<Archive>,
    /// What a database of rpm holds; why it cannot be read.
    pub(crate) rpm: Option<Result<RpmDatabase, String>>,
}

/// Why something is not kept.
pub(crate) const NO_ROOM: &str = "there is no room for what it holds: such files take far more memory than is stored of the image";

impl Extra {
    /// What must not be lost, without what takes the most room: secrets and certificates, and of a program what it
    /// needs.
    pub(crate) fn shed(self) -> Self {
        let elf = self.elf.map(|elf| {
            elf.map(|facts| ElfFacts {
                built: None,
                ranges: Vec::new(),
                ..facts
            })
        });
        Self {
            head: self.head,
            elf,
            secrets: self.secrets,
            certificates: self.certificates,
            rpm: self.rpm.map(|_| Err(NO_ROOM.to_owned())),
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.document.is_none()
            && self.head.is_empty()
            && self.elf.is_none()
            && self.secrets.is_empty()
            && self.certificates.is_empty()
            && self.metadata.is_none()
            && self.archives.is_empty()
            && self.rpm.is_none()
    }
}

/// A program or library.
#[derive(Debug, Clone)]
pub(crate) struct ElfFacts {
    /// What it needs.
    pub(crate) elf: ElfFile,
    /// How it is protected, and what `strip` would take.
    pub(crate) protection: Protection,
    /// What is compiled into it.
    pub(crate) built: Option<BuildInfo>,
    /// Made by the Rust compiler, as its comment section says.
    pub(crate) rust: bool,
    /// The ranges that reading it took, for whoever reads it again; none if there was no room for them.
    pub(crate) ranges: Vec<(u64, Vec<u8>)>,
}

/// What a compiler left in a program about its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BuildInfo {
    /// Go or Cargo.
    pub(crate) kind: PackageKind,
    /// The compiler's version; empty if it is not said.
    pub(crate) compiler: String,
    /// Modules or crates, the main one first.
    pub(crate) modules: Vec<Module>,
}

/// A Go module or a crate in a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Empty if the program does not say it.
    pub(crate) version: String,
    /// Whether it is what the program was built from, rather than a part of it.
    pub(crate) main: bool,
    /// What it needs: indices into [`BuildInfo::modules`].
    pub(crate) needs: Vec<usize>,
}

/// A Java archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Where it is inside of the file; empty for the file itself, else `BOOT-INF/lib/a.jar`, nested ones with `!`.
    pub(crate) inside: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// SHA-256; `None` for the file itself, whose digest is with the file.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Its `pom.properties`, one for each artifact it was made from: group, artifact, version.
    pub(crate) artifacts: Vec<(String, String, String)>,
    /// Its manifest.
    pub(crate) manifest: ArchiveManifest,
    /// Why not all of it could be read.
    pub(crate) problem: Option<String>,
}

/// What `META-INF/MANIFEST.MF` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ArchiveManifest {
    pub(crate) title: Option<String>,
    /// OSGi's name of the bundle, which often begins with the group.
    pub(crate) symbolic_name: Option<String>,
    /// The name of the module that it is.
    pub(crate) module_name: Option<String>,
    pub(crate) version: Option<String>,
    /// What often is the group.
    pub(crate) vendor_id: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) licence: Option<String>,
}
