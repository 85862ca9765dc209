//! [`Protection`]: the hardening of a program or library, and the bytes that `strip` would remove.
//!
//! Source: `elf(5)`; the checks are those of `checksec.sh`.

use goblin::elf::dynamic::{DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1};
use goblin::elf::header::{
    EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64, ET_DYN,
};
use goblin::elf::program_header::{PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP};
use goblin::elf::section_header::{SHF_ALLOC, SHT_NOBITS, SHT_STRTAB, SHT_SYMTAB};
use goblin::elf::{ProgramHeader, SectionHeader};
use memchr::memmem;

use crate::analyze::{Headers, ReadAt};
use crate::xray::model::{Hardening, Linkage, Relro};

const MAX_NAMES: u64 = 1 << 20;
const MAX_STRINGS: u64 = 64 << 20;

/// Hardening and size of the parts of an ELF file, by its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protection {
    pub(crate) machine: String,
    pub(crate) linkage: Linkage,
    pub(crate) hardening: Hardening,
    /// Bytes of sections with debug information.
    pub(crate) debug_bytes: u64,
    /// Bytes of sections that `strip` removes.
    pub(crate) strip_bytes: u64,
    /// Whether it has a table of symbols.
    pub(crate) symbols: bool,
}

/// The tables of an ELF file: read once for everything that looks at them.
pub(crate) struct ElfTables {
    headers: Headers,
    pub(crate) segments: Vec<ProgramHeader>,
    pub(crate) sections: Sections,
}

impl ElfTables {
    /// Reads them; the error says what is malformed.
    pub(crate) fn read(file: &impl ReadAt) -> Result<Self, String> {
        let headers = Headers::read(file).map_err(|e| e.to_string())?;
        Ok(Self {
            segments: headers.segments(file).map_err(|e| e.to_string())?,
            sections: Sections::read(file, &headers)?,
            headers,
        })
    }
}

/// Section headers of an ELF file, with the table of their names.
pub(crate) struct Sections {
    headers: Vec<SectionHeader>,
    names: Vec<u8>,
}

impl Sections {
    fn read(file: &impl ReadAt, headers: &Headers) -> Result<Self, String> {
        let sections = headers.sections(file).map_err(|e| e.to_string())?;
        // Sections are known by name only; a file whose names are missing has sections that nobody finds.
        let names = match sections.get(usize::from(headers.header.e_shstrndx)) {
            Some(names) => file
                .read_at(names.sh_offset, names.sh_size.min(MAX_NAMES))
                .map_err(|e| e.to_string())?,
            None => Vec::new(),
        };
        Ok(Self {
            headers: sections,
            names,
        })
    }

    fn name(&self, section: &SectionHeader) -> &[u8] {
        let tail = self.names.get(section.sh_name..).unwrap_or_default();
        let end = tail.iter().position(|&b| b == 0).unwrap_or(tail.len());
        &tail[..end]
    }

    /// Offset and size of the section of that name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(u64, u64)> {
        let section = self.headers.iter().find(|s| self.name(s) == name)?;
        // `.bss`, and most sections of a separate debug file, have a size and no bytes.
        (section.sh_type != SHT_NOBITS).then_some((section.sh_offset, section.sh_size))
    }

    fn debug_bytes(&self) -> u64 {
        self.bytes(|_, section| self.is_debug(section))
    }

    /// Debug information, the table of symbols and their names: what is loaded is never among them.
    fn strip_bytes(&self) -> u64 {
        let symbols = self.headers.iter().filter(|s| s.sh_type == SHT_SYMTAB);
        let names: Vec<usize> = symbols.map(|table| table.sh_link as usize).collect();
        self.bytes(|number, section| {
            section.sh_flags & u64::from(SHF_ALLOC) == 0
                && (self.is_debug(section)
                    || section.sh_type == SHT_SYMTAB
                    || names.contains(&number))
        })
    }

    fn is_debug(&self, section: &SectionHeader) -> bool {
        let name = self.name(section);
        name.starts_with(b".debug_") || name.starts_with(b".zdebug_") || name == b".gdb_index"
    }

    /// The bytes of the sections that are wanted, by their number and header.
    fn bytes(&self, wanted: impl Fn(usize, &SectionHeader) -> bool) -> u64 {
        let headers = self.headers.iter().enumerate();
        headers
            .filter(|(number, s)| s.sh_type != SHT_NOBITS && wanted(*number, s))
            .fold(0, |sum: u64, (_, s)| sum.saturating_add(s.sh_size))
    }
}

/// Reads the protection of a file. `library` says whether its name is that of a library.
pub(crate) fn protection(
    file: &impl ReadAt,
    tables: &ElfTables,
    library: bool,
) -> Result<Protection, String> {
    let ElfTables {
        headers,
        segments,
        sections,
    } = tables;
    let header = &headers.header;
    let find = |kind| segments.iter().find(|s| s.p_type == kind);
    let dynamic = match find(PT_DYNAMIC) {
        Some(segment) => headers.dynamic(file, segment).map_err(|e| e.to_string())?,
        None => Vec::new(),
    };
    let value = |tag: u64| dynamic.iter().find(|e| e.d_tag == tag).map(|e| e.d_val);
    let flags_1 = value(DT_FLAGS_1).unwrap_or(0);
    // Three ways to say the same; linkers have used each of them.
    let now = value(DT_BIND_NOW).is_some()
        || value(DT_FLAGS).unwrap_or(0) & DF_BIND_NOW != 0
        || flags_1 & DF_1_NOW != 0;
    let interpreter = find(PT_INTERP).is_some();
    let is_dyn = header.e_type == ET_DYN;
    let linkage = if interpreter && !library {
        Linkage::Dynamic
    // A static-pie program looks like a library, but for this flag.
    } else if is_dyn && !library && flags_1 & DF_1_PIE != 0 {
        Linkage::StaticPie
    } else if is_dyn {
        Linkage::Library
    } else {
        Linkage::Static
    };
    let stack = find(PT_GNU_STACK);
    let strings = strings(file, sections, linkage)?;
    let (symbols, names) = strings;
    let has = |needle: &[u8]| {
        names
            .as_deref()
            .map(|names| memmem::find(names, needle).is_some())
    };
    Ok(Protection {
        machine: machine(header.e_machine),
        linkage,
        hardening: Hardening {
            pie: is_dyn,
            relro: match find(PT_GNU_RELRO) {
                None => Relro::None,
                // The table of functions is only read-only if nothing has to be bound later.
                Some(_) if now => Relro::Full,
                Some(_) => Relro::Partial,
            },
            // Without the header, the kernel makes the stack executable on x86, for programs older than the header.
            nx: stack.map_or(!matches!(header.e_machine, EM_386 | EM_X86_64), |s| {
                s.p_flags & PF_X == 0
            }),
            // Compilers call `__stack_chk_fail`, or `__stack_chk_guard` reads the canary: either name is enough.
            stack_protector: has(b"__stack_chk_"),
            fortify: names.as_deref().map(calls_checked_functions),
        },
        debug_bytes: sections.debug_bytes(),
        strip_bytes: sections.strip_bytes(),
        symbols,
    })
}

/// Whether the file has a table of symbols that `strip` removes, and the names of its symbols if any are left.
fn strings(
    file: &impl ReadAt,
    sections: &Sections,
    linkage: Linkage,
) -> Result<(bool, Option<Vec<u8>>), String> {
    let symbols = sections.headers.iter().any(|s| s.sh_type == SHT_SYMTAB);
    let dynamic = matches!(linkage, Linkage::Dynamic | Linkage::Library);
    // Only `.dynstr` survives `strip`; of a static program, nothing does.
    let wanted: &[u8] = if dynamic { b".dynstr" } else { b".strtab" };
    let table = sections
        .headers
        .iter()
        .find(|s| s.sh_type == SHT_STRTAB && sections.name(s) == wanted);
    let Some(table) = table else {
        return Ok((symbols, None));
    };
    // Symbols of a static program that is too large to be kept are not looked at.
    match file.read_at(table.sh_offset, table.sh_size.min(MAX_STRINGS)) {
        Ok(names) => Ok((symbols, Some(names))),
        Err(_) if !dynamic => Ok((symbols, None)),
        Err(e) => Err(e.to_string()),
    }
}

/// `__memcpy_chk` and its like.
fn calls_checked_functions(names: &[u8]) -> bool {
    memmem::find_iter(names, b"_chk\0").any(|at| {
        let start = names[..at]
            .iter()
            .rposition(|&b| b == 0)
            .map_or(0, |nul| nul + 1);
        // Not `_chk` alone: a program may have a function of that name.
        names[start..].starts_with(b"__") && at > start + 2
    })
}

fn machine(number: u16) -> String {
    match number {
        EM_X86_64 => "x86_64".into(),
        EM_AARCH64 => "aarch64".into(),
        EM_386 => "i386".into(),
        EM_ARM => "arm".into(),
        EM_PPC64 => "ppc64".into(),
        EM_S390 => "s390x".into(),
        EM_RISCV => "riscv".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Protection {
        let bytes = std::fs::read(path).unwrap();
        let file = bytes.as_slice();
        protection(&file, &ElfTables::read(&file).unwrap(), false).unwrap()
    }

    #[test]
    fn a_program_of_the_distribution_is_hardened() {
        let bash = of("/bin/bash");
        assert_eq!(bash.machine, std::env::consts::ARCH);
        assert_eq!(bash.linkage, Linkage::Dynamic);
        assert!(bash.hardening.pie && bash.hardening.nx);
        assert_ne!(bash.hardening.relro, Relro::None);
        assert_eq!(bash.hardening.stack_protector, Some(true));
        assert_eq!(bash.hardening.fortify, Some(true));
        assert_eq!((bash.debug_bytes, bash.symbols), (0, false));
    }

    #[test]
    fn this_very_test_has_debug_information_and_symbols() {
        let own = of("/proc/self/exe");
        assert!(own.debug_bytes > 1 << 20, "{own:?}");
        assert!(own.symbols);
    }

    #[test]
    fn the_names_of_many_sections_are_read() {
        const COUNT: u16 = 9000;
        let names = b"\0.debug_info\0";
        let at = 64 + 64 * u64::from(COUNT);
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        file.extend([0; 16]);
        file.extend(64_u64.to_le_bytes());
        file.extend([0; 4]);
        for field in [64, 56, 0, 64, COUNT, COUNT - 1] {
            file.extend(field.to_le_bytes());
        }
        for number in 0..COUNT {
            let (name, kind, offset, size) = match COUNT - number {
                1 => (0, SHT_STRTAB, at, names.len() as u64),
                2 => (1, 1, 0, 1000),
                _ => (0, SHT_NOBITS, 0, 0),
            };
            file.extend(u32::to_le_bytes(name));
            file.extend(kind.to_le_bytes());
            file.extend([0; 16]);
            file.extend(offset.to_le_bytes());
            file.extend(size.to_le_bytes());
            file.extend([0; 24]);
        }
        file.extend(names);
        let file = file.as_slice();
        let tables = ElfTables::read(&file).unwrap();
        assert_eq!(protection(&file, &tables, false).unwrap().debug_bytes, 1000);
    }

    proptest::proptest! {
        #[test]
        fn mutated_real_files_never_panic(
            edits in proptest::collection::vec((0usize..1024, proptest::prelude::any::<u8>()), 1..40),
            cut in 0usize..40_000,
        ) {
            let mut bytes = std::fs::read("/bin/true").unwrap();
            let sections = bytes.len().saturating_sub(2048);
            for (i, (at, value)) in edits.iter().enumerate() {
                let at = if i % 2 == 0 { *at } else { sections + at };
                bytes[at] = *value;
            }
            let examine = |file: &[u8]| {
                let tables = ElfTables::read(&file)?;
                let built = super::super::buildinfo::build_info(&file, &tables);
                protection(&file, &tables, false).and(built)
            };
            let _ = examine(&bytes);
            bytes.truncate(cut);
            let _ = examine(&bytes);
        }
    }
}
