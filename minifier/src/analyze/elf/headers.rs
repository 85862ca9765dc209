//! [`Headers`]: an ELF file's header and the tables that it leads to. Takes bytes, bounded by the file's length.
//!
//! Source: `elf(5)`.

use goblin::container::{Container, Ctx};
use goblin::elf::dynamic::{Dyn, Dynamic};
use goblin::elf::program_header::PT_DYNAMIC;
use goblin::elf::{Elf, Header, ProgramHeader, SectionHeader};

use super::read_at::{ElfError, ReadAt, read_exactly};

const MAX_DYNAMIC: u64 = 1 << 20;

/// The header of an ELF file.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) header: Header,
    pub(crate) ctx: Ctx,
}

impl Headers {
    pub(crate) fn read(file: &impl ReadAt) -> Result<Self, ElfError> {
        // 64 bytes are the header of the larger class; of a shorter file, the parser reports what is missing.
        let head = file.read_at(0, 64)?;
        let header = Elf::parse_header(&head).map_err(malformed)?;
        let container = header.container().map_err(malformed)?;
        let ctx = Ctx::new(container, header.endianness().map_err(malformed)?);
        Ok(Self { header, ctx })
    }

    pub(crate) fn segments(&self, file: &impl ReadAt) -> Result<Vec<ProgramHeader>, ElfError> {
        let (header, ctx) = (&self.header, self.ctx);
        let sizes = (header.e_phentsize, ProgramHeader::size(ctx));
        let count = usize::from(header.e_phnum);
        if count == 0 {
            return Ok(Vec::new());
        }
        let table = table(file, header.e_phoff, count, sizes, "program header")?;
        ProgramHeader::parse(&table, 0, count, ctx).map_err(malformed)
    }

    /// The section headers; none if the file has none, as what runs does not need them.
    pub(crate) fn sections(&self, file: &impl ReadAt) -> Result<Vec<SectionHeader>, ElfError> {
        let (header, ctx) = (&self.header, self.ctx);
        let sizes = (header.e_shentsize, SectionHeader::size(ctx));
        let count = usize::from(header.e_shnum);
        if header.e_shoff == 0 || count == 0 {
            return Ok(Vec::new());
        }
        let table = table(file, header.e_shoff, count, sizes, "section header")?;
        // To goblin, offset 0 means that there are none.
        let table = [&[0][..], &table].concat();
        SectionHeader::parse(&table, 1, count, ctx).map_err(malformed)
    }

    /// The entries of the dynamic section.
    pub(crate) fn dynamic(
        &self,
        file: &impl ReadAt,
        segment: &ProgramHeader,
    ) -> Result<Vec<Dyn>, ElfError> {
        let size = segment.p_filesz.min(MAX_DYNAMIC);
        let bytes = read_exactly(file, segment.p_offset, size, "the dynamic section")?;
        // goblin wants the section inside of a file: here the file is the section alone.
        let entry = match self.ctx.container {
            Container::Little => 8,
            Container::Big => 16,
        };
        let whole = ProgramHeader {
            p_type: PT_DYNAMIC,
            p_offset: 0,
            p_filesz: (bytes.len() - bytes.len() % entry) as u64,
            ..ProgramHeader::default()
        };
        let dynamic = Dynamic::parse(&bytes, &[whole], self.ctx).map_err(malformed)?;
        Ok(dynamic.map_or(Vec::new(), |dynamic| dynamic.dyns))
    }
}

/// The bytes of so many headers, which must have the size that their class says: the first of `sizes` is what the file
/// says.
fn table(
    file: &impl ReadAt,
    offset: u64,
    count: usize,
    (stated, size): (u16, usize),
    what: &str,
) -> Result<Vec<u8>, ElfError> {
    if usize::from(stated) != size {
        return Err(ElfError::Malformed(format!(
            "a {what} has {stated} bytes, not {size}"
        )));
    }
    read_exactly(file, offset, (count * size) as u64, &format!("{what}s"))
}

fn malformed(error: goblin::error::Error) -> ElfError {
    ElfError::Malformed(error.to_string())
}
