//! The kernel side of minifier: BTF tracepoints that record which files the tasks of one container touch.
//!
//! `sys_exit` sees every system call return ([`calls`]); `sched_process_*` follow the container's tasks ([`process`],
//! [`scope`]); `io_uring_submit_req` sees the requests that are no system calls ([`uring`]).
//! `security_file_open` sees every file that is opened ([`opens`]), if the kernel grants such a program.
//! If the kernel may preempt programs, copies of each take [`turns`].
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
use minifier_common::record::hook;

/// Programs with their copies, which take turns (see [`turns`]).
macro_rules! programs {
    ($($event:tt => $($name:ident = $copy:literal),+;)*) => {$($(
        programs!(@ $name $copy $event);
    )+)*};
    (@ $name:ident $copy:literal {
        $(#[$attribute:meta])*
        $hook:ident, |$slot:ident, $ctx:ident: $context:ty| $work:expr
    }) => {
        $(#[$attribute])*
        pub fn $name($ctx: $context) -> i32 {
            turns::take(hook::$hook, $copy, |$slot| $work);
            0
        }
    };
}

programs! {
    {
        /// `sys_exit(struct pt_regs *regs, long ret)`
        #[btf_tracepoint(function = "sys_exit")]
        SYS_EXIT, |slot, ctx: BtfTracePointContext| calls::exit(slot, ctx.arg(0), ctx.arg(1))
    } => sys_exit = 0, sys_exit_2 = 1, sys_exit_3 = 2, sys_exit_4 = 3;
    {
        /// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`
        #[btf_tracepoint(function = "sched_process_fork")]
        FORK, |slot, ctx: BtfTracePointContext| process::fork(slot, ctx.arg(0), ctx.arg(1))
    } => sched_process_fork = 0, sched_process_fork_2 = 1;
    {
        /// `sched_process_exec(struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)`
        #[btf_tracepoint(function = "sched_process_exec")]
        EXEC, |slot, ctx: BtfTracePointContext| process::exec(slot, ctx.arg(0), ctx.arg(1), ctx.arg(2))
    } => sched_process_exec = 0, sched_process_exec_2 = 1;
    {
        /// `sched_process_exit(struct task_struct *task)`
        #[btf_tracepoint(function = "sched_process_exit")]
        EXIT, |slot, ctx: BtfTracePointContext| process::exit(slot, ctx.arg(0))
    } => sched_process_exit = 0, sched_process_exit_2 = 1;
    {
        /// `io_uring_submit_req(struct io_kiocb *req)`
        #[btf_tracepoint(function = "io_uring_submit_req")]
        URING, |slot, ctx: BtfTracePointContext| uring::submit(slot, ctx.arg(0))
    } => io_uring_submit_req = 0, io_uring_submit_req_2 = 1;
    {
        /// `security_file_open(struct file *file)`
        #[fentry(function = "security_file_open")]
        OPENED, |slot, ctx: FEntryContext| opens::opened(slot, ctx.arg(0))
    } => security_file_open = 0, security_file_open_2 = 1, security_file_open_3 = 2, security_file_open_4 = 3;
    {
        /// The same, if the kernel grants LSM programs and refuses those at functions.
        #[lsm(hook = "file_open")]
        OPENED, |slot, ctx: LsmContext| opens::opened(slot, ctx.arg(0))
    } => file_open = 0, file_open_2 = 1, file_open_3 = 2, file_open_4 = 3;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Unreachable: the verifier refuses programs with an endless loop.
    loop {}
}

/// Helpers such as `bpf_probe_read_kernel` are only for programs with a GPL compatible licence; this is one of the strings that
/// the kernel knows (include/linux/license.h).
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
