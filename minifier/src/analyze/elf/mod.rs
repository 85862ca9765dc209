//! ELF files: what they are for and what they need at run time. Takes bytes, gives [`ElfFile`].

mod dlopen;
mod parse;

pub use dlopen::{Dlopen, DlopenPriority};
pub use parse::{Abi, ElfError, ElfFile, ElfKind, ReadAt};
