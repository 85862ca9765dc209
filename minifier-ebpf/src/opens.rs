//! `security_file_open`: the files that the kernel opens, a second source beside the system calls.
//!
//! It sees opens without a path in a system call: by io_uring and by file handle, and of files that the kernel itself loads.
//! An open on an overlay comes here twice, for the overlay's file and for the one behind it. The second file is on a private
//! mount in no mount namespace, so the walk finds it detached and the user side leaves it out. (Before Linux 6.5, it has the
//! path of the first.)

use core::ptr::addr_of_mut;

use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_task_pt_regs};
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use minifier_common::offsets as at;
use minifier_common::record::{counter, flag, hook, kind, probe as own};

use crate::dedup::{hash, is_known, remember};
use crate::globals::{offset, task_registers};
use crate::record::{begin, count, hand_over, own_scratch};
use crate::scope;
use crate::task::{Address, current, place_of_file, probe};

/// See [`own`].
#[map]
static OPENED_PROBE: Array<u32> = Array::with_max_entries(own::COUNT, 0);

/// A file (`struct file *`) is about to be opened; its path is known.
#[inline(always)]
pub fn opened(slot: u32, file: Address) {
    // SAFETY: a helper without conditions.
    let ids = unsafe { bpf_get_current_pid_tgid() };
    let (tid, tgid) = (ids as u32, (ids >> 32) as u32);
    if probed(tid) {
        return;
    }
    // io_uring's worker threads are created by the kernel without a fork event, so only their process is in scope.
    if !scope::contains(tid) && !scope::contains(tgid) {
        return;
    }
    let Some(scratch) = own_scratch(slot) else {
        return;
    };
    count(counter::SEEN + hook::OPENED);
    let task = current();
    begin(scratch, tgid, kind::OPENED, call(task));
    // SAFETY: a map value of this CPU.
    unsafe {
        (*scratch).header.flags = flag::RESOLVED;
        let flags = file as u64 + offset(at::FILE_FLAGS) as u64;
        (*scratch).header.detail = probe::<u32>(flags).unwrap_or(0);
        addr_of_mut!((*scratch).resolved).write_volatile(place_of_file(file as u64));
    }
    let hash = hash(slot);
    if !is_known(hash) && hand_over(scratch, task, hook::OPENED) {
        remember(hash);
    }
}

/// Whether it is the user side's own open, with which it tests that this program runs.
#[inline(always)]
fn probed(tid: u32) -> bool {
    if OPENED_PROBE.get(own::THREAD).copied() != Some(tid) {
        return false;
    }
    if let Some(fired) = OPENED_PROBE.get_ptr_mut(own::FIRED) {
        // SAFETY: a map value; one thread alone gets here.
        unsafe { *fired += 1 };
    }
    true
}

/// Number of the current system call.
#[inline(always)]
fn call(task: Address) -> u32 {
    if task_registers() == 0 {
        return u32::from(kind::UNKNOWN_CALL);
    }
    // SAFETY: the task is a typed pointer, and so is the result.
    unsafe {
        let registers = bpf_task_pt_regs(task as *mut _) as Address;
        core::ptr::read_volatile(registers.add(offset(at::REGS_NUMBER)).cast::<u32>())
    }
}
