//! Building a record in a per-CPU scratch, writing it to the ring buffer, and the counters.
//!
//! The stack of a program is 512 bytes, and a path alone has 4,096. Each program has a scratch of its own: if programs can be
//! preempted, another one may run on the same CPU meanwhile, but never the same one.

use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_ringbuf_output};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, RingBuf};
use minifier_common::record::{
    COMPONENTS_MAX, Group, HEADER, Header, LEAF_MAX, PATH_MAX, counter, flag, kind, slot,
};

use crate::scope::Answer;
use crate::task::{Address, Place, parent_of};
use crate::walk::{self, Walk, walk};

/// Room behind the last place where a component may start: `NAME_MAX`, a NUL, and a word to pad with.
const SLACK: usize = 264;

/// Bytes behind the header.
pub const DATA: usize = PATH_MAX + COMPONENTS_MAX + SLACK;

/// A record under construction, and other values that are too large for the stack, or that would multiply the verifier's
/// states if they were in registers.
#[repr(C)]
pub struct Scratch {
    /// Whether the task that asked last is in scope.
    pub answer: Answer,
    /// The directory that the requested path starts from, if [`flag::BASE`] is set.
    pub base: Place,
    /// The file that was reached, if [`flag::RESOLVED`] is set.
    pub resolved: Place,
    /// The walk to the root that is under way.
    pub walk: Walk,
    /// Arguments of the system call.
    pub arguments: [u64; 8],
    /// Bytes of `data` in use.
    pub cursor: u32,
    /// Bytes of the requested path.
    pub length: u32,
    /// Which scratch this is (see [`slot`]).
    pub slot: u32,
    /// Start of the record. System call, result, flags and process are written here at once.
    pub header: Header,
    /// The rest of the record, the requested path first. Only rarely used fields follow, so that a short record and
    /// everything that it needs are in few cache lines.
    pub data: [u8; DATA],
    /// Name of a control group.
    pub leaf: [u8; LEAF_MAX],
    /// A control group whose name is the container's.
    pub named: Group,
}

#[map]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(slot::COUNT, 0);

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 23, 0);

/// This CPU's scratch of the program with that [`slot`].
#[inline(always)]
pub fn scratch(slot: u32) -> Option<*mut Scratch> {
    SCRATCH.get_ptr_mut(slot)
}

/// The same, at the start of a program.
#[inline(always)]
pub fn own_scratch(slot: u32) -> Option<*mut Scratch> {
    let scratch = scratch(slot)?;
    // SAFETY: a map value of this CPU.
    unsafe { (*scratch).slot = slot };
    Some(scratch)
}

/// Adds one to a counter. Per CPU, so that no atomic instruction is needed.
#[inline(always)]
pub fn count(which: u32) {
    if let Some(counter) = COUNTERS.get_ptr_mut(which) {
        // SAFETY: a map value of this CPU.
        unsafe { *counter += 1 };
    }
}

/// Starts a record without places and without a path. Time and parent are filled in only if it is written.
#[inline(always)]
pub fn begin(scratch: *mut Scratch, tgid: u32, kind: u8, number: u32) {
    // SAFETY: a map value of this CPU.
    unsafe {
        (*scratch).header = Header {
            time: 0,
            tgid,
            parent: 0,
            syscall: number as u16,
            kind,
            result: 0,
            detail: 0,
            extra: 0,
            argument: 0,
            flags: 0,
            path_length: 0,
            base_length: 0,
            resolved_length: 0,
        };
        (*scratch).length = 0;
    }
}

/// Appends the places to the path and writes the record, about the process `task`, to the ring buffer. If that is full,
/// returns false and counts the record as lost for the hook.
#[inline(never)]
pub fn hand_over(scratch: *mut Scratch, task: Address, hook: u32) -> bool {
    // SAFETY: a map value of this CPU; every index is checked where it is used.
    unsafe {
        (*scratch).header.time = bpf_ktime_get_ns();
        (*scratch).header.parent = parent_of(task);
        let length = (*scratch).length;
        (*scratch).header.path_length = length as u16;
        write_volatile(addr_of_mut!((*scratch).cursor), length);
        (*scratch).header.base_length = write_place(scratch, 0);
        (*scratch).header.resolved_length = write_place(scratch, 1);
        output(scratch, hook)
    }
}

/// The same for a record without a path and places.
#[inline(always)]
pub fn hand_over_bare(scratch: *mut Scratch, task: Address, hook: u32) -> bool {
    // SAFETY: a map value of this CPU.
    unsafe {
        (*scratch).header.time = bpf_ktime_get_ns();
        (*scratch).header.parent = parent_of(task);
        write_volatile(addr_of_mut!((*scratch).cursor), 0);
    }
    output(scratch, hook)
}

/// Appends the components of the base (0) or of the resolved path (1); returns their length. If the walk does not reach the
/// root, nothing is appended: a part of a path would be another path.
#[inline(never)]
fn write_place(scratch: *mut Scratch, which: u32) -> u16 {
    // SAFETY: a map value of this CPU.
    unsafe {
        let shift = if which == 0 { 0 } else { 3 };
        if (*scratch).header.flags & flag::BASE << shift == 0 {
            return 0;
        }
        let cursor = addr_of_mut!((*scratch).cursor);
        let start = read_volatile(cursor);
        let outcome = walk((*scratch).slot, which);
        if outcome == walk::WHOLE {
            return (read_volatile(cursor) - start) as u16;
        }
        write_volatile(cursor, start);
        if outcome == walk::DETACHED {
            (*scratch).header.flags |= flag::BASE_DETACHED << shift;
        } else {
            (*scratch).header.flags |= flag::BASE_LOST << shift;
            count(counter::WALK_LOST);
        }
        0
    }
}

/// Writes the header and `cursor` bytes of data to the ring buffer.
///
/// `bpf_ringbuf_reserve` takes only constant sizes, and would waste 16 KiB on each record of about a hundred bytes.
#[inline(always)]
fn output(scratch: *mut Scratch, hook: u32) -> bool {
    // SAFETY: as above.
    let result = unsafe {
        let length = read_volatile(addr_of!((*scratch).cursor)) as usize;
        if length > DATA {
            return false;
        }
        bpf_ringbuf_output(
            addr_of!(EVENTS).cast_mut().cast(),
            addr_of_mut!((*scratch).header).cast(),
            (HEADER + length) as u64,
            // The user side polls: waking it for each record would cost the workload more than the record.
            u64::from(BPF_RB_NO_WAKEUP),
        )
    };
    if result != 0 {
        count(counter::LOST + hook);
    }
    result == 0
}

/// Writes a record for a system call number that was not seen before; returns whether it is in the ring buffer.
#[inline(never)]
pub fn number_seen(
    scratch: *mut Scratch,
    task: Address,
    tgid: u32,
    number: u32,
    hook: u32,
) -> bool {
    begin(scratch, tgid, kind::SYSCALL, number);
    hand_over_bare(scratch, task, hook)
}
