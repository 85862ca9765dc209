//! How the dynamic linkers of glibc and musl find a library: search paths, `ld.so.cache`, hwcaps directories.
//!
//! Source: `ld.so(8)`, glibc `elf/dl-load.c`, musl `ldso/dynlink.c`.

mod cache;
mod conf;
mod machine;
mod search;

pub use search::{Context, Libc, LibraryHit, Linker};
