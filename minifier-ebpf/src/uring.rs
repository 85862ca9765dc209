//! `io_uring_submit_req`: paths in requests of io_uring, which are no system calls.
//!
//! When a request is submitted, the kernel has already copied its path. The file that it reaches is known only later, possibly
//! in another thread, and is not recorded here ([`opens`](crate::opens) may see it).

use core::ptr::{addr_of, addr_of_mut};

use aya_ebpf::helpers::generated::bpf_get_current_pid_tgid;
use minifier_common::offsets::{
    self as at, MISSING, URING_FLAGS, URING_SOCKET, URING_TABLE, URING_UNREADABLE,
};
use minifier_common::record::{PATH_MAX, counter, flag, hook, kind};

use crate::calls::{AT_FDCWD, LOST, NO_PATH, base, socket_path, starts_at_root};
use crate::dedup::{hash, is_known, remember};
use crate::globals::{offset, uring_operation};
use crate::process::kernel_path;
use crate::record::{Scratch, begin, count, hand_over, own_scratch, scratch};
use crate::scope;
use crate::task::{Address, current, probe};

/// A request (`struct io_kiocb *`) is submitted.
#[inline(always)]
pub fn submit(slot: u32, request: Address) {
    // SAFETY: a helper without conditions.
    let ids = unsafe { bpf_get_current_pid_tgid() };
    let tgid = (ids >> 32) as u32;
    // The thread that polls a queue (IORING_SETUP_SQPOLL) is created by the kernel without a fork event: its process
    // decides.
    if !scope::contains(ids as u32) && !scope::contains(tgid) {
        return;
    }
    let request = request as u64;
    let Some(opcode) = probe::<u8>(request + offset(at::KIOCB_OPCODE) as u64) else {
        return;
    };
    let opcode = u32::from(opcode);
    let socket = uring_operation(opcode, URING_SOCKET);
    if opcode as usize >= URING_TABLE
        || (uring_operation(opcode, 0) == MISSING && socket == MISSING)
    {
        return;
    }
    count(counter::SEEN + hook::URING);
    if uring_operation(opcode, 0) == URING_UNREADABLE {
        return count(counter::URING_LOST);
    }
    let Some(scratch) = own_scratch(slot) else {
        return;
    };
    let task = current();
    let arguments = request + offset(at::KIOCB_CMD) as u64;
    let flags = uring_operation(opcode, URING_FLAGS);
    let detail = if flags == MISSING {
        0
    } else {
        probe::<u32>(arguments + u64::from(flags)).unwrap_or(0)
    };
    begin(scratch, tgid, kind::URING, 0);
    // SAFETY: a map value of this CPU.
    unsafe {
        (*scratch).header.extra = opcode;
        (*scratch).header.detail = detail;
    }
    if socket != MISSING {
        // Address and length are neighbours, which the user side has checked.
        let length = match probe::<[u64; 2]>(arguments + u64::from(socket)) {
            Some([address, length]) => socket_path(slot, address, length & 0xffff_ffff),
            None => LOST,
        };
        return record(scratch, task, length, AT_FDCWD as u32);
    }
    // Passed through memory: global functions take only numbers, and this is a typed pointer.
    // SAFETY: a map value of this CPU.
    unsafe { addr_of_mut!((*scratch).arguments[0]).write_volatile(arguments) };
    record_name(slot, opcode, 0);
    if uring_operation(opcode, 2) != MISSING {
        record_name(slot, opcode, 1);
    }
}

/// A path that the kernel has copied, the first or second of the request whose arguments are in that slot's scratch. A
/// global function, as [`record_path`](crate::calls::record_path).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn record_name(slot: u32, opcode: u32, which: u32) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    // SAFETY: a map value of this CPU.
    let arguments = unsafe { addr_of!((*scratch).arguments[0]).read_volatile() };
    let which = which as usize & 1;
    let path = uring_operation(opcode, 2 * which);
    let length = probe::<u64>(arguments + u64::from(path))
        .and_then(|filename| probe::<u64>(filename + offset(at::FILENAME_NAME) as u64))
        .map_or(LOST, |name| kernel_path(scratch, name, PATH_MAX as u32));
    let descriptor = match uring_operation(opcode, 2 * which + 1) {
        MISSING => AT_FDCWD as u32,
        at => probe::<u32>(arguments + u64::from(at)).unwrap_or(AT_FDCWD as u32),
    };
    // SAFETY: a map value of this CPU.
    unsafe { (*scratch).header.argument = which as u8 };
    record(scratch, current(), length, descriptor);
    0
}

#[inline(always)]
fn record(scratch: *mut Scratch, task: Address, length: u32, descriptor: u32) {
    if length == NO_PATH {
        return;
    }
    if length == LOST {
        return count(counter::URING_LOST);
    }
    // SAFETY: a map value of this CPU.
    unsafe {
        (*scratch).length = length;
        (*scratch).header.flags = flag::BASE;
    }
    base(scratch, task, starts_at_root(scratch), descriptor);
    // SAFETY: a map value of this CPU.
    let hash = hash(unsafe { (*scratch).slot });
    if !is_known(hash) && hand_over(scratch, task, hook::URING) {
        remember(hash);
    }
}
