//! Reading kernel memory, and the fields of the current task.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_get_current_task_btf, bpf_probe_read_kernel,
};
use minifier_common::offsets as at;

use crate::globals::{compat_mask, offset, typed_task};

/// Address in the kernel. If it was reached by typed pointers only, the verifier knows its type, and fields are loaded directly
/// ([`load`]); otherwise memory is read by a helper ([`probe`]), which costs a call each time.
pub type Address = *const u8;

/// A directory entry in a mount: `struct path`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Place {
    /// `struct vfsmount *`
    pub mount: u64,
    /// `struct dentry *`
    pub dentry: u64,
}

impl Place {
    /// No place.
    pub const NOWHERE: Self = Self {
        mount: 0,
        dentry: 0,
    };
}

/// Reads kernel memory at any address; `None` if it cannot be read.
#[inline(always)]
pub fn probe<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks the address and fills the value, or fails.
    let result = unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const c_void,
        )
    };
    // SAFETY: the helper writes the whole value, zeros where it fails.
    if result == 0 {
        Some(unsafe { value.assume_init() })
    } else {
        None
    }
}

/// Loads a field of a typed structure: directly if the kernel gives out typed tasks (5.11).
#[inline(always)]
pub fn load<T: Copy + Default>(base: Address, field: usize) -> T {
    if typed_task() != 0 {
        // SAFETY: the verifier checks the type; a stale pointer reads as zero.
        unsafe { read_volatile(base.add(offset(field)).cast::<T>()) }
    } else {
        probe(base as u64 + offset(field) as u64).unwrap_or_default()
    }
}

/// Loads a pointer from a typed structure; the verifier knows what it points to.
#[inline(always)]
pub fn follow(base: Address, field: usize) -> Address {
    if typed_task() != 0 {
        // SAFETY: as in `load`.
        unsafe { read_volatile(base.add(offset(field)).cast::<Address>()) }
    } else {
        probe::<u64>(base as u64 + offset(field) as u64).unwrap_or(0) as Address
    }
}

/// The current task.
#[inline(always)]
pub fn current() -> Address {
    // SAFETY: helpers without conditions.
    unsafe {
        if typed_task() != 0 {
            bpf_get_current_task_btf() as Address
        } else {
            bpf_get_current_task() as Address
        }
    }
}

/// Whether the task is in a call of the 32-bit table.
#[inline(always)]
pub fn in_compat_call(task: Address) -> bool {
    offset(at::TASK_COMPAT) as u32 != at::MISSING
        && load::<u32>(task, at::TASK_COMPAT) & compat_mask() != 0
}

/// Thread group id of the parent.
#[inline(always)]
pub fn parent_of(task: Address) -> u32 {
    let parent = follow(task, at::TASK_REAL_PARENT);
    if parent.is_null() {
        0
    } else {
        load(parent, at::TASK_TGID)
    }
}

/// Writes the task's working directory to `to`. Not inlined, as [`root`]: LLVM would merge the two into one load at a variable
/// offset, which the verifier refuses for typed pointers.
#[inline(never)]
pub fn working_directory(task: Address, to: *mut Place) {
    place_in_fs(task, at::FS_PWD, to);
}

/// Writes the task's root directory to `to`.
#[inline(never)]
pub fn root(task: Address, to: *mut Place) {
    place_in_fs(task, at::FS_ROOT, to);
}

#[inline(always)]
fn place_in_fs(task: Address, field: usize, to: *mut Place) {
    let fs = follow(task, at::TASK_FS);
    let mut place = Place::NOWHERE;
    if !fs.is_null() {
        if typed_task() != 0 {
            // SAFETY: as in `load`; the mount comes first in `struct path` (checked by the user side).
            unsafe {
                let path = fs.add(offset(field));
                place.mount = read_volatile(path.cast::<u64>());
                place.dentry = read_volatile(path.add(8).cast::<u64>());
            }
        } else {
            place = place_at(fs as u64 + offset(field) as u64);
        }
    }
    // SAFETY: a map value of this CPU.
    unsafe { write_volatile(to, place) };
}

/// The `struct path` at an address.
#[inline(always)]
fn place_at(address: u64) -> Place {
    match probe::<[u64; 2]>(address) {
        Some([mount, dentry]) => Place { mount, dentry },
        None => Place::NOWHERE,
    }
}

/// The place of an open file.
#[inline(always)]
pub fn place_of_file(file: u64) -> Place {
    if file == 0 {
        Place::NOWHERE
    } else {
        place_at(file + offset(at::FILE_PATH) as u64)
    }
}

/// Writes the place of the file with that descriptor to `to`.
#[inline(never)]
pub fn place_of_descriptor(task: Address, descriptor: u32, to: *mut Place) {
    let mut place = Place::NOWHERE;
    let files = follow(task, at::TASK_FILES);
    if !files.is_null() {
        let table = follow(files, at::FILES_FDT);
        if !table.is_null() && descriptor < load::<u32>(table, at::FDT_MAX_FDS) {
            // The entries are an array of pointers, behind which the verifier follows no types.
            let entries = load::<u64>(table, at::FDT_FD);
            let entry = entries.wrapping_add(u64::from(descriptor) * 8);
            place = place_of_file(probe::<u64>(entry).unwrap_or(0));
        }
    }
    // SAFETY: a map value of this CPU.
    unsafe { write_volatile(to, place) };
}
