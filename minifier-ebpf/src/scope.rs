//! Which tasks belong to the container.
//!
//! A task comes into scope when it executes a program outside the host's mount namespace and its control group has
//! a name that the user side waits for (the container's first process, `docker exec`, health checks), or when it does
//! so in the mount namespace of the container (`nsenter`). Its children inherit. No look-up depends on the version
//! of control groups, and what the runtime does before it executes the container's program is not in scope.

use core::arch::asm;
use core::ffi::c_void;
use core::ptr::{addr_of, addr_of_mut, read_volatile};

use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_kernel_str};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};
use minifier_common::offsets as at;
use minifier_common::record::LEAF_MAX;

use crate::globals::{controllers, host_namespace, offset, own_namespace};
use crate::record::Scratch;
use crate::task::{Address, probe};

/// Tasks in scope, by thread id.
#[map]
static SCOPE: HashMap<u32, u32> = HashMap::with_max_entries(65_536, 0);

/// Names of control groups that give the container away.
#[map]
static LEAVES: HashMap<[u8; LEAF_MAX], u32> = HashMap::with_max_entries(16, 0);

/// See [`State`].
#[map]
static STATE: Array<State> = Array::with_max_entries(1, 0);

/// The container, once it was seen.
#[repr(C)]
#[derive(Clone, Copy)]
struct State {
    /// Inode number of its mount namespace; 0 before.
    namespace: u32,
    /// Thread group id of its first process.
    first: u32,
    /// 1 when that process is gone: the kernel may give the inode number to another namespace.
    gone: u32,
}

/// Control groups above a task's own that are looked at (runtimes put tasks into sub-groups).
const LEVELS: u32 = 3;

/// Most controllers (the kernel has 14).
const CONTROLLERS_MAX: u32 = 16;

/// How often the scope has changed, from 1 on: answers from before are not to be trusted.
static mut CHANGES: u64 = 1;

/// The last answer on a CPU: most calls in a row are of the same task.
#[repr(C)]
pub struct Answer {
    /// Its `struct task_struct *`.
    task: u64,
    /// Twice the value of [`CHANGES`], and 1 where the task is in scope.
    changes: u64,
}

/// Makes all answers void. The target has the instruction, but the library no method for it.
#[inline(always)]
fn changed() {
    // SAFETY: adds to a static.
    unsafe {
        asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) addr_of_mut!(CHANGES), in(reg) 1_u64);
    }
}

/// True where the task with that thread id is in scope.
#[inline(always)]
pub fn contains(tid: u32) -> bool {
    SCOPE.get_ptr(&tid).is_some()
}

/// True where the current task is in scope: as [`contains`], but cheap where it was asked just now.
#[inline(always)]
pub fn contains_current(scratch: *mut Scratch, task: Address) -> bool {
    // SAFETY: a static that is read whole, and a map value of this CPU.
    unsafe {
        let changes = read_volatile(addr_of!(CHANGES)) << 1;
        let answer = addr_of_mut!((*scratch).answer);
        if (*answer).task == task as u64 && (*answer).changes & !1 == changes {
            return (*answer).changes & 1 != 0;
        }
        let contained = contains(bpf_get_current_pid_tgid() as u32);
        answer.write_volatile(Answer {
            task: task as u64,
            changes: changes | u64::from(contained),
        });
        contained
    }
}

/// Adds a task; false where there is no room.
#[inline(always)]
pub fn insert(tid: u32) -> bool {
    let inserted = SCOPE.insert(&tid, &1, 0).is_ok();
    changed();
    inserted
}

/// Removes a task.
#[inline(always)]
pub fn remove(tid: u32) {
    let _ = SCOPE.remove(&tid);
    changed();
}

/// Why a task came into scope: its mount namespace, and how many bytes of its control group's name are in the
/// scratch (0 where the namespace alone decided).
pub struct Seed {
    /// Inode number.
    pub namespace: u32,
    /// Bytes with the NUL.
    pub leaf: u32,
}

/// Whether a task outside the scope that executes a program belongs to the container.
#[inline(always)]
pub fn seed(scratch: *mut Scratch, task: Address, tgid: u32) -> Option<Seed> {
    let namespace = mount_namespace(task as u64);
    if namespace == 0 || namespace == host_namespace() || namespace == own_namespace() {
        return None;
    }
    // SAFETY: a map value; only this hook writes it, and two first processes do not exist.
    let state = unsafe { &mut *STATE.get_ptr_mut(0)? };
    let leaf = awaited_leaf(scratch, task);
    if leaf != 0 {
        // The runtime's own helpers share the namespace of who started them; the container's program has another.
        let parent = probe::<u64>(task as u64 + offset(at::TASK_REAL_PARENT) as u64)?;
        if mount_namespace(parent) == namespace {
            return None;
        }
        if state.namespace != namespace || state.gone != 0 {
            *state = State {
                namespace,
                first: tgid,
                gone: 0,
            };
        }
    } else if state.namespace != namespace || state.gone != 0 {
        return None;
    }
    Some(Seed { namespace, leaf })
}

/// The last thread of a process is gone.
#[inline(always)]
pub fn process_gone(tgid: u32) {
    if let Some(state) = STATE.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe {
            if (*state).first == tgid {
                (*state).gone = 1;
            }
        }
    }
}

/// Inode number of a task's mount namespace, 0 where it has none any more.
#[inline(always)]
fn mount_namespace(task: u64) -> u32 {
    let number = || {
        let nsproxy = probe::<u64>(task + offset(at::TASK_NSPROXY) as u64)?;
        let namespace = probe::<u64>(nsproxy + offset(at::NSPROXY_MNT) as u64)?;
        probe::<u32>(namespace + offset(at::MNTNS_INUM) as u64)
    };
    number().unwrap_or(0)
}

/// Looks for an awaited name among the task's control groups and those right above; leaves it in the scratch.
#[inline(always)]
fn awaited_leaf(scratch: *mut Scratch, task: Address) -> u32 {
    let Some(set) = probe::<u64>(task as u64 + offset(at::TASK_CGROUPS) as u64) else {
        return 0;
    };
    // Turn 0 looks at the unified hierarchy.
    for turn in 0..=CONTROLLERS_MAX {
        if turn > controllers() {
            break;
        }
        let group = if turn == 0 {
            probe::<u64>(set + offset(at::CSS_SET_DEFAULT) as u64)
        } else {
            let state = set + offset(at::CSS_SET_SUBSYS) as u64 + u64::from(turn - 1) * 8;
            probe::<u64>(state).and_then(group_of_state)
        };
        let leaf = awaited_above(scratch, group.unwrap_or(0));
        if leaf != 0 {
            return leaf;
        }
    }
    0
}

#[inline(always)]
fn group_of_state(state: u64) -> Option<u64> {
    if state == 0 {
        None
    } else {
        probe::<u64>(state + offset(at::CSS_CGROUP) as u64)
    }
}

#[inline(never)]
fn awaited_above(scratch: *mut Scratch, group: u64) -> u32 {
    let mut group = group;
    for _ in 0..LEVELS {
        if group == 0 {
            return 0;
        }
        let name = probe::<u64>(group + offset(at::CGROUP_KN) as u64)
            .and_then(|directory| probe::<u64>(directory + offset(at::KN_NAME) as u64));
        if let Some(name) = name {
            // SAFETY: a map value of this CPU.
            unsafe {
                addr_of_mut!((*scratch).leaf)
                    .cast::<[u64; LEAF_MAX / 8]>()
                    .write([0; LEAF_MAX / 8]);
                let length = bpf_probe_read_kernel_str(
                    addr_of_mut!((*scratch).leaf).cast(),
                    LEAF_MAX as u32,
                    name as *const c_void,
                );
                if length > 0
                    && length <= LEAF_MAX as i64
                    && LEAVES.get_ptr(&*addr_of!((*scratch).leaf)).is_some()
                {
                    return length as u32;
                }
            }
        }
        let above =
            probe::<u64>(group + offset(at::CGROUP_SELF) as u64 + offset(at::CSS_PARENT) as u64);
        group = above.and_then(group_of_state).unwrap_or(0);
    }
    0
}
