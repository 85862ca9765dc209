//! `sched_process_*`: the container's tasks and what they execute.

use core::ffi::c_void;
use core::ptr::addr_of_mut;

use aya_ebpf::helpers::generated::{
    bpf_get_current_pid_tgid, bpf_probe_read_kernel_str, bpf_task_pt_regs,
};
use minifier_common::class::Class;
use minifier_common::offsets as at;
use minifier_common::record::{PATH_MAX, counter, flag, hook, kind};

use crate::calls::{AT_FDCWD, LOST, base, starts_at_root};
use crate::globals::{
    class, number_of_execve, number_of_exit, number_of_exit_group, offset, set_class,
    task_registers,
};
use crate::record::{
    Scratch, begin, count, hand_over, hand_over_bare, number_seen, own_scratch, scratch,
};
use crate::scope;
use crate::task::{Address, current, load, place_of_file, probe, working_directory};

/// `parent` has created a thread or a process; `slot` is the program's.
#[inline(always)]
pub fn fork(slot: u32, parent: Address, child: Address) {
    // SAFETY: a helper without conditions.
    let ids = unsafe { bpf_get_current_pid_tgid() };
    if !scope::contains(ids as u32) {
        return;
    }
    count(counter::SEEN + hook::FORK);
    scope::insert(load(child, at::TASK_PID));
    let tgid: u32 = load(child, at::TASK_TGID);
    let forked: u32 = load(parent, at::TASK_TGID);
    // A thread of the same process: nothing to report.
    if tgid == forked {
        return;
    }
    let Some(scratch) = own_scratch(slot) else {
        return;
    };
    begin(scratch, tgid, kind::FORK, 0);
    // SAFETY: a map value of this CPU.
    unsafe { (*scratch).header.extra = forked };
    hand_over_bare(scratch, child, hook::FORK);
}

/// `task`, which had the thread id `old_tid`, executes another program.
#[inline(always)]
pub fn exec(slot: u32, task: Address, old_tid: u32, bprm: Address) {
    let tid: u32 = load(task, at::TASK_PID);
    let tgid: u32 = load(task, at::TASK_TGID);
    let Some(scratch) = own_scratch(slot) else {
        return;
    };
    if scope::contains(old_tid) {
        if tid != old_tid {
            // When another thread than the first executes a program, the kernel ends the others, and it takes over the
            // first one's id.
            scope::remove(old_tid);
            scope::insert(tid);
        }
    } else {
        let Some(namespace) = scope::seed(scratch, task, tgid) else {
            return;
        };
        scope::insert(tid);
        begin(scratch, tgid, kind::SEED, 0);
        // SAFETY: a map value of this CPU.
        unsafe {
            (*scratch).header.extra = namespace;
            (*scratch).header.flags = flag::BASE;
            working_directory(task, addr_of_mut!((*scratch).base));
        }
        hand_over(scratch, task, hook::EXEC);
    }
    count(counter::SEEN + hook::EXEC);

    // With a helper, not loaded directly: a load gives the verifier a typed pointer, and global functions take only numbers.
    let path = |field: usize| probe::<u64>(bprm as u64 + offset(field) as u64).unwrap_or(0);
    let filename = path(at::BPRM_FILENAME);
    let interpreter = path(at::BPRM_INTERP);
    record_loaded(slot, filename, kind::EXECUTE.into());
    // For a script, `interp` is its interpreter; for a program, the same as `filename`.
    if interpreter != 0 && interpreter != filename {
        record_loaded(slot, interpreter, kind::INTERPRETER.into());
    }
}

/// Records a path that the kernel has loaded for an execution. A global function, as
/// [`record_path`](crate::calls::record_path).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn record_loaded(slot: u32, path: u64, kind: u32) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    let (task, kind) = (current(), kind as u8);
    begin(scratch, load(task, at::TASK_TGID), kind, number_of_execve());
    // SAFETY: a map value of this CPU.
    unsafe {
        let length = kernel_path(scratch, path, PATH_MAX as u32);
        if length == LOST {
            count(counter::PATH_LOST);
            (*scratch).header.flags = flag::PATH_LOST;
        } else {
            (*scratch).length = length;
            (*scratch).header.flags = flag::BASE;
            base(scratch, task, starts_at_root(scratch), AT_FDCWD as u32);
        }
        if kind == kind::EXECUTE {
            (*scratch).header.flags |= flag::RESOLVED;
            let executable = probe::<u64>(task as u64 + offset(at::TASK_MM) as u64)
                .and_then(|memory| probe::<u64>(memory + offset(at::MM_EXE) as u64));
            (*scratch).resolved = place_of_file(executable.unwrap_or(0));
        }
    }
    hand_over(scratch, task, hook::EXEC);
    0
}

/// A thread ends.
#[inline(always)]
pub fn exit(slot: u32, task: Address) {
    let tid: u32 = load(task, at::TASK_PID);
    let tgid: u32 = load(task, at::TASK_TGID);
    // Threads that the kernel creates (io_uring) are only in scope by their process, and one of them may be the last.
    let listed = scope::contains(tid);
    if !listed && !scope::contains(tgid) {
        return;
    }
    let signal: u64 = load(task, at::TASK_SIGNAL);
    let last = probe::<u32>(signal + offset(at::SIGNAL_LIVE) as u64) == Some(0);
    if last {
        scope::remove(tgid);
        scope::process_gone(tgid);
    }
    if !listed {
        return;
    }
    // The first thread's id is that of the process, and stays in scope until the last thread has ended. The kernel does not
    // use it again before.
    if tid != tgid {
        scope::remove(tid);
    }
    count(counter::SEEN + hook::EXIT);
    if task_registers() == 0 {
        return;
    }
    // `exit` and `exit_group` do not return, so `sys_exit` never sees them.
    // SAFETY: the task is a typed pointer, and so is the result.
    let number = unsafe {
        let registers = bpf_task_pt_regs(task as *mut _) as Address;
        core::ptr::read_volatile(registers.add(offset(at::REGS_NUMBER)).cast::<u32>())
    };
    let known = class(number);
    if (number == number_of_exit() || number == number_of_exit_group())
        && known & Class::UNSEEN != 0
    {
        let Some(scratch) = own_scratch(slot) else {
            return;
        };
        if number_seen(scratch, task, tgid, number, hook::EXIT) {
            set_class(number, known & !Class::UNSEEN);
        }
    }
}

/// Reads a path in kernel memory into the scratch: its length or [`LOST`].
#[inline(always)]
pub fn kernel_path(scratch: *mut Scratch, address: u64, limit: u32) -> u32 {
    // SAFETY: a map value of this CPU with room for the longest path and a word behind it.
    unsafe {
        let data = addr_of_mut!((*scratch).data).cast::<u8>();
        let length = bpf_probe_read_kernel_str(data.cast(), limit, address as *const c_void);
        // The upper bound is for the verifier.
        if length <= 0 || length > PATH_MAX as i64 {
            return LOST;
        }
        let length = length as u32 - 1;
        data.add(length as usize).cast::<u64>().write_unaligned(0);
        length
    }
}
