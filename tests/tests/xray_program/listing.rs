//! A layer that lists ten million files in an archive of little size.

use std::io::Write;
use std::process::Stdio;

use minifier_tests::Minifier;

use super::archive;

const ENTRIES: usize = 10_000_000;
/// Names that differ; the rest of the listing repeats them.
const NAMES: usize = 100_000;
/// What the entries up to the limit and the program itself may take, bytes.
const MEMORY: u64 = 640 << 20;

/// Ten million entries, compressed as members that repeat.
fn listing() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..NAMES {
        let name = format!("d{}/f{number}", number / 1000);
        minifier_tests::transport::append(&mut tar, &name, b"");
    }
    let mut bytes = tar.into_inner().expect("it is written");
    // Without the mark of the end.
    bytes.truncate(NAMES * 512);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).expect("it is compressed");
    gzip.finish()
        .expect("it is compressed")
        .repeat(ENTRIES / NAMES)
}

#[test]
fn a_listing_of_ten_million_entries_is_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let layer = listing();
    let size = layer.len();
    assert!(size < 256 << 20, "{size}");
    let id = format!("sha256:{}", "0".repeat(64));
    let archive = archive(folder.path(), &[layer], &[id]);
    let minifier = Minifier::find().expect("the program is there");
    let mut child = minifier
        .command(folder.path())
        .args(["xray", "--quiet", "--target"])
        .arg(format!("docker-archive:{}", archive.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let (status, peak) = xtask::command::wait_with_peak(&mut child).expect("it is ours");
    let mut message = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().expect("a pipe"), &mut message)
        .expect("text");
    // 9: the image is damaged or not understood.
    assert_eq!(status.code(), Some(9), "{message}");
    assert!(message.contains("entries"), "{message}");
    assert!(peak > 0 && peak < MEMORY, "{peak} bytes");
}
