//! Constants that the user side sets before loading. The section is read-only and frozen, so the verifier knows the values:
//! `pointer + offset` keeps its type, and branches for other kernels are dead code that it does not check. Rust has no CO-RE
//! relocations, which do the same for C.

use core::ptr::{addr_of, read_volatile};

use minifier_common::class::TABLE;
use minifier_common::offsets;

#[unsafe(no_mangle)]
static OFFSETS: [u32; offsets::COUNT] = [0; offsets::COUNT];

/// io_uring operations, see [`offsets::URING_WORDS`].
#[unsafe(no_mangle)]
static URING_OPERATIONS: [[u32; offsets::URING_WORDS]; offsets::URING_TABLE] =
    [[offsets::MISSING; offsets::URING_WORDS]; offsets::URING_TABLE];

/// 1 if `bpf_get_current_task_btf` exists (5.11), so that fields of the task can be loaded directly.
#[unsafe(no_mangle)]
static TYPED_TASK: u32 = 0;

/// 1 if `bpf_task_pt_regs` exists (5.15).
#[unsafe(no_mangle)]
static TASK_REGISTERS: u32 = 0;

/// Bit of [`offsets::TASK_COMPAT`] that marks a 32-bit system call.
#[unsafe(no_mangle)]
static COMPAT_MASK: u32 = 0;

/// 1 if programs may be preempted, so that copies of them are attached (see [`crate::turns`]).
#[unsafe(no_mangle)]
static PREEMPTIBLE: u32 = 0;

/// Number of entries in `css_set.subsys`.
#[unsafe(no_mangle)]
static CONTROLLERS: u32 = 0;

/// Mount namespaces that are never a container's: that of the first process and our own.
#[unsafe(no_mangle)]
static HOST_NAMESPACES: [u32; 2] = [0; 2];

/// Numbers of `exit`, `exit_group`, `execve` and `rt_sigreturn`.
#[unsafe(no_mangle)]
static NUMBERS: [u32; 4] = [0; 4];

/// Start of the hashes, so that a workload cannot prepare collisions.
#[unsafe(no_mangle)]
static HASH_SEED: u64 = 0;

/// Classes of the system calls; [`minifier_common::class::Class::UNSEEN`] is cleared when a call is seen. A global in `.data`,
/// not a map with a helper call: one load decides about most calls.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data")]
static mut CLASSES: [u32; TABLE] = [0; TABLE];

/// Offset number `index` of [`offsets`].
#[inline(always)]
pub fn offset(index: usize) -> usize {
    // SAFETY: an element of a static; volatile because the value is set when the object is loaded.
    unsafe { read_volatile(addr_of!(OFFSETS).cast::<u32>().add(index)) as usize }
}

/// Word `word` of the io_uring operation `opcode`.
#[inline(always)]
pub fn uring_operation(opcode: u32, word: usize) -> u32 {
    let index = (opcode as usize & (offsets::URING_TABLE - 1)) * offsets::URING_WORDS + word;
    // SAFETY: the opcode is masked, the word below the row's length.
    unsafe { read_volatile(addr_of!(URING_OPERATIONS).cast::<u32>().add(index)) }
}

macro_rules! getters {
    ($($(#[$doc:meta])* $get:ident: $type:ty = $global:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $get() -> $type {
            // SAFETY: a static; volatile because the value is set when the object is loaded.
            unsafe { read_volatile(addr_of!($global)) }
        }
    )*};
}

getters! {
    typed_task: u32 = TYPED_TASK;
    task_registers: u32 = TASK_REGISTERS;
    compat_mask: u32 = COMPAT_MASK;
    preemptible: u32 = PREEMPTIBLE;
    controllers: u32 = CONTROLLERS;
    host_namespace: u32 = HOST_NAMESPACES[0];
    own_namespace: u32 = HOST_NAMESPACES[1];
    number_of_exit: u32 = NUMBERS[0];
    number_of_exit_group: u32 = NUMBERS[1];
    number_of_execve: u32 = NUMBERS[2];
    number_of_sigreturn: u32 = NUMBERS[3];
    hash_seed: u64 = HASH_SEED;
}

/// Class of a system call, 0 for numbers outside the table.
#[inline(always)]
pub fn class(number: u32) -> u32 {
    if number as usize >= TABLE {
        return 0;
    }
    // SAFETY: within the table; other CPUs only ever clear one bit.
    unsafe { read_volatile(addr_of!(CLASSES).cast::<u32>().add(number as usize)) }
}

/// Writes a class back.
#[inline(always)]
pub fn set_class(number: u32, class: u32) {
    if (number as usize) < TABLE {
        // SAFETY: as above.
        unsafe {
            core::ptr::addr_of_mut!(CLASSES)
                .cast::<u32>()
                .add(number as usize)
                .write_volatile(class)
        }
    }
}
