//! The kernel side of minifier: BTF tracepoints that record which files the tasks of one container touch.
//!
//! `sys_exit` sees every system call return ([`calls`], on some kernels by [`turns`]); `sched_process_*` follow the container's tasks
//! ([`process`], [`scope`]); `io_uring_submit_req` sees the requests that are no system calls ([`uring`]).
//! `security_file_open` sees every file opened, whoever asked ([`opens`]), where the kernel grants such a program.
//! What they find is de-duplicated ([`dedup`]), written out with its directories ([`walk`]) and put into a ring buffer
//! ([`record`]). No offset of a kernel structure is compiled in ([`globals`]).
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod calls;
mod dedup;
mod globals;
mod opens;
mod process;
mod record;
mod scope;
mod task;
mod turns;
mod uring;
mod walk;

use aya_ebpf::macros::{btf_tracepoint, fentry, lsm};
use aya_ebpf::programs::{BtfTracePointContext, FEntryContext, LsmContext};
use minifier_common::record::slot;

macro_rules! sys_exit {
    ($($(#[$doc:meta])* $name:ident = $copy:literal;)*) => {$(
        $(#[$doc])*
        #[btf_tracepoint(function = "sys_exit")]
        pub fn $name(ctx: BtfTracePointContext) -> i32 {
            turns::take($copy, || calls::exit(slot::SYS_EXIT + $copy, ctx.arg(0), ctx.arg(1)));
            0
        }
    )*};
}

sys_exit! {
    /// `sys_exit(struct pt_regs *regs, long ret)`
    sys_exit = 0;
    /// For when the first was preempted.
    sys_exit_2 = 1;
    /// For when both were.
    sys_exit_3 = 2;
    /// For when all three were.
    sys_exit_4 = 3;
}

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    process::fork(ctx.arg(0), ctx.arg(1));
    0
}

/// `sched_process_exec(struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)`
#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    process::exec(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// `sched_process_exit(struct task_struct *task)`
#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(ctx: BtfTracePointContext) -> i32 {
    process::exit(ctx.arg(0));
    0
}

/// `io_uring_submit_req(struct io_kiocb *req)`
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn io_uring_submit_req(ctx: BtfTracePointContext) -> i32 {
    uring::submit(ctx.arg(0));
    0
}

/// `security_file_open(struct file *file)`
#[fentry(function = "security_file_open")]
pub fn security_file_open(ctx: FEntryContext) -> i32 {
    opens::opened(ctx.arg(0));
    0
}

/// The same where programs of the security module are granted and those at functions are not.
#[lsm(hook = "file_open")]
pub fn file_open(ctx: LsmContext) -> i32 {
    opens::opened(ctx.arg(0));
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier proves that nothing gets here: a path that does would not end.
    loop {}
}

/// `bpf_probe_read_*` and `bpf_ringbuf_output` are for programs under a licence that the kernel knows as GPL compatible.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
