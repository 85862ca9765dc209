//! ELF files: what they are for and what they need at run time. Takes bytes, gives [`ElfFile`].

mod dlopen;
mod headers;
mod parse;
mod read_at;

pub(crate) use headers::Headers;

pub use dlopen::{Dlopen, DlopenPriority};
pub use parse::{Abi, ElfFile, ElfKind};
pub use read_at::{ElfError, ReadAt};
