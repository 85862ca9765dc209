//! A copy that is interrupted leaves nothing: neither an image under its name, nor parts of one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use minifier::transport::{Limits, TransportError, WriteOptions, write_image};
use minifier_tests::Minifier;
use minifier_tests::process::signal;

use crate::transport::support::{
    Layout, OCI_LAYER, done, layer, location, noise, open, stopping_after,
};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn big() -> Layout {
    let mut layout = Layout::new();
    let (a, b) = (layer("a", &noise(3 << 20)), layer("b", &noise(2 << 20)));
    let image = layout.image(
        "amd64",
        &[(OCI_LAYER, a.clone(), a), (OCI_LAYER, b.clone(), b)],
    );
    layout.add(image, Some("app"));
    layout
}

#[tokio::test]
async fn cancelling_leaves_what_was_there() {
    let layout = big();
    let stored = open(&format!("oci:{}:app", layout.path())).await.unwrap();
    for target in [
        "oci:new/deep:x",
        "oci-archive:a.tar",
        "docker-archive:d.tar",
    ] {
        for bytes in [0, 1 << 20, 4 << 20] {
            let folder = tempfile::tempdir().unwrap();
            let (transport, path) = target.split_once(':').unwrap();
            let text = format!("{transport}:{}/{path}", folder.path().display());
            let options = WriteOptions {
                names: Vec::new(),
                mtime: 0,
                compression: None,
                scratch: folder.path().to_owned(),
                limits: Limits::default(),
                registry: minifier::transport::registry::RegistryOptions::from_env(),
                control: stopping_after(bytes),
            };
            let error = write_image(&stored, &location(&text), &options)
                .await
                .unwrap_err();
            assert!(
                matches!(error, TransportError::Cancelled { .. }),
                "{target}: {error}"
            );
            assert_eq!(names(folder.path()), [""; 0], "{target} {bytes}");
        }
    }
    // Beside another image.
    let folder = tempfile::tempdir().unwrap();
    let mut small = Layout::new();
    let image = small.image("amd64", &[]);
    small.add(image, Some("small"));
    done(
        folder.path(),
        &[
            "copy",
            &format!("oci:{}:small", small.path()),
            "oci:l:small",
        ],
    );
    let blobs = folder.path().join("l/blobs/sha256");
    let (before, index) = (
        names(&blobs),
        fs::read(folder.path().join("l/index.json")).unwrap(),
    );
    let options = WriteOptions {
        names: Vec::new(),
        mtime: 0,
        compression: None,
        scratch: folder.path().to_owned(),
        limits: Limits::default(),
        registry: minifier::transport::registry::RegistryOptions::from_env(),
        control: stopping_after(4 << 20),
    };
    let target = location(&format!("oci:{}/l:x", folder.path().display()));
    assert!(write_image(&stored, &target, &options).await.is_err());
    assert_eq!(names(&blobs), before);
    assert_eq!(fs::read(folder.path().join("l/index.json")).unwrap(), index);
    assert_eq!(
        names(&folder.path().join("l")),
        ["blobs", "index.json", "oci-layout"]
    );
}

#[test]
fn signals_end_a_copy_without_leftovers_and_with_their_own_code() {
    let layout = big();
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    // The archive of a writer that never ends: the copy waits for more.
    let writer = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let program = Minifier::find().unwrap();
        let child = program
            .command(folder.path())
            .args(["copy", "-", "oci:out:x"])
            .stdin(fs::File::open(&fifo).unwrap())
            .stderr(std::process::Stdio::piped())
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(500));
        signal(child.id(), name);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("nothing is left behind"), "{stderr}");
        assert_eq!(names(folder.path()), ["fifo"]);
    }
    drop((writer, layout));
}

/// A layer of a few megabytes that unpacks to forty gigabytes.
fn endless() -> Layout {
    let chunk = vec![0; 64 << 20];
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(640 * chunk.len() as u64);
    header.set_cksum();
    let mut stored = zstd::encode_all(&header.as_bytes()[..], 1).unwrap();
    let frame = zstd::encode_all(&chunk[..], 1).unwrap();
    (0..640).for_each(|_| stored.extend_from_slice(&frame));
    assert!(stored.len() < 8 << 20, "{}", stored.len());
    let mut layout = Layout::new();
    // Nobody gets as far as its diff ID.
    let image = layout.image(
        "amd64",
        &[(&format!("{OCI_LAYER}+zstd"), stored, Vec::new())],
    );
    layout.add(image, Some("endless"));
    layout
}

#[test]
fn signals_end_at_once_what_unpacks_to_gigabytes() {
    let layout = endless();
    let source = format!("oci:{}:endless", layout.path());
    for command in [
        &["validate", "--max-uncompressed", "1TB", &source][..],
        &["xray", "--max-uncompressed", "1TB", "--target", &source],
        &[
            "copy",
            "--max-uncompressed",
            "1TB",
            "--compression",
            "gzip",
            &source,
            "oci:out:1",
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let child = Minifier::find()
            .unwrap()
            .command(folder.path())
            .args(command)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let started = std::time::Instant::now();
        let output = child.wait_with_output().unwrap();
        let took = started.elapsed();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{command:?}: {stderr}");
        assert!(took < Duration::from_secs(5), "{command:?}: {took:?}");
        assert_eq!(names(folder.path()), [""; 0], "{command:?}");
    }
}

#[tokio::test]
async fn reading_for_a_build_ends_at_once_in_what_unpacks_to_gigabytes() {
    let layout = endless();
    let stored = open(&format!("oci:{}:endless", layout.path()))
        .await
        .unwrap();
    let token = tokio_util::sync::CancellationToken::new();
    let control = minifier::transport::Control::new(token.clone(), std::sync::Arc::new(|_| {}));
    let limits = Limits {
        uncompressed: 1 << 40,
        ratio: None,
    };
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        token.cancel();
        std::time::Instant::now()
    });
    let scratch = tempfile::tempdir().unwrap();
    let opened = minifier::transport::open_source(&stored, scratch.path(), limits, &control);
    let took = stopping.join().unwrap().elapsed();
    assert!(matches!(opened, Err(TransportError::Cancelled { .. })));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn two_writers_at_once_lose_no_tag() {
    let layout = big();
    let folder = tempfile::tempdir().unwrap();
    let source = format!("oci:{}:app", layout.path());
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (source, folder) = (&source, folder.path());
            scope.spawn(move || done(folder, &["copy", source, &format!("oci:l:tag-{n}")]));
        }
    });
    for n in 0..4 {
        done(folder.path(), &["validate", &format!("oci:l:tag-{n}")]);
    }
}
