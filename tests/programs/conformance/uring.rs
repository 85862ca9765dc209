//! Requests of io_uring: no system call takes their paths.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::calls::*;
use crate::cases::in_child;

/// A ring of eight entries.
struct Ring {
    descriptor: i64,
    /// The shared memory of both queues, the submission entries.
    rings: i64,
    entries: i64,
    tail: u32,
    array: u32,
    /// Where the kernel says that its thread sleeps.
    sleeps: u32,
    completed: u32,
    completing: u32,
    completions: u32,
}

/// IORING_SETUP_SQPOLL
const POLLED: u32 = 2;

impl Ring {
    fn new(flags: u32) -> Option<Self> {
        let parameters = room();
        // SAFETY: `struct io_uring_params` has its flags at byte 8.
        unsafe { *(parameters as *mut u32).add(2) = flags };
        let descriptor = call(425, &[&8, &parameters]);
        if descriptor < 0 {
            println!("io_uring is not granted here: {descriptor}");
            return None;
        }
        let map = |size: i64, offset: i64| {
            let at = call(9, &[&0, &size, &3, &0x8001, &descriptor, &offset]);
            assert!(at > 0, "map the ring: {at}");
            at
        };
        // SAFETY: the kernel has filled `struct io_uring_params`: the offsets start at byte 40 and 80.
        let word = |index: usize| unsafe { *(parameters as *const u32).add(index) };
        Some(Self {
            descriptor,
            rings: map(4096, 0),
            entries: map(4096, 0x1000_0000),
            tail: word(11),
            array: word(16),
            sleeps: word(14),
            completed: word(20),
            completing: word(21),
            completions: word(25),
        })
    }

    fn shared(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: inside the mapped ring.
        unsafe { &*((self.rings + i64::from(offset)) as *const AtomicU32) }
    }

    /// Submits one request (`struct io_uring_sqe`) and waits for its result.
    fn submit(&self, opcode: u8, descriptor: i64, address: i64, length: u32, offset: i64, flags: u32) -> i32 {
        self.add(opcode, descriptor, address, length, offset, flags);
        assert_eq!(call(426, &[&self.descriptor, &1, &1, &1, &0, &0]), 1);
        self.result()
    }

    /// Lets the kernel's own thread find a request that opens a file, and waits for its result.
    fn open_polled(&self, path: &CStr) -> i32 {
        self.add(18, AT_FDCWD, path.as_ptr() as i64, 0, 0, 0);
        let empty = || {
            let [head, tail] = [self.completed, self.completing].map(|word| self.shared(word).load(Ordering::Acquire));
            head == tail
        };
        for _ in 0..1000 {
            if !empty() {
                return self.result();
            }
            if self.shared(self.sleeps).load(Ordering::Acquire) & 1 != 0 {
                // IORING_ENTER_SQ_WAKEUP
                assert!(call(426, &[&self.descriptor, &0, &0, &2, &0, &0]) >= 0);
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the kernel's thread does not take the request");
    }

    fn add(&self, opcode: u8, descriptor: i64, address: i64, length: u32, offset: i64, flags: u32) {
        let tail = self.shared(self.tail).load(Ordering::Acquire);
        let slot = tail & 7;
        // SAFETY: inside the mapped entries.
        unsafe {
            let entry = (self.entries + i64::from(slot) * 64) as *mut u8;
            entry.write_bytes(0, 64);
            entry.write(opcode);
            entry.add(4).cast::<i32>().write(descriptor as i32);
            entry.add(8).cast::<i64>().write(offset);
            entry.add(16).cast::<i64>().write(address);
            entry.add(24).cast::<u32>().write(length);
            entry.add(28).cast::<u32>().write(flags);
        }
        self.shared(self.array + slot * 4).store(slot, Ordering::Release);
        self.shared(self.tail).store(tail + 1, Ordering::Release);
    }

    fn result(&self) -> i32 {
        let head = self.shared(self.completed).load(Ordering::Acquire);
        // SAFETY: a completion is two words and then some.
        let result = unsafe {
            *((self.rings + i64::from(self.completions) + i64::from(head & 15) * 16 + 8) as *const i32)
        };
        self.shared(self.completed).store(head + 1, Ordering::Release);
        result
    }
}

/// A file is opened for the process by a thread of the kernel's, which has made no fork event, when the first thread has
/// ended: nobody is left who has the process's own number.
pub fn polled() {
    std::thread::spawn(|| {
        let opened = std::panic::catch_unwind(|| {
            let own = std::process::id();
            let ended = || std::fs::read_to_string(format!("/proc/self/task/{own}/stat")).expect("stat").contains(") Z");
            while !ended() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let Some(ring) = Ring::new(POLLED) else { return };
            expect("io_uring_enter", "Open", b"/data/polled", "/", "-", "none");
            let result = ring.open_polled(c"/data/polled");
            // Kernels before 5.12 open nothing in that thread: EINVAL.
            assert!(result >= 0 || result == -22, "{result}");
        });
        std::process::exit(i32::from(opened.is_err()));
    });
    call(60, &[&0]);
}

pub fn all() {
    let Some(ring) = Ring::new(0) else { return };
    in_child(polled);
    let at = |path: &CStr| path.as_ptr() as i64;
    let said = |operation: &str, path: &CStr, base: &str| {
        expect("io_uring_enter", operation, path.to_bytes(), base, "-", "none");
    };
    said("Open", c"/data/ring", "/");
    assert!(ring.submit(18, AT_FDCWD, at(c"/data/ring"), 0, 0, 0) >= 0);
    let data = openat(AT_FDCWD, c"/data", O_DIRECTORY);
    said("Open", c"ring", "/data");
    assert!(ring.submit(18, data, at(c"ring"), 0, 0, 0) >= 0);
    said("OpenWrite", c"/data/ring", "/");
    assert!(ring.submit(28, AT_FDCWD, at(c"/data/ring"), 24, words(&[O_RDWR, 0, 0]), 0) >= 0);
    said("Open", c"/data/no-ring", "/");
    assert_eq!(ring.submit(18, AT_FDCWD, at(c"/data/no-ring"), 0, 0, 0), -2);
    said("LookNoFollow", c"link", "/data");
    assert_eq!(ring.submit(21, data, at(c"link"), 0xfff, room(), AT_SYMLINK_NOFOLLOW as u32), 0);
    // Kernels before 5.11 have no renaming and removing, those before 5.15 no making: EINVAL.
    said("Create", c"ring-made", "/data");
    if ring.submit(37, data, at(c"ring-made"), 0o755, 0, 0) == -22 {
        assert_eq!(call(258, &[&data, &c"ring-made", &0o755]), 0);
    }
    said("Remove", c"ring-made", "/data");
    said("Create", c"/data/ring-moved", "/");
    if ring.submit(35, data, at(c"ring-made"), AT_FDCWD as u32, at(c"/data/ring-moved"), 0) == -22 {
        println!("this kernel's io_uring renames nothing");
        close(data);
        return;
    }
    said("Remove", c"/data/ring-moved", "/");
    assert_eq!(ring.submit(36, AT_FDCWD, at(c"/data/ring-moved"), 0, 0, 0x200), 0);
    close(data);
}
