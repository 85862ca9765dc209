//! The kernel side of minifier: BTF tracepoints that record which files the tasks of one container touch.
//!
//! `sys_exit` sees every system call return ([`calls`]); `sched_process_*` follow the container's tasks
//! ([`process`], [`scope`]); `io_uring_submit_req` sees the requests that are no system calls ([`uring`]).
//! What they find is de-duplicated ([`dedup`]), written out with its directories ([`walk`]) and put into a ring buffer
//! ([`record`]). No offset of a kernel structure is compiled in ([`globals`]).
#![no_std]
#![no_main]

mod calls;
mod dedup;
mod globals;
mod process;
mod record;
mod scope;
mod task;
mod uring;
mod walk;

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

/// `sys_exit(struct pt_regs *regs, long ret)`
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    calls::exit(ctx.arg(0), ctx.arg(1));
    0
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

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier proves that nothing gets here: a path that does would not end.
    loop {}
}

/// `bpf_probe_read_*` and `bpf_ringbuf_output` are for programs under a licence that the kernel knows as GPL compatible.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
