//! A storm of file accesses for the benchmark: stat, open, read and close of every file below /usr, again and again,
//! on one CPU. `storm CPU ROUNDS` prints `storm: NANOSECONDS` and exits. Compiled by the benchmark, statically.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

unsafe extern "C" {
    fn sched_setaffinity(pid: i32, size: usize, mask: *const u64) -> i32;
}

fn main() {
    let number = |at: usize| -> usize {
        std::env::args().nth(at).and_then(|text| text.parse().ok()).expect("storm CPU ROUNDS")
    };
    let (cpu, rounds) = (number(1), number(2));
    let mask = 1_u64 << cpu;
    // SAFETY: the mask is as long as is said, and lives until the call returns.
    let pinned = unsafe { sched_setaffinity(0, size_of::<u64>(), &raw const mask) };
    assert_eq!(pinned, 0, "pin the storm to CPU {cpu}");
    let mut files = Vec::new();
    collect(Path::new("/usr"), &mut files);
    assert!(files.len() > 1000, "only {} files", files.len());
    // Once for the page cache.
    files.iter().for_each(|file| touch(file));
    let start = Instant::now();
    for _ in 0..rounds {
        files.iter().for_each(|file| touch(file));
    }
    println!("storm: {}", start.elapsed().as_nanos());
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn touch(file: &Path) {
    let mut start = [0; 64];
    if fs::metadata(file).is_ok()
        && let Ok(mut file) = File::open(file)
    {
        let _ = file.read(&mut start);
    }
}
