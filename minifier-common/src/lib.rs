//! What the kernel side and the user side of tracing must agree on: how system calls are described to the kernel
//! ([`class`]), which offsets of kernel structures it needs ([`offsets`]), the records it hands over ([`record`])
//! and, for the user side, how to read them back safely ([`decode`], feature `user`).
#![no_std]

pub mod class;
#[cfg(feature = "user")]
pub mod decode;
pub mod offsets;
pub mod record;
