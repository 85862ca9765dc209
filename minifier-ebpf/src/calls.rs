//! `sys_exit`: the paths in the arguments of system calls.
//!
//! They are read when the call returns. The kernel has just read the path itself, so its page is in memory (at `sys_enter`, a
//! path in a page that was never touched cannot be read). On both supported machines, `pt_regs` still has the number and the
//! arguments then. The tests are in this order to keep other processes fast: the class of the call costs one load, the scope
//! a look-up.

use core::ffi::c_void;
use core::ptr::{addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str};
use minifier_common::class::{Class, NO_ARGUMENT, Shape, TABLE};
use minifier_common::offsets as at;
use minifier_common::record::{PATH_MAX, counter, flag, hook, kind};

use crate::dedup::{hash, is_known, remember};
use crate::globals::{class, number_of_sigreturn, offset, set_class};
use crate::record::{Scratch, begin, count, hand_over, number_seen, own_scratch, scratch};
use crate::scope;
use crate::task::{
    Address, current, in_compat_call, load, place_of_descriptor, root, working_directory,
};

/// The working directory in place of a descriptor.
pub const AT_FDCWD: i32 = -100;
const AF_UNIX: u16 = 1;
const EFAULT: i32 = 14;
const ENAMETOOLONG: i32 = 36;
/// `ERESTARTSYS` and its like: the kernel repeats the call after the signal, and it is recorded then.
const RESTARTS: core::ops::RangeInclusive<i64> = 512..=516;
/// Marks a number of the x32 table.
const X32: u32 = 1 << 30;
/// Longest path in a `struct sockaddr_un`, which need not end with a NUL.
const SUN_PATH: u32 = 108;

/// In place of a length: the path cannot be read.
pub const LOST: u32 = u32::MAX;
/// In place of a length: the call was given none.
pub const NO_PATH: u32 = u32::MAX - 1;

/// A system call returned `result`; `slot` is the program's.
#[inline(always)]
pub fn exit(slot: u32, registers: Address, result: i64) {
    // SAFETY: the argument is a typed pointer, which the verifier lets be loaded from directly.
    let register =
        |which: usize| unsafe { read_volatile(registers.add(offset(which)).cast::<u64>()) };
    // Four bytes: `syscallno` of arm64 is an `int`.
    // SAFETY: as above.
    let mut number = unsafe { read_volatile(registers.add(offset(at::REGS_NUMBER)).cast::<u32>()) };
    if number == u32::MAX {
        // `rt_sigreturn` has replaced the registers by those from before the signal, with -1 as the number.
        number = number_of_sigreturn();
    }
    // Cleared bits mean that this call is of no interest, or was seen before and has no path: most calls end here.
    let class = Class(class(number));
    if class.0 == 0 && (number as usize) < TABLE {
        return;
    }
    let Some(scratch) = own_scratch(slot) else {
        return;
    };
    let task = current();
    if !scope::contains_current(scratch, task) {
        return;
    }
    // The tables of 32-bit calls have other numbers. Taken for native ones, they would give wrong paths.
    if in_compat_call(task) || (number as usize >= TABLE && number & X32 != 0) {
        return count(counter::FOREIGN);
    }
    let tgid = load::<u32>(task, at::TASK_TGID);
    if class.0 & Class::UNSEEN != 0 && number_seen(scratch, task, tgid, number, hook::SYS_EXIT) {
        set_class(number, class.0 & !Class::UNSEEN);
    }
    if class.shape() == Shape::None as u32
        || (class.is_failures_only() && result >= 0)
        || RESTARTS.contains(&-result)
    {
        return;
    }
    begin(scratch, tgid, kind::ACCESS, number);
    // SAFETY: a map value of this CPU. The arguments go through memory because a register cannot be chosen by index.
    unsafe {
        let arguments = addr_of_mut!((*scratch).arguments).cast::<u64>();
        write_volatile(arguments, register(at::REGS_ARGUMENT_0));
        write_volatile(arguments.add(1), register(at::REGS_ARGUMENT_1));
        write_volatile(arguments.add(2), register(at::REGS_ARGUMENT_2));
        write_volatile(arguments.add(3), register(at::REGS_ARGUMENT_3));
        write_volatile(arguments.add(4), register(at::REGS_ARGUMENT_4));
        write_volatile(arguments.add(5), register(at::REGS_ARGUMENT_5));
        (*scratch).header.result = result as i32;
        (*scratch).header.detail = flags_of(scratch, class);
    }
    record_path(slot, class.0);
    if class.path_argument(1) != NO_ARGUMENT {
        // SAFETY: a map value of this CPU.
        unsafe {
            (*scratch).header.argument = 1;
            (*scratch).header.flags = 0;
        }
        record_path(slot, class.0);
    }
}

#[inline(always)]
fn argument(scratch: *mut Scratch, index: u32) -> u64 {
    // SAFETY: masked.
    unsafe {
        read_volatile(
            addr_of_mut!((*scratch).arguments)
                .cast::<u64>()
                .add((index & 7) as usize),
        )
    }
}

#[inline(always)]
fn flags_of(scratch: *mut Scratch, class: Class) -> u32 {
    if class.flags_argument() == NO_ARGUMENT {
        return 0;
    }
    let flags = argument(scratch, class.flags_argument());
    if !class.flags_are_behind_pointer() {
        return flags as u32;
    }
    probe_user::<u64>(flags).unwrap_or(0) as u32
}

/// Records the path of the call in that slot's scratch; which of the two is in the header's `argument`.
///
/// A global function with numbers as its arguments. The verifier checks a global function once for each program, and knows
/// only the type of its result. An inlined one would be checked at every call, and each of its results would multiply the
/// states, of which the verifier follows a million instructions at most.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn record_path(slot: u32, class: u32) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    let task = current();
    let class = Class(class);
    let shape = class.shape();
    // SAFETY: a map value of this CPU.
    unsafe {
        let which = u32::from((*scratch).header.argument);
        let succeeded = (*scratch).header.result >= 0;
        let index = class.path_argument(which);
        (*scratch).length = 0;
        let mut has_path = false;
        if index != NO_ARGUMENT && shape != Shape::Descriptor as u32 {
            match requested(scratch, class.0, index) {
                // No path was given, or the kernel itself could not read it: nothing was accessed.
                NO_PATH => return 0,
                LOST => {
                    count(counter::PATH_LOST);
                    (*scratch).header.flags |= flag::PATH_LOST;
                }
                length => {
                    (*scratch).length = length;
                    has_path = true;
                }
            }
        }
        count(counter::SEEN + hook::SYS_EXIT);

        let absolute = has_path && starts_at_root(scratch);
        // `chdir` and `chroot` that succeeded have already replaced the directory that the path started from. For chdir, the
        // user side knows the old one.
        let moved = succeeded
            && (shape == Shape::WorkingDirectory as u32 && !absolute
                || shape == Shape::Root as u32 && absolute);
        if has_path && !moved {
            (*scratch).header.flags |= flag::BASE;
            let at = class.at_argument(which);
            let descriptor = if at == NO_ARGUMENT {
                AT_FDCWD
            } else {
                argument(scratch, at) as i32
            };
            base(scratch, task, absolute, descriptor as u32);
            if (*scratch).base.dentry == 0 && !succeeded {
                // The descriptor does not exist, which is why the call failed: no loss.
                (*scratch).header.flags &= !flag::BASE;
            }
        }
        let leads_on = shape == Shape::Open as u32
            || shape == Shape::Descriptor as u32
            || shape == Shape::WorkingDirectory as u32
            || shape == Shape::Root as u32;
        if succeeded && leads_on {
            (*scratch).header.flags |= flag::RESOLVED;
            let to = addr_of_mut!((*scratch).resolved);
            if shape == Shape::Open as u32 {
                place_of_descriptor(task, (*scratch).header.result as u32, to);
            } else if shape == Shape::Descriptor as u32 {
                place_of_descriptor(task, argument(scratch, index) as u32, to);
            } else if shape == Shape::WorkingDirectory as u32 {
                working_directory(task, to);
            } else {
                root(task, to);
            }
        }
        // Marked as known only after the record is in the buffer: a lost record must not suppress its repetitions.
        let hash = if class.is_every_time() { 0 } else { hash(slot) };
        let known = hash != 0 && is_known(hash);
        if !known && hand_over(scratch, task, hook::SYS_EXIT) && hash != 0 {
            remember(hash);
        }
    }
    0
}

/// Whether the requested path is absolute.
#[inline(always)]
pub fn starts_at_root(scratch: *mut Scratch) -> bool {
    // SAFETY: a map value of this CPU. An empty path is a zero here, since zeros follow each path.
    unsafe { read_volatile(addr_of_mut!((*scratch).data).cast::<u8>()) == b'/' }
}

/// Notes the directory that the requested path starts from.
#[inline(always)]
pub fn base(scratch: *mut Scratch, task: Address, absolute: bool, descriptor: u32) {
    // SAFETY: a map value of this CPU.
    let to = unsafe { addr_of_mut!((*scratch).base) };
    if absolute {
        root(task, to);
    } else if descriptor == AT_FDCWD as u32 {
        working_directory(task, to);
    } else {
        place_of_descriptor(task, descriptor, to);
    }
}

/// Reads the path in argument `index` into the scratch: its length, [`LOST`] or [`NO_PATH`].
#[inline(never)]
fn requested(scratch: *mut Scratch, class: u32, index: u32) -> u32 {
    let class = Class(class);
    let shape = class.shape();
    let address = argument(scratch, index);
    if shape == Shape::Socket as u32 {
        // SAFETY: a map value of this CPU.
        let slot = unsafe { (*scratch).slot };
        return socket_path(slot, address, argument(scratch, index + 1));
    }
    if shape == Shape::Message as u32 {
        return match probe_user::<[u64; 2]>(address) {
            // SAFETY: a map value of this CPU.
            Some([name, length]) => unsafe {
                socket_path((*scratch).slot, name, length & 0xffff_ffff)
            },
            None => NO_PATH,
        };
    }
    // SAFETY: a map value of this CPU with room for the longest path and a word behind it.
    unsafe {
        let data = addr_of_mut!((*scratch).data).cast::<u8>();
        let result = (*scratch).header.result;
        if address == 0 {
            // With a descriptor (`utimensat`, `statx`) no path means the descriptor's file.
            if class.at_argument(0) == NO_ARGUMENT || result == -EFAULT {
                return NO_PATH;
            }
            data.cast::<u64>().write_volatile(0);
            return 0;
        }
        let length =
            bpf_probe_read_user_str(data.cast(), PATH_MAX as u32, address as *const c_void);
        // With EFAULT, the kernel could not read it either.
        if length < 0 {
            return if result == -EFAULT { NO_PATH } else { LOST };
        }
        // Too long for the kernel: no file was looked for.
        if length >= PATH_MAX as i64 && result == -ENAMETOOLONG {
            return NO_PATH;
        }
        // The length includes the NUL. Before Linux 6.13, it is 0 for an empty path.
        let length = if length == 0 { 0 } else { length as u32 - 1 };
        // Never true, but the verifier has to see a bound before the length is used as an offset.
        if length > PATH_MAX as u32 - 1 {
            return LOST;
        }
        // The hash reads whole words: a word of zeros behind the path hides what an earlier, longer one has left.
        data.add(length as usize).cast::<u64>().write_unaligned(0);
        length
    }
}

#[inline(always)]
fn probe_user<T: Copy>(address: u64) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the address and fills the value, or fails.
    unsafe {
        let result = bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const c_void,
        );
        if result == 0 {
            Some(value.assume_init())
        } else {
            None
        }
    }
}

/// Reads the path in a socket address into that slot's scratch, if it has one: its length, [`LOST`] or [`NO_PATH`].
/// A global function, as [`record_path`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn socket_path(slot: u32, address: u64, length: u64) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return LOST;
    };
    if address == 0 || length < 3 || probe_user::<u16>(address) != Some(AF_UNIX) {
        return NO_PATH;
    }
    // The path may fill the address to the end, without a NUL.
    let room = if length - 2 > u64::from(SUN_PATH) {
        SUN_PATH
    } else {
        length as u32 - 2
    };
    // SAFETY: a map value of this CPU, with more room than that.
    unsafe {
        let data = addr_of_mut!((*scratch).data).cast::<u8>();
        if bpf_probe_read_user(data.cast(), room & 127, (address + 2) as *const c_void) != 0 {
            return LOST;
        }
        let mut used = 0u32;
        while used < SUN_PATH {
            if used >= room || read_volatile(data.add(used as usize)) == 0 {
                break;
            }
            used += 1;
        }
        if used == 0 {
            // An abstract name starts with a NUL, and is not in the file system.
            return NO_PATH;
        }
        data.add(used as usize).cast::<u64>().write_unaligned(0);
        used
    }
}
