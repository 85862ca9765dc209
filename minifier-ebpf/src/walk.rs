//! From a directory entry and its mount to the components of its path, up to the root of the mount namespace.

use core::ffi::c_void;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use minifier_common::offsets as at;
use minifier_common::record::{COMPONENTS_MAX, PATH_MAX, STEPS_MAX};

use crate::globals::offset;
use crate::record::{Scratch, scratch};
use crate::task::{Place, probe};

/// The walk arrived at the root.
pub const WHOLE: u32 = 0;
/// Something could not be read, or the path is too long.
pub const LOST: u32 = 1;
/// The entry is removed, or its mount belongs to no mount namespace.
pub const DETACHED: u32 = 2;

/// `NAME_MAX` and a NUL.
const NAME: u32 = 256;

/// Inode number of anonymous mount namespaces (clones by `open_tree`) on kernels that give them one.
const ANONYMOUS_NAMESPACE: u32 = 0xefff_fff7;

/// The middle of `struct mount`: parent, mount point, root of the mounted tree.
type Mount = [u64; 3];

/// Not there yet; never an outcome of [`walk`].
const GOING_ON: u32 = 3;

/// Steps of one call of [`advance`].
const STRIDE: usize = 8;

/// Position of a walk. In the map, not in registers: there, each of its values would be another state for the verifier.
#[repr(C)]
pub struct Walk {
    /// `struct mount *`
    mount: u64,
    /// `struct dentry *`
    dentry: u64,
    around: Mount,
}

/// Appends the components of the base (0) or resolved place (1) in the scratch of that slot to the record, leaf first.
///
/// A global function with numbers as its arguments: the verifier checks it once for each program, and not at every call. The
/// steps are in a second one, so that it checks [`STRIDE`] of them and not all: 128 in one loop are 100,000 instructions.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn walk(slot: u32, which: u32) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return LOST;
    };
    // SAFETY: a map value of this CPU.
    let Place { mount, dentry } = unsafe {
        if which == 0 {
            (*scratch).base
        } else {
            (*scratch).resolved
        }
    };
    if dentry == 0 || mount == 0 {
        return LOST;
    }
    // `struct vfsmount` is inside `struct mount`, which has the parent.
    let mount = mount - offset(at::MOUNT_VFS) as u64;
    let Some(around) = around(mount) else {
        return LOST;
    };
    if dentry != around[2] {
        match probe::<u64>(dentry + offset(at::DENTRY_PPREV) as u64) {
            None => return LOST,
            // Not in the hash table of dentries: the file is deleted. (The root of a file system is not in it either, so the
            // root of a mount is not asked.)
            Some(0) => return DETACHED,
            Some(_) => {}
        }
    }
    let walk = Walk {
        mount,
        dentry,
        around,
    };
    // SAFETY: a map value of this CPU.
    unsafe { write_volatile(addr_of_mut!((*scratch).walk), walk) };
    for _ in 0..STEPS_MAX / STRIDE {
        match advance(slot) {
            GOING_ON => {}
            outcome => return outcome,
        }
    }
    LOST
}

/// Goes on with the walk in the scratch of that slot for [`STRIDE`] steps.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn advance(slot: u32) -> u32 {
    let Some(scratch) = scratch(slot) else {
        return LOST;
    };
    // SAFETY: a map value of this CPU.
    let Walk {
        mut mount,
        mut dentry,
        mut around,
    } = unsafe { read_volatile(addr_of!((*scratch).walk)) };
    for _ in 0..STRIDE {
        if dentry == around[2] {
            // The topmost mount is its own parent. Not `task->fs->root`: after a chroot, that would give another path.
            if around[0] == mount {
                return end(mount);
            }
            dentry = around[1];
            mount = around[0];
            match self::around(mount) {
                Some(next) => around = next,
                None => return LOST,
            }
            continue;
        }
        // d_parent, d_name.hash_len, d_name.name: neighbours (checked by the user side).
        let Some([parent, _, name]) = probe::<[u64; 3]>(dentry + offset(at::DENTRY_PARENT) as u64)
        else {
            return LOST;
        };
        // The root of a file system, but not of this mount: the directory was moved out of a bind mount.
        if parent == dentry {
            return DETACHED;
        }
        if !append(scratch, name) {
            return LOST;
        }
        dentry = parent;
    }
    let walk = Walk {
        mount,
        dentry,
        around,
    };
    // SAFETY: a map value of this CPU.
    unsafe { write_volatile(addr_of_mut!((*scratch).walk), walk) };
    GOING_ON
}

#[inline(always)]
fn around(mount: u64) -> Option<Mount> {
    // mnt_parent, mnt_mountpoint, mnt.mnt_root: neighbours (checked by the user side).
    probe::<Mount>(mount + offset(at::MOUNT_PARENT) as u64)
}

/// The outcome at a mount without a parent: the root of a namespace, or a private mount (of pipes, sockets, or one that was
/// lazily unmounted).
#[inline(always)]
fn end(mount: u64) -> u32 {
    let Some(namespace) = probe::<u64>(mount + offset(at::MOUNT_NS) as u64) else {
        return LOST;
    };
    // Null, or an error value in place of a pointer (MNT_NS_INTERNAL).
    if namespace == 0 || namespace >= u64::MAX - 4095 {
        return DETACHED;
    }
    match probe::<u32>(namespace + offset(at::MNTNS_INUM) as u64) {
        None => LOST,
        Some(0 | ANONYMOUS_NAMESPACE) => DETACHED,
        Some(_) => WHOLE,
    }
}

#[inline(always)]
fn append(scratch: *mut Scratch, name: u64) -> bool {
    // The cursor lives in the map: in a register, each of its values would be another state for the verifier.
    // SAFETY: the scratch is a map value; the cursor is checked right before it is used.
    unsafe {
        let cursor = read_volatile(addr_of!((*scratch).cursor)) as usize;
        if cursor > PATH_MAX + COMPONENTS_MAX {
            return false;
        }
        let to = addr_of_mut!((*scratch).data).cast::<u8>().add(cursor);
        let length = bpf_probe_read_kernel_str(to.cast(), NAME, name as *const c_void);
        if length <= 0 || length > i64::from(NAME) {
            return false;
        }
        write_volatile(
            addr_of_mut!((*scratch).cursor),
            cursor as u32 + length as u32,
        );
    }
    true
}
