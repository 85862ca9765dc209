//! Archives whose writer is killed: the unfinished file stays beside the archive until somebody writes there again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use minifier_tests::Minifier;
use minifier_tests::process::{signal, wait_until};
use minifier_tests::transport::small_archive;
use tempfile::TempDir;

/// What starting a copy may take on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Bytes of the image: writing it takes some time.
const LARGE: usize = 256 << 20;

/// A copy that is ended with this.
struct Copying(Child);

impl Drop for Copying {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn copy(folder: &Path, from: &str, to: &str) -> Command {
    let mut copy = Minifier::find().unwrap().command(folder);
    copy.args(["copy", from, to]).current_dir(folder);
    copy
}

fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .filter(|path| name(path).starts_with(".minifier-") && name(path).ends_with(".tmp"))
        .collect()
}

#[test]
fn an_unfinished_archive_stays_while_its_writer_lives_and_goes_with_the_next_one() {
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("to");
    fs::create_dir(&to).unwrap();
    for (name, size) in [("large.tar", LARGE), ("small.tar", 1)] {
        let (archive, _) = small_archive(&vec![b'x'; size], &["a:1"]);
        fs::write(folder.path().join(name), archive).unwrap();
    }
    let large = copy(
        folder.path(),
        "docker-archive:large.tar",
        "docker-archive:to/large.tar",
    );
    let writer = Copying({ large }.spawn().unwrap());
    wait_until("it writes", START, || !unfinished(&to).is_empty());
    signal(writer.0.id(), "STOP");
    assert!(!to.join("large.tar").exists(), "it is not finished");
    let left = unfinished(&to);
    assert_eq!(left.len(), 1);
    let next = |name: &str| {
        let to = format!("oci-archive:to/{name}.tar:x");
        let copied = copy(folder.path(), "docker-archive:small.tar", &to).output();
        let copied = copied.unwrap();
        let stderr = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "{stderr}");
    };
    next("first");
    assert_eq!(unfinished(&to), left, "its writer lives");
    drop(writer);
    assert_eq!(unfinished(&to), left, "nobody is there to remove it");
    next("second");
    assert!(unfinished(&to).is_empty(), "{left:?}");
    assert!(!to.join("large.tar").exists());
}
