//! [`FileFacts`]: what is kept of a file's content.

use crate::analyze::{ElfFile, Metadata, RpmDatabase};
use crate::xray::detect::{BuildInfo, Certificate, JavaArchive, Protection, SecretMatch};
use crate::xray::model::FileKind;

/// What a file's content says.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
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
    pub(crate) archives: Vec<JavaArchive>,
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
