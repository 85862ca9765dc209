//! Reading images from a Docker daemon, in place and streamed, and loading them into it.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use minifier::image::{ImageReference, Platform};
use minifier::rootfs::tar::{StreamInput, TarReader, index_layer};
use minifier::rootfs::{EntryKind, ImagePath, IndexBudget, NodeKind, RootFs};
use minifier::transport::{
    ArchiveBody, Daemon, ReadHow, ReadMode, ReadRequest, Select, Source, TransportError,
    read_archive,
};
use minifier_tests::transport::{
    Names, append, base_layer, contents, docker, import, small_archive, trap_image,
};
use tokio_util::sync::CancellationToken;

async fn open(name: &str, mode: ReadMode) -> Result<Source, TransportError> {
    let scratch = tempfile::tempdir().unwrap();
    let reference: ImageReference = name.parse().unwrap();
    let request = ReadRequest {
        reference: &reference,
        platform: None,
        mode,
        scratch: scratch.path(),
        progress: &|_| {},
    };
    Daemon::connect().await?.open(request).await
}

#[tokio::test]
async fn docker_in_place_and_streamed_give_the_same_image() {
    let mut names = Names::new();
    let name = trap_image(&mut names, "same");
    let in_place = open(&name, ReadMode::InPlace).await.unwrap();
    let streamed = open(&name, ReadMode::Stream).await.unwrap();
    assert_eq!(in_place.how, ReadHow::InPlace);
    assert_eq!(streamed.how, ReadHow::Streamed { not_in_place: None });
    assert_eq!(in_place.image, streamed.image);
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", &name]);
    assert_eq!(
        (in_place.image_id.to_string(), streamed.image_id.to_string()),
        (id.clone(), id)
    );
    assert_eq!(in_place.repo_tags, [name]);
    assert_eq!(in_place.layers.len(), 6);
    assert_eq!(in_place.layers, streamed.layers);
    assert_eq!(in_place.layer_bytes, streamed.layer_bytes);
    assert!(streamed.archive_bytes > streamed.layer_bytes.iter().sum());
    assert_eq!(in_place.archive_bytes, 0);
    assert_eq!(
        contents(&in_place.layers, &*in_place.content),
        contents(&streamed.layers, &*streamed.content)
    );
    let whiteouts = in_place.layers.iter().flat_map(|layer| &layer.entries);
    let count = |kind: &EntryKind| {
        whiteouts
            .clone()
            .filter(|entry| entry.kind == *kind)
            .count()
    };
    assert!(
        count(&EntryKind::Whiteout) >= 3,
        "no whiteouts in the image"
    );
    assert_eq!(
        count(&EntryKind::OpaqueWhiteout),
        1,
        "no opaque directory in the image"
    );
}

#[tokio::test]
async fn docker_the_merged_tree_is_what_a_container_gets() {
    let mut names = Names::new();
    let name = trap_image(&mut names, "tree");
    let source = open(&name, ReadMode::Auto).await.unwrap();
    let ours = RootFs::merge(source.layers).unwrap();

    let container = docker(&["create", &name]);
    let mut child = xtask::docker::docker()
        .args(["export", &container])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut exported = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut exported)
        .unwrap();
    docker(&["rm", "-f", &container]);
    assert!(child.wait().unwrap().success());
    let index = index_layer(
        &mut TarReader::new(StreamInput::new(&exported[..])),
        0,
        &IndexBudget::default(),
    )
    .unwrap();
    let theirs = RootFs::merge([index.index]).unwrap();

    // What the daemon itself adds to a container.
    let added = [
        "/.dockerenv",
        "/dev",
        "/proc",
        "/sys",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
        "/etc/mtab",
    ];
    let is_added = |path: &ImagePath| added.iter().any(|a| path.starts_with(&(*a).into()));
    let paths = |tree: &RootFs| -> Vec<ImagePath> {
        tree.walk()
            .map(|(path, _)| path)
            .filter(|path| !is_added(path))
            .collect()
    };
    assert_eq!(paths(&ours), paths(&theirs));
    for path in paths(&ours).iter().skip(1) {
        let (mine, other) = (ours.get(path).unwrap(), theirs.get(path).unwrap());
        let meta = |node: &minifier::rootfs::Node| (node.meta.mode, node.meta.uid, node.meta.gid);
        assert_eq!(meta(mine), meta(other), "{path}");
        assert_eq!(mine.size(), other.size(), "{path}");
        match (&mine.kind, &other.kind) {
            (
                NodeKind::File { content },
                NodeKind::File {
                    content: exported_at,
                },
            ) => {
                let mut bytes = Vec::new();
                source
                    .content
                    .open(*content)
                    .unwrap()
                    .read_to_end(&mut bytes)
                    .unwrap();
                let at = exported_at.at as usize;
                assert!(bytes == exported[at..at + bytes.len()], "{path}");
                assert_eq!(mine.meta.xattrs, other.meta.xattrs, "{path}");
            }
            (NodeKind::Directory { .. }, NodeKind::Directory { .. }) => {}
            (mine, other) => assert_eq!(mine, other, "{path}"),
        }
    }
    let links = |tree: &RootFs, a: &str, b: &str| tree.lookup(&a.into()) == tree.lookup(&b.into());
    assert!(links(&ours, "/data/times", "/data/third"));
    assert!(links(&theirs, "/data/times", "/data/third"));
}

#[tokio::test]
async fn docker_archives_of_other_tools_read_like_the_daemon() {
    let mut names = Names::new();
    let name = trap_image(&mut names, "tools");
    let source = open(&name, ReadMode::Auto).await.unwrap();
    let expected = contents(&source.layers, &*source.content);
    let dir = tempfile::tempdir().unwrap();
    let path = |file: &str| dir.path().join(file).to_str().unwrap().to_owned();
    docker(&["save", "-o", &path("docker.tar"), &name]);
    let skopeo = |to: &str| {
        let status = Command::new("skopeo")
            .args([
                "--insecure-policy",
                "copy",
                "-q",
                &format!("docker-daemon:{name}"),
                to,
            ])
            .status()
            .expect("run skopeo");
        assert!(status.success(), "{to}");
    };
    skopeo(&format!("oci-archive:{}:{name}", path("oci.tar")));
    skopeo(&format!("docker-archive:{}:{name}", path("skopeo.tar")));
    for file in ["docker.tar", "oci.tar", "skopeo.tar"] {
        let archive = BufReader::new(File::open(path(file)).unwrap());
        let image = read_archive(archive, dir.path(), &Select::default())
            .unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(image.layers, source.layers, "{file}");
        assert!(
            contents(&image.layers, &*image.content) == expected,
            "{file}"
        );
        assert_eq!(image.config.diff_ids(), source.image.config.diff_ids());
    }

    let mut archive = File::options()
        .read(true)
        .write(true)
        .open(path("docker.tar"))
        .unwrap();
    let mut bytes = Vec::new();
    archive.read_to_end(&mut bytes).unwrap();
    let at = bytes.windows(6).position(|w| w == b"setuid").unwrap();
    let at = bytes[at + 1..]
        .windows(512)
        .position(|w| w.starts_with(b"setuid\0\0\0"))
        .map(|i| at + 1 + i)
        .unwrap();
    archive.seek(SeekFrom::Start(at as u64)).unwrap();
    archive.write_all(b"SETUID").unwrap();
    archive.rewind().unwrap();
    let error = read_archive(BufReader::new(archive), dir.path(), &Select::default());
    let error = error.err().expect("the damage went unnoticed").to_string();
    assert!(error.contains("its diff ID is"), "{error}");
}

#[tokio::test]
async fn docker_an_image_is_opened_by_id_and_by_name_without_tag() {
    let mut names = Names::new();
    let name = names.add("byid");
    let (archive, config) = small_archive(b"body", &[&name]);
    let daemon = Daemon::connect().await.unwrap();
    let body = ArchiveBody::written_by(move |writer| writer.write_all(&archive));
    let loaded = daemon
        .load(
            body,
            &config,
            &[name.parse().unwrap()],
            &CancellationToken::new(),
        )
        .await
        .unwrap()
        .expect("nobody called it off");
    assert_eq!(loaded.image_id, config.digest());
    let id = loaded.image_id.to_string();
    for reference in [&id, &id["sha256:".len()..], &id["sha256:".len()..][..12]] {
        for mode in [ReadMode::InPlace, ReadMode::Stream] {
            let source = open(reference, mode).await.unwrap();
            assert_eq!(source.image_id, loaded.image_id);
            let rootfs = RootFs::merge(source.layers).unwrap();
            let content = rootfs.get(&"/file".into()).unwrap().content().unwrap();
            assert_eq!(source.content.read_head(content, 100).unwrap(), b"body");
        }
    }
}

#[tokio::test]
async fn docker_a_missing_image_is_told_from_other_errors() {
    let error = open("mflayers-missing:no", ReadMode::Auto)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TransportError::ImageNotFound { .. }),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("docker pull mflayers-missing:no")
    );
}

#[tokio::test]
async fn docker_another_platform_is_refused() {
    let mut names = Names::new();
    let name = names.add("platform");
    import(&base_layer(), &name);
    let daemon = Daemon::connect().await.unwrap();
    let reference: ImageReference = name.parse().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for (platform, fits) in [
        ("linux/s390x", false),
        (&*Platform::host().to_string(), true),
    ] {
        let platform: Platform = platform.parse().unwrap();
        let request = ReadRequest {
            reference: &reference,
            platform: Some(&platform),
            mode: ReadMode::Auto,
            scratch: scratch.path(),
            progress: &|_| {},
        };
        match daemon.open(request).await {
            Ok(_) => assert!(fits, "{platform}"),
            Err(error) => {
                assert!(
                    !fits && matches!(error, TransportError::Platform { .. }),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn docker_dropping_the_future_stops_the_spooling() {
    let mut names = Names::new();
    let name = names.add("cancel");
    let mut layer = tar::Builder::new(Vec::new());
    let body: Vec<u8> = (0..60_000_000u32).map(|i| (i ^ (i >> 9)) as u8).collect();
    append(&mut layer, "big", &body);
    import(&layer.into_inner().unwrap(), &name);
    let scratch = tempfile::tempdir().unwrap();
    let received = AtomicU64::new(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let daemon = Daemon::connect().await.unwrap();
        let reference: ImageReference = name.parse().unwrap();
        let progress = |bytes| received.store(bytes, Ordering::Relaxed);
        let request = ReadRequest {
            reference: &reference,
            platform: None,
            mode: ReadMode::Stream,
            scratch: scratch.path(),
            progress: &progress,
        };
        let first_bytes = async {
            while received.load(Ordering::Relaxed) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = daemon.open(request) => {}
            () = first_bytes => {}
        }
    });
    // The runtime waits for its blocking threads: they must end by themselves.
    let before = Instant::now();
    drop(runtime);
    assert!(before.elapsed() < Duration::from_secs(10));
    let left = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter(|target| target.starts_with(scratch.path()))
        .count();
    assert_eq!(
        (left, fs::read_dir(scratch.path()).unwrap().count()),
        (0, 0)
    );
}
