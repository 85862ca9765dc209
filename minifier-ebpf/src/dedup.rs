//! A set of the hashes of the records so far, so that a repeated access (88 % of them) costs a look-up and no record.
//!
//! Four-way associative and of fixed size: a full bucket forgets one entry, which costs a repeated record, never a lost one.
//! As good as an LRU hash map and cheaper; a direct-mapped array forgets too much. An entry is added only after its record is
//! in the ring buffer.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;

use minifier_common::offsets as at;
use minifier_common::record::{PATH_MAX, flag};

use crate::globals::{hash_seed, offset};
use crate::record::scratch;
use crate::task::{Place, probe};

/// Buckets, a power of two.
const BUCKETS: u32 = 16_384;

/// Bytes of a path that one call mixes in, a power of two.
const BLOCK: usize = 256;

#[map]
static KNOWN: Array<[u64; 4]> = Array::with_max_entries(BUCKETS, 0);

/// Mixes a word in. Invertible in each of its arguments, so that inputs which differ in one word never collide.
#[inline(always)]
pub fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// The hash, never 0, of the record under construction in the scratch of that slot: of its kind, system call, flags, outcome,
/// path and places, but not of the process and the time.
///
/// A global function, as [`walk`](crate::walk::walk).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hash(slot: u32) -> u64 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    // SAFETY: a map value of this CPU.
    unsafe {
        let header = &(*scratch).header;
        let length = (*scratch).length;
        let call = u64::from(header.syscall)
            | u64::from(header.kind) << 16
            | u64::from(header.argument) << 24
            | u64::from(header.extra) << 32;
        let outcome = if header.result < 0 {
            header.result as u32
        } else {
            0
        };
        let mut hash = mix(hash_seed(), call);
        hash = mix(hash, u64::from(header.detail) | u64::from(outcome) << 32);
        hash = mix(hash, u64::from(header.flags) | u64::from(length) << 16);
        for block in 0..(PATH_MAX / BLOCK) as u32 {
            if block * BLOCK as u32 >= length {
                break;
            }
            hash = hash_block(slot, block, hash);
        }
        let absolute = length > 0 && read_volatile(addr_of!((*scratch).data).cast::<u8>()) == b'/';
        // The name of the root directory is not mixed in: it is the same dentry as long as the process lives.
        hash = mix_place(
            hash,
            header.flags & flag::BASE != 0,
            addr_of!((*scratch).base),
            !absolute,
        );
        hash = mix_place(
            hash,
            header.flags & flag::RESOLVED != 0,
            addr_of!((*scratch).resolved),
            true,
        );
        hash.max(1)
    }
}

/// Mixes a block of the path in the scratch of that slot in. A global function of its own, so that the verifier reads the
/// words of one block and not those of all.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn hash_block(slot: u32, block: u32, hash: u64) -> u64 {
    let Some(scratch) = scratch(slot) else {
        return 0;
    };
    let start = (block as usize & (PATH_MAX / BLOCK - 1)) * BLOCK;
    let mut hash = hash;
    // SAFETY: a map value of this CPU; the index is masked.
    unsafe {
        let length = (*scratch).length as usize;
        // Whole words, since zeros follow the path.
        let words = addr_of!((*scratch).data)
            .cast::<u8>()
            .add(start)
            .cast::<u64>();
        for word in 0..BLOCK / 8 {
            if start + word * 8 >= length {
                break;
            }
            hash = mix(hash, read_volatile(words.add(word)));
        }
    }
    hash
}

/// Mixes in a place: its addresses and, since the kernel uses addresses again, its name and its parent.
#[inline(always)]
fn mix_place(hash: u64, there: bool, place: *const Place, named: bool) -> u64 {
    if !there {
        return hash;
    }
    // SAFETY: a map value of this CPU.
    let Place { mount, dentry } = unsafe { read_volatile(place) };
    let mut hash = mix(mix(hash, mount), dentry);
    if named && dentry != 0 {
        // d_parent, d_name.hash_len: neighbours.
        let around = probe::<[u64; 2]>(dentry + offset(at::DENTRY_PARENT) as u64);
        let [parent, name] = around.unwrap_or([0; 2]);
        hash = mix(mix(hash, parent), name);
    }
    hash
}

/// Whether the hash was added before.
#[inline(always)]
pub fn is_known(hash: u64) -> bool {
    let Some(bucket) = KNOWN.get(hash as u32 & (BUCKETS - 1)) else {
        return false;
    };
    bucket[0] == hash || bucket[1] == hash || bucket[2] == hash || bucket[3] == hash
}

/// Adds a hash.
#[inline(always)]
pub fn remember(hash: u64) {
    let Some(bucket) = KNOWN.get_ptr_mut(hash as u32 & (BUCKETS - 1)) else {
        return;
    };
    // SAFETY: a map value; a race with another CPU forgets one of the two entries.
    let bucket = unsafe { &mut *bucket };
    if bucket[0] == 0 {
        bucket[0] = hash;
    } else if bucket[1] == 0 {
        bucket[1] = hash;
    } else if bucket[2] == 0 {
        bucket[2] = hash;
    } else if bucket[3] == 0 {
        bucket[3] = hash;
    } else {
        // A fixed choice by other bits of the hash. An index that is computed would be a variable offset for the verifier.
        match hash >> 32 & 3 {
            0 => bucket[0] = hash,
            1 => bucket[1] = hash,
            2 => bucket[2] = hash,
            _ => bucket[3] = hash,
        }
    }
}
