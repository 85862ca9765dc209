//! Copies of one program take turns if the kernel may preempt programs.
//!
//! From Linux 7.2 on, programs at tracepoints can be preempted, as programs at functions always can. The kernel skips a program
//! that is already running on the same CPU for another task, and that task's event would be lost. So the user side attaches
//! several copies, one after the other. A copy does nothing if the one before it has just handled the same task. An event is
//! lost only if all copies are running on that CPU. The first of them that ends then notices it: all others are busy
//! ([`counter::CROWDED`]).

use core::ptr::{addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use minifier_common::record::{copies, counter, hook, slot};

use crate::globals::preemptible;
use crate::record::count;
use crate::task::current;

/// State that the copies of one hook's program share on one CPU. A copy writes only its own elements, each in one store, so no
/// update is lost by preemption. The one exception clears the element of the copy before, which can repeat work, but never
/// lose it.
#[repr(C)]
struct Turns {
    /// 1 while the copy is running.
    busy: [u32; copies::MOST as usize],
    /// The task that this copy, or one before it, handled last; 0 while the copy is running.
    done: [u64; copies::MOST as usize],
}

/// An element for each hook.
#[map]
static TURNS: PerCpuArray<Turns> = PerCpuArray::with_max_entries(hook::COUNT, 0);

/// Does `work` with the program's slot as copy number `copy`, unless the copy before has done it.
#[inline(always)]
pub fn take(hook: u32, copy: u32, work: impl FnOnce(u32)) {
    if preemptible() == 0 {
        return work(slot::of(hook) + copy);
    }
    let Some(turns) = TURNS.get_ptr_mut(hook) else {
        return;
    };
    let (copy, copies) = (copy as usize, copies::of(hook) as usize);
    // SAFETY: a map value of this CPU, and indices below its length.
    unsafe {
        let busy = addr_of_mut!((*turns).busy).cast::<u32>();
        let done = addr_of_mut!((*turns).done).cast::<u64>();
        write_volatile(busy.add(copy), 1);
        write_volatile(done.add(copy), 0);
        let task = current() as u64;
        if copy > 0 && read_volatile(done.add(copy - 1)) == task {
            write_volatile(done.add(copy - 1), 0);
        } else {
            work(slot::of(hook) + copy as u32);
        }
        write_volatile(done.add(copy), task);
        let mut others = 0;
        for other in 0..copies {
            if other != copy {
                others += read_volatile(busy.add(other));
            }
        }
        if others as usize == copies - 1 {
            count(counter::CROWDED + hook);
        }
        write_volatile(busy.add(copy), 0);
    }
}
