//! [`FileFacts`]: what is kept of a file once its content has passed by.

use crate::analyze::{ElfFile, PackageMetadata, RpmDatabase};
use crate::xray::detect::{BuildInfo, Certificate, JavaArchive, Protection, SecretMatch};
use crate::xray::model::FileKind;

/// Facts about the content of a file.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
    /// SHA-256; `None` if the content was not read.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Kind of its content.
    pub(crate) kind: FileKind,
    /// Contents and findings; few files have any, so they are boxed.
    pub(crate) extra: Option<Box<Extra>>,
}

/// Contents that were kept of a file, and what detectors found in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    /// The content, if it is wanted whole.
    pub(crate) document: Option<Vec<u8>>,
    /// First bytes of a script or program, as many as the kernel reads to execute it.
    pub(crate) head: Vec<u8>,
    /// Needs and protection of an ELF file, or how it is broken.
    pub(crate) elf: Option<Result<ElfFacts, String>>,
    /// Secrets that were found; never the secrets themselves.
    pub(crate) secrets: Vec<SecretMatch>,
    /// Certificates that were found; of a bundle, only those that have expired.
    pub(crate) certificates: Vec<Certificate>,
    /// Name, version and needs of a package, by its metadata file.
    pub(crate) metadata: Option<PackageMetadata>,
    /// Java archives: this one and those inside of it.
    pub(crate) archives: Vec<JavaArchive>,
    /// Packages of a database of rpm, or why it cannot be read.
    pub(crate) rpm: Option<Result<RpmDatabase, String>>,
}

/// Why the contents of a file are not kept.
pub(crate) const NO_ROOM: &str = "there is no room for what it holds: such files take far more memory than is stored of the image";

impl Extra {
    /// The part that must not be lost, without what takes the most room: secrets and certificates, and the needs of a
    /// program.
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
            // With its reason: the report has to say that packages are missing because of the limit, not of the database.
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
    /// Libraries and interpreter that it needs.
    pub(crate) elf: ElfFile,
    /// Its hardening, and the bytes that `strip` would remove.
    pub(crate) protection: Protection,
    /// Modules or crates that are compiled into it; `None` if it has no record of them.
    pub(crate) built: Option<BuildInfo>,
    /// Whether the Rust compiler made it, as its comment section says.
    pub(crate) rust: bool,
    /// The ranges that reading it took, for whoever reads it again; empty if there was no room for them.
    pub(crate) ranges: Vec<(u64, Vec<u8>)>,
}
