//! `cargo xtask kernels`: the tracer on the kernels that people run, each in an emulated machine.
//!
//! `kernel` gets the kernels from Debian's packages (`apt`: a private root, the system's own is not touched), `compile`
//! and `system` make and fetch what runs inside, `guest` puts it together, `initramfs` packs it, `emulator` is QEMU,
//! `boot` starts it, `console` reads what the guest told, `table` shows it.

mod apt;
mod arch;
mod boot;
mod compile;
mod console;
mod emulator;
mod guest;
mod initramfs;
mod kernel;
mod layout;
mod run;
mod system;
mod table;

pub use arch::Arch;
pub use run::{Options, run};
