//! Reading images from daemons that are not at hand: without overlay2, with containerd's store, broken, or absent.

use std::io;
use std::path::Path;
use std::sync::Arc;

use minifier::image::{Digest, ImageReference, Platform};
use minifier::transport::{
    Daemon, Endpoint, Environment, ReadHow, ReadMode, ReadRequest, Source, TransportError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use minifier_tests::transport::{contents, small_archive};

/// What a fake daemon answers.
struct Answers {
    info: serde_json::Value,
    inspect: serde_json::Value,
    archive: Vec<u8>,
    /// The connection breaks before the archive's end.
    breaks: bool,
}

impl Answers {
    fn new(archive: Vec<u8>, config: &minifier::image::ImageConfig) -> Self {
        let diff_ids: Vec<String> = config.diff_ids().iter().map(ToString::to_string).collect();
        Self {
            info: serde_json::json!({"Driver": "overlay2", "DockerRootDir": "/nonexistent",
                "DriverStatus": [["Native Overlay Diff", "true"]], "CgroupVersion": "2",
                "CgroupDriver": "systemd", "OSType": "linux", "Architecture": "x86_64"}),
            inspect: serde_json::json!({"Id": config.digest(), "RepoTags": ["app:1"],
                "Os": "linux", "Architecture": "amd64",
                "RootFS": {"Type": "layers", "Layers": diff_ids},
                "GraphDriver": {"Name": "overlay2", "Data": {}}}),
            archive,
            breaks: false,
        }
    }
}

async fn serve(mut connection: UnixStream, answers: Arc<Answers>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let version = serde_json::json!({"Version": "29.0", "ApiVersion": "1.52"}).to_string();
    let (status, body) = if path.ends_with("/version") {
        ("200 OK", version.into_bytes())
    } else if path.ends_with("/info") {
        ("200 OK", answers.info.to_string().into_bytes())
    } else if path.ends_with("/get") {
        ("200 OK", answers.archive.clone())
    } else if path.contains("/images/app") {
        ("200 OK", answers.inspect.to_string().into_bytes())
    } else {
        ("404 Not Found", br#"{"message":"no such image"}"#.to_vec())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    let sent = if answers.breaks && path.ends_with("/get") {
        body.len() / 2
    } else {
        body.len()
    };
    connection.write_all(&body[..sent]).await?;
    connection.shutdown().await
}

async fn fake_daemon(dir: &Path, answers: Answers) -> Result<Daemon, TransportError> {
    let socket = dir.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers = Arc::new(answers);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(serve(connection, answers.clone()));
        }
    });
    Daemon::connect_to(endpoint(&format!("unix://{}", socket.display()))?).await
}

fn endpoint(host: &str) -> Result<Endpoint, TransportError> {
    Endpoint::find(&Environment {
        host: Some(host.into()),
        ..Environment::default()
    })
}

async fn open(
    answers: Answers,
    mode: ReadMode,
    platform: Option<&str>,
) -> Result<Source, TransportError> {
    let dir = tempfile::tempdir().unwrap();
    let daemon = fake_daemon(dir.path(), answers).await?;
    let reference: ImageReference = "app:1".parse().unwrap();
    let platform: Option<Platform> = platform.map(|platform| platform.parse().unwrap());
    daemon
        .open(ReadRequest {
            reference: &reference,
            platform: platform.as_ref(),
            mode,
            scratch: dir.path(),
            progress: &|_| {},
        })
        .await
}

#[tokio::test]
async fn an_image_that_is_not_on_this_host_is_streamed_and_says_why() {
    let (archive, config) = small_archive(b"body", &["app:1"]);
    let size = archive.len() as u64;
    let source = open(Answers::new(archive, &config), ReadMode::Auto, None)
        .await
        .unwrap();
    let ReadHow::Streamed {
        not_in_place: Some(reason),
    } = &source.how
    else {
        panic!("{:?}", source.how)
    };
    assert!(
        reason.starts_with("open /nonexistent/overlay2: "),
        "{reason}"
    );
    assert_eq!(source.archive_bytes, size);
    assert_eq!(source.image.config, config);
    let expected = [("/file".to_owned(), Digest::of(b"body"))];
    assert_eq!(contents(&source.layers, &*source.content), expected);
}

#[tokio::test]
async fn in_place_or_not_at_all_is_an_error_where_it_cannot_be() {
    let (archive, config) = small_archive(b"body", &["app:1"]);
    for (key, value, message) in [
        (
            "Driver",
            serde_json::json!("btrfs"),
            "the daemon stores images with btrfs, not with overlay2",
        ),
        (
            "DriverStatus",
            serde_json::json!([]),
            "does not use native diffs",
        ),
    ] {
        let mut answers = Answers::new(archive.clone(), &config);
        answers.info[key] = value;
        let error = open(answers, ReadMode::InPlace, None).await.unwrap_err();
        assert!(matches!(error, TransportError::InPlace { .. }), "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn containerds_store_names_images_by_their_manifest() {
    let (archive, config) = small_archive(b"body", &["app:1"]);
    let mut answers = Answers::new(archive, &config);
    answers.info["Driver"] = "overlayfs".into();
    answers.info["DriverStatus"] =
        serde_json::json!([["driver-type", "io.containerd.snapshotter.v1"]]);
    answers.inspect["Id"] = Digest::of(b"a manifest").to_string().into();
    answers.inspect["GraphDriver"] = serde_json::Value::Null;
    let source = open(answers, ReadMode::Auto, None).await.unwrap();
    assert_eq!(source.image_id, Digest::of(b"a manifest"));
    assert_eq!(source.image.config, config);
}

#[tokio::test]
async fn a_platform_that_the_store_does_not_have_is_an_error() {
    let (archive, config) = small_archive(b"body", &["app:1"]);
    let answers = || Answers::new(archive.clone(), &config);
    let error = open(answers(), ReadMode::Auto, Some("linux/arm64"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "read image app:1: it is for linux/amd64, not for linux/arm64"
    );
    let mut containerd = answers();
    containerd.info["DriverStatus"] =
        serde_json::json!([["driver-type", "io.containerd.snapshotter.v1"]]);
    let error = open(containerd, ReadMode::Auto, Some("linux/arm64"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no image for linux/arm64"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_the_error_that_is_reported() {
    let (archive, config) = small_archive(&vec![7; 300_000], &["app:1"]);
    let mut answers = Answers::new(archive, &config);
    answers.breaks = true;
    let error = open(answers, ReadMode::Stream, None).await.unwrap_err();
    assert!(
        error.to_string().starts_with("export image app:1: "),
        "{error}"
    );
}

#[tokio::test]
async fn an_archive_of_another_image_is_refused() {
    let (_, config) = small_archive(b"body", &["app:1"]);
    let (other, _) = small_archive(b"other", &["app:1"]);
    let error = open(Answers::new(other, &config), ReadMode::Stream, None)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("it has no image sha256:"),
        "{error}"
    );
}

#[tokio::test]
async fn what_a_daemon_says_about_itself_is_kept() {
    let (archive, config) = small_archive(b"body", &["app:1"]);
    let dir = tempfile::tempdir().unwrap();
    let daemon = fake_daemon(dir.path(), Answers::new(archive, &config))
        .await
        .unwrap();
    let info = daemon.info();
    assert_eq!(
        (&*info.server_version, &*info.api_version),
        ("29.0", "1.52")
    );
    assert_eq!(
        (&*info.cgroup_version, &*info.cgroup_driver),
        ("2", "systemd")
    );
    assert_eq!(daemon.api_version(), "1.52");
}

#[tokio::test]
async fn an_absent_daemon_is_told_from_one_that_answers_nonsense() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.sock");
    let stale = dir.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    // Nobody listens on the discard port of this host.
    for host in [
        format!("unix://{}", missing.display()),
        format!("unix://{}", stale.display()),
        "tcp://127.0.0.1:9".to_owned(),
    ] {
        let error = Daemon::connect_to(endpoint(&host).unwrap())
            .await
            .unwrap_err();
        assert!(
            matches!(error, TransportError::DaemonAbsent { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(&host), "{error}");
        assert!(error.hint().unwrap().contains("DOCKER_HOST"));
    }
    let nonsense = dir.path().join("nonsense.sock");
    let listener = UnixListener::bind(&nonsense).unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
                .await;
        }
    });
    let host = format!("unix://{}", nonsense.display());
    let error = Daemon::connect_to(endpoint(&host).unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::Api { .. }), "{error:?}");
}
