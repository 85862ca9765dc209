//! Which tasks belong to the container.
//!
//! A task comes into scope when it executes a program outside the host's mount namespace and its control group is the
//! container's (its first process, `docker exec`, health checks), or when it does so in the mount namespace of the
//! container (`nsenter`). Its children inherit the scope. This works with both versions of control groups, and leaves out the
//! runtime's own set-up, which comes before the container's program is executed.
//!
//! With an OCI runtime, the user side knows the container's group before the start. With Docker, the start creates the group,
//! and only its name is known before; but anybody can give a group that name. The first group of the name is taken, and from
//! then on only that one. The user side checks later whether it was the right one.

use core::arch::asm;
use core::ffi::c_void;
use core::ptr::{addr_of, addr_of_mut, read_volatile};

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_probe_read_kernel_str};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};
use minifier_common::offsets as at;
use minifier_common::record::{Group, LEAF_MAX, TASKS_MAX, counter};

use crate::globals::{controllers, host_namespace, offset, own_namespace};
use crate::record::{Scratch, count, scratch};
use crate::task::{Address, probe};

/// Tasks in scope, by thread id.
#[map]
static SCOPE: HashMap<u32, u32> = HashMap::with_max_entries(TASKS_MAX, 0);

/// Names that the container's control group may have.
#[map]
static LEAVES: HashMap<[u8; LEAF_MAX], u32> = HashMap::with_max_entries(16, 0);

/// The container's control groups, once they are known: one in each hierarchy, and [`Group::KNOWN`].
#[map]
static GROUPS: HashMap<Group, u32> = HashMap::with_max_entries(64, 0);

/// See [`State`].
#[map]
static STATE: Array<State> = Array::with_max_entries(1, 0);

/// The container, after its first process was seen.
#[repr(C)]
#[derive(Clone, Copy)]
struct State {
    /// Inode number of its mount namespace; 0 before.
    namespace: u32,
    /// Thread group id of its first process.
    first: u32,
    /// 1 when that process has ended: the kernel may then give the inode number to another namespace.
    gone: u32,
}

/// Levels of control groups that are looked at, from a task's own upwards: some runtimes put tasks into sub-groups.
const LEVELS: u32 = 3;

/// Most controllers (the kernel has 14).
const CONTROLLERS_MAX: u32 = 16;

/// Number of changes of the scope, plus 1. It makes earlier answers invalid.
static mut CHANGES: u64 = 1;

/// The last answer on a CPU. Most successive calls are of the same task, and comparing two words is cheaper than a look-up
/// in the hash map.
#[repr(C)]
pub struct Answer {
    /// Its `struct task_struct *`.
    task: u64,
    /// Twice the value of [`CHANGES`], plus 1 if the task is in scope.
    changes: u64,
}

/// Makes all answers invalid. In assembly: the target has the atomic instruction, but the library has no method for it.
#[inline(always)]
fn changed() {
    // SAFETY: adds to a static.
    unsafe {
        asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) addr_of_mut!(CHANGES), in(reg) 1_u64);
    }
}

/// Whether the task with that thread id is in scope.
#[inline(always)]
pub fn contains(tid: u32) -> bool {
    SCOPE.get_ptr(&tid).is_some()
}

/// Whether the current task is in scope: as [`contains`], but cheap if it was asked before.
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

/// Adds a task. If the map is full, it is counted: the trace is then incomplete.
#[inline(always)]
pub fn insert(tid: u32) {
    if SCOPE.insert(&tid, &1, 0).is_err() {
        count(counter::UNFOLLOWED);
    }
    changed();
}

/// Removes a task, or a process with its first thread's id.
#[inline(always)]
pub fn remove(tid: u32) {
    let _ = SCOPE.remove(&tid);
    changed();
}

/// The inode number of the mount namespace of a task that executes a program, if the task belongs to the container and is not
/// yet in scope; otherwise `None`.
#[inline(always)]
pub fn seed(scratch: *mut Scratch, task: Address, tgid: u32) -> Option<u32> {
    let namespace = mount_namespace(task as u64);
    if namespace == 0 || namespace == host_namespace() || namespace == own_namespace() {
        return None;
    }
    // SAFETY: a map value; only this hook writes it, and of two first processes one alone has the group.
    let state = unsafe { &mut *STATE.get_ptr_mut(0)? };
    if is_in_group(scratch, task) {
        // Helpers of the runtime run in the container's group too, but in the namespace of their parent. The container's
        // program has another one than the runtime that started it.
        let parent = probe::<u64>(task as u64 + offset(at::TASK_REAL_PARENT) as u64)?;
        if mount_namespace(parent) == namespace {
            return None;
        }
        if is_group_taken(scratch) {
            if state.namespace != namespace || state.gone != 0 {
                *state = State {
                    namespace,
                    first: tgid,
                    gone: 0,
                };
            }
            return Some(namespace);
        }
    }
    if state.namespace != namespace || state.gone != 0 {
        return None;
    }
    Some(namespace)
}

/// Notes that the last thread of a process has ended.
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

/// Inode number of a task's mount namespace; 0 if it has none any more.
#[inline(always)]
fn mount_namespace(task: u64) -> u32 {
    let number = || {
        let nsproxy = probe::<u64>(task + offset(at::TASK_NSPROXY) as u64)?;
        let namespace = probe::<u64>(nsproxy + offset(at::NSPROXY_MNT) as u64)?;
        probe::<u32>(namespace + offset(at::MNTNS_INUM) as u64)
    };
    number().unwrap_or(0)
}

/// Whether one of the task's control groups, or one of the next above, is the container's or has its name. A group that only
/// has the name is noted in the scratch.
#[inline(always)]
fn is_in_group(scratch: *mut Scratch, task: Address) -> bool {
    // SAFETY: a map value of this CPU.
    let slot = unsafe {
        (*scratch).named = Group::NONE;
        (*scratch).slot
    };
    let Some(set) = probe::<u64>(task as u64 + offset(at::TASK_CGROUPS) as u64) else {
        return false;
    };
    // Turn 0 is the unified hierarchy; the others are the controllers of version 1, each possibly in a hierarchy of its own.
    // `bpf_get_current_cgroup_id` would know only version 2.
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
        if look_above(slot, group.unwrap_or(0)) != 0 {
            return true;
        }
    }
    // SAFETY: as above.
    unsafe { read_volatile(addr_of!((*scratch).named.inode)) != 0 }
}

/// Makes the group that only has the name the container's, unless the container's is already known; returns false if it is
/// another one.
#[inline(always)]
fn is_group_taken(scratch: *mut Scratch) -> bool {
    // SAFETY: a map value of this CPU.
    let named = unsafe { read_volatile(addr_of!((*scratch).named)) };
    if named.inode == 0 {
        return true;
    }
    // Of two tasks on two CPUs, only one can create the entry.
    if GROUPS
        .insert(&Group::KNOWN, &1, u64::from(BPF_NOEXIST))
        .is_err()
    {
        count(counter::NAMESAKE);
        return false;
    }
    GROUPS.insert(&named, &1, 0).is_ok()
}

#[inline(always)]
fn group_of_state(state: u64) -> Option<u64> {
    if state == 0 {
        None
    } else {
        probe::<u64>(state + offset(at::CSS_CGROUP) as u64)
    }
}

/// Looks at a control group and the next ones above; returns 1 if one is the container's. Otherwise the first that has its
/// name is noted in the scratch. A global function, as [`record_path`](crate::calls::record_path).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn look_above(slot: u32, group: u64) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    let mut group = group;
    for _ in 0..LEVELS {
        if group == 0 {
            return 0;
        }
        if let Some(identity) = identity(group) {
            // SAFETY: a map value of this CPU.
            unsafe {
                if GROUPS.get_ptr(&identity).is_some() {
                    (*scratch).named = Group::NONE;
                    return 1;
                }
                if read_volatile(addr_of!((*scratch).named.inode)) == 0 && is_named(scratch, group)
                {
                    (*scratch).named = identity;
                }
            }
        }
        let above =
            probe::<u64>(group + offset(at::CGROUP_SELF) as u64 + offset(at::CSS_PARENT) as u64);
        group = above.and_then(group_of_state).unwrap_or(0);
    }
    0
}

#[inline(always)]
fn identity(group: u64) -> Option<Group> {
    let directory = probe::<u64>(group + offset(at::CGROUP_KN) as u64)?;
    let root = probe::<u64>(group + offset(at::CGROUP_ROOT) as u64)?;
    Some(Group {
        inode: probe::<u64>(directory + offset(at::KN_ID) as u64)?,
        hierarchy: u64::from(probe::<u32>(root + offset(at::ROOT_HIERARCHY) as u64)?),
    })
}

/// Whether a control group has one of the names that the container's may have.
#[inline(always)]
fn is_named(scratch: *mut Scratch, group: u64) -> bool {
    let name = probe::<u64>(group + offset(at::CGROUP_KN) as u64)
        .and_then(|directory| probe::<u64>(directory + offset(at::KN_NAME) as u64));
    let Some(name) = name else {
        return false;
    };
    // SAFETY: a map value of this CPU.
    unsafe {
        // The map compares the whole key, so the bytes behind the name must be zeros. As words: `[0; N]` of bytes becomes a
        // loop that the verifier follows step by step.
        addr_of_mut!((*scratch).leaf)
            .cast::<[u64; LEAF_MAX / 8]>()
            .write([0; LEAF_MAX / 8]);
        let length = bpf_probe_read_kernel_str(
            addr_of_mut!((*scratch).leaf).cast(),
            LEAF_MAX as u32,
            name as *const c_void,
        );
        length > 0 && LEAVES.get_ptr(&*addr_of!((*scratch).leaf)).is_some()
    }
}
