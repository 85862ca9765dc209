//! The parts of an ELF file that say what it needs: header, program headers, dynamic section, notes.
//!
//! Section headers are not looked at (the kernel and the dynamic linker do not either). Only ranges are read, each
//! bounded, so that a library of a gigabyte costs no more than a small one.

use goblin::elf::ProgramHeader;
use goblin::elf::dynamic::{
    DF_1_NODEFLIB, DT_FLAGS_1, DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, Dyn,
};
use goblin::elf::header::{EI_CLASS, EI_DATA, ELFMAG, ET_DYN, ET_EXEC};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE};

use super::dlopen::{self, Dlopen};
use super::headers::Headers;
use super::read_at::{ElfError, ReadAt, read_exactly};

/// `DT_AUXILIARY` and `DT_FILTER`: libraries that are loaded with this one.
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;

/// `PATH_MAX` of Linux: the kernel refuses a longer interpreter.
const MAX_INTERPRETER: u64 = 4096;
const MAX_NOTES: u64 = 1 << 20;
/// The largest string tables of real programs have some ten megabytes.
const MAX_STRINGS: u64 = 64 << 20;

/// Names and directories of one file that are looked at; a bound for made-up files, as real ones have some ten.
const MAX_NAMES: usize = 4096;
const MAX_NAME: usize = 4096;
const MAX_DIRS: usize = 256;

/// OpenSSL's functions that trust the system's certificates; found as names in the table of dynamic symbols.
const DEFAULT_TRUST: [&[u8]; 2] = [
    b"SSL_CTX_set_default_verify",
    b"X509_STORE_set_default_paths",
];

/// Class, byte order and machine: the dynamic linker takes a library only if all three are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Abi {
    /// `ELFCLASS32` or `ELFCLASS64`.
    pub class: u8,
    /// `ELFDATA2LSB` or `ELFDATA2MSB`.
    pub data: u8,
    /// `EM_…`, as in the header: 62 is x86-64, 183 is AArch64.
    pub machine: u16,
}

/// Whether an ELF file can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfKind {
    /// Can be loaded: a program or a library.
    Loadable,
    /// An object file, kernel module or core dump: needs nothing at run time.
    Other,
}

/// The needs of an ELF file at run time. Names and paths are as stored, not expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfFile {
    /// The machine that it runs on.
    pub abi: Abi,
    /// Whether it can be loaded; if not, everything below is empty.
    pub kind: ElfKind,
    /// `PT_INTERP`: the path of the dynamic linker; `None` for libraries and static programs.
    pub interpreter: Option<Vec<u8>>,
    /// `DT_NEEDED`, `DT_FILTER` and `DT_AUXILIARY` in their order.
    pub needed: Vec<Vec<u8>>,
    /// `DT_SONAME`: the name under which programs that were linked with it ask for it.
    pub soname: Option<Vec<u8>>,
    /// Directories of `DT_RPATH`.
    pub rpath: Vec<Vec<u8>>,
    /// Directories of `DT_RUNPATH`; if there is one, `DT_RPATH` does not count.
    pub runpath: Option<Vec<Vec<u8>>>,
    /// `DF_1_NODEFLIB`: neither the cache nor the default directories are searched.
    pub no_default_dirs: bool,
    /// Libraries that are loaded with `dlopen`, as `.note.dlopen` declares them.
    pub dlopen: Vec<Dlopen>,
    /// Made by Go's linker.
    pub go: bool,
    /// Refers to OpenSSL's functions that load the system's default certificates.
    pub default_trust: bool,
}

impl ElfFile {
    /// Whether the bytes start as an ELF file does.
    pub fn is_elf(head: &[u8]) -> bool {
        head.starts_with(ELFMAG)
    }

    /// Machine, class and byte order from the first 64 bytes; `None` if they are not an ELF header.
    pub fn abi_of(head: &[u8]) -> Option<Abi> {
        if !Self::is_elf(head) || head.len() < 20 {
            return None;
        }
        let machine = [head[18], head[19]];
        let data = head[EI_DATA];
        Some(Abi {
            class: head[EI_CLASS],
            data,
            machine: if data == 2 {
                u16::from_be_bytes(machine)
            } else {
                u16::from_le_bytes(machine)
            },
        })
    }

    /// Reads what a file needs.
    pub fn parse(file: &impl ReadAt) -> Result<Self, ElfError> {
        let headers = Headers::read(file)?;
        let header = &headers.header;
        let abi = Abi {
            class: header.e_ident[EI_CLASS],
            data: header.e_ident[EI_DATA],
            machine: header.e_machine,
        };
        let mut elf = Self {
            abi,
            kind: ElfKind::Other,
            interpreter: None,
            needed: Vec::new(),
            soname: None,
            rpath: Vec::new(),
            runpath: None,
            no_default_dirs: false,
            dlopen: Vec::new(),
            go: false,
            default_trust: false,
        };
        // Objects (`.o`), kernel modules (`.ko`) and core dumps have no program headers that a loader reads.
        if !matches!(header.e_type, ET_EXEC | ET_DYN) {
            return Ok(elf);
        }
        elf.kind = ElfKind::Loadable;
        let segments = headers.segments(file)?;
        elf.read_segments(file, &headers, &segments)?;
        Ok(elf)
    }

    fn read_segments(
        &mut self,
        file: &impl ReadAt,
        headers: &Headers,
        segments: &[ProgramHeader],
    ) -> Result<(), ElfError> {
        let mut notes_left = MAX_NOTES;
        for segment in segments {
            let (offset, size) = (segment.p_offset, segment.p_filesz);
            match segment.p_type {
                PT_INTERP => {
                    // The kernel fails with ENOEXEC above PATH_MAX. Reading no more than that bounds what a made-up
                    // header costs.
                    let size = size.min(MAX_INTERPRETER);
                    let path = read_exactly(file, offset, size, "the interpreter")?;
                    self.interpreter = Some(until_nul(&path).to_vec());
                }
                // Together, not each: a header can list tens of thousands of segments over the same bytes.
                PT_NOTE if size <= notes_left => {
                    notes_left -= size;
                    let notes = read_exactly(file, offset, size, "a note segment")?;
                    // Notes are padded to 4 bytes by every tool but for segments of alignment 8 (`.note.gnu.property`
                    // on 64-bit machines).
                    let align = if segment.p_align == 8 { 8 } else { 4 };
                    let little = headers.ctx.le.is_little();
                    self.dlopen
                        .extend(dlopen::dlopen_notes(&notes, align, little));
                    self.go |= dlopen::has_go_note(&notes, align, little);
                }
                PT_DYNAMIC => {
                    let entries = headers.dynamic(file, segment)?;
                    self.read_dynamic(file, segments, &entries)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_dynamic(
        &mut self,
        file: &impl ReadAt,
        segments: &[ProgramHeader],
        entries: &[Dyn],
    ) -> Result<(), ElfError> {
        let value = |tag| {
            let entry = entries.iter().find(|entry| entry.d_tag == tag)?;
            Some(entry.d_val)
        };
        let strings = match value(DT_STRTAB) {
            Some(address) => {
                let size = value(DT_STRSZ).unwrap_or(0).min(MAX_STRINGS);
                // The dynamic section has addresses of the loaded program; without section headers, the segments are
                // the only way back to the file.
                let offset = file_offset(segments, address).ok_or_else(|| {
                    ElfError::Malformed("the string table lies in no segment".into())
                })?;
                read_exactly(file, offset, size, "the string table")?
            }
            None => Vec::new(),
        };
        let string = |at: u64| {
            let tail = usize::try_from(at).ok().and_then(|at| strings.get(at..));
            tail.map(until_nul).ok_or_else(|| {
                ElfError::Malformed(format!("name {at} lies outside of the string table"))
            })
        };
        // A library's name is at most 255 bytes in any file system; the bound is for the memory of made-up files.
        let name = |at: u64| match string(at)? {
            name if name.len() <= MAX_NAME => Ok(name.to_vec()),
            _ => Err(ElfError::Malformed(format!("name {at} is too long"))),
        };
        for entry in entries {
            match entry.d_tag {
                DT_NEEDED | DT_AUXILIARY | DT_FILTER if self.needed.len() < MAX_NAMES => {
                    self.needed.push(name(entry.d_val)?);
                }
                DT_SONAME => self.soname = Some(name(entry.d_val)?),
                DT_RPATH => self.rpath = split_path(string(entry.d_val)?),
                DT_RUNPATH => self.runpath = Some(split_path(string(entry.d_val)?)),
                DT_FLAGS_1 => self.no_default_dirs = entry.d_val & DF_1_NODEFLIB != 0,
                _ => {}
            }
        }
        // A search through the string table spares the symbol table: a name in it means that it is imported or
        // exported.
        self.default_trust = DEFAULT_TRUST
            .iter()
            .any(|name| memchr::memmem::find(&strings, name).is_some());
        Ok(())
    }
}

/// The offset in the file of an address of the loaded program.
fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<u64> {
    segments
        .iter()
        .filter(|segment| segment.p_type == PT_LOAD)
        .find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr)?;
            // Beyond `p_filesz` the memory is zeros (.bss) and has no place in the file.
            (inside < segment.p_filesz).then(|| segment.p_offset.checked_add(inside))?
        })
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// Directories between colons; an empty one is the working directory and stays.
fn split_path(path: &[u8]) -> Vec<Vec<u8>> {
    if path.is_empty() {
        return Vec::new();
    }
    path.split(|&b| b == b':')
        .take(MAX_DIRS)
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use proptest::prelude::*;

    fn host(path: &str) -> Vec<u8> {
        std::fs::read(path).unwrap_or_else(|e| panic!("read {path}: {e}"))
    }

    #[test]
    fn a_real_program_names_its_interpreter_and_libc() {
        let bytes = host("/bin/sh");
        let elf = ElfFile::parse(&bytes.as_slice()).unwrap();
        assert_eq!(elf.kind, ElfKind::Loadable);
        let interpreter = String::from_utf8(elf.interpreter.unwrap()).unwrap();
        assert!(std::path::Path::new(&interpreter).exists(), "{interpreter}");
        assert!(elf.needed.iter().any(|name| name.starts_with(b"libc.")));
        assert_eq!(ElfFile::abi_of(&bytes), Some(elf.abi));
    }

    #[test]
    fn only_small_ranges_of_a_large_file_are_read() {
        struct Counting<'a>(&'a [u8], std::cell::Cell<usize>);
        impl ReadAt for Counting<'_> {
            fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
                let bytes = self.0.read_at(offset, limit)?;
                self.1.set(self.1.get() + bytes.len());
                Ok(bytes)
            }
            fn size(&self) -> u64 {
                self.0.len() as u64
            }
        }
        let mut bytes = host("/bin/bash");
        bytes.resize(bytes.len() + (8 << 20), 0);
        let counting = Counting(&bytes, Default::default());
        ElfFile::parse(&counting).unwrap();
        assert!(counting.1.get() < bytes.len() / 10, "{:?}", counting.1);
    }

    #[test]
    fn a_truncated_file_is_an_error_that_says_what_is_missing() {
        let bytes = host("/bin/sh");
        let error = ElfFile::parse(&&bytes[..100]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "program headers would end beyond the end of the file"
        );
        assert!(matches!(
            ElfFile::parse(&&b"\x7fELF"[..]),
            Err(ElfError::Malformed(_))
        ));
    }

    #[test]
    fn an_address_that_wraps_is_no_offset() {
        let segment = ProgramHeader {
            p_type: PT_LOAD,
            p_offset: u64::MAX,
            p_filesz: u64::MAX,
            ..ProgramHeader::default()
        };
        assert_eq!(file_offset(&[segment], 5), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
            let bytes = [&ELFMAG[..], &[2, 1, 1], &tail].concat();
            let _ = ElfFile::parse(&tail.as_slice());
            let _ = ElfFile::parse(&bytes.as_slice());
        }

        #[test]
        fn mutated_real_files_never_panic(
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
            cut in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = host("/bin/true");
            // Most edits hit the headers and the dynamic section, where they matter.
            let dynamic = bytes.len().saturating_sub(8 << 10);
            for (i, (at, value)) in edits.iter().enumerate() {
                let at = match i % 3 {
                    0 => at.index(1024),
                    1 => dynamic + at.index(bytes.len() - dynamic),
                    _ => at.index(bytes.len()),
                };
                bytes[at] = *value;
            }
            let _ = ElfFile::parse(&bytes.as_slice());
            bytes.truncate(cut.index(bytes.len()));
            let _ = ElfFile::parse(&bytes.as_slice());
        }
    }
}
