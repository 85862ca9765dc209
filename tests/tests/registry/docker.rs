//! Against Debian's `docker-registry`: round trips, mounting, and connections that break.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use minifier::image::ImageReference;
use minifier::transport::registry::{RegistryError, push};
use minifier_tests::registry::{
    Direction, Proxy, RegistryProcess, Settings, Trouble, blobs_of, noise, stored,
};
use tokio_util::sync::CancellationToken;

use crate::registry::support::Client;

const NONE: [PathBuf; 0] = [];

#[test]
fn docker_registry_gives_back_what_was_pushed() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(1, 3_000_000), noise(2, 10), vec![1], Vec::new()]);
    let name = format!("{}/some/app:1", registry.host());
    let pushed = client.push(&image, &name).unwrap();
    assert_eq!(pushed.digest, image.manifest.digest());
    assert_eq!((pushed.sent, pushed.present, pushed.mounted), (5, 0, 0));
    let by_digest = format!("{}/some/app@{}", registry.host(), pushed.digest);
    for name in [&name, &by_digest] {
        let pulled = client.pull(name).unwrap();
        assert_eq!(pulled.manifest, image.manifest);
        assert_eq!(pulled.config, image.config);
        assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    }
    let again = client.push(&image, &by_digest).unwrap();
    assert_eq!((again.sent, again.present, again.bytes), (0, 5, 0));
    assert_eq!(registry.unfinished("some/app"), NONE);
    let other = format!("{}/some/app@{}", registry.host(), image.config.digest());
    let error = client.push(&image, &other).unwrap_err().to_string();
    assert!(error.contains(&pushed.digest.to_string()), "{error}");
}

#[test]
fn docker_registry_mounts_what_another_repository_has() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(3, 2_000_000), noise(4, 1000)]);
    let (from, to) = (
        format!("{}/from:1", registry.host()),
        format!("{}/to/other:1", registry.host()),
    );
    client.push(&image, &from).unwrap();
    let pulled = client.pull(&from).unwrap();
    let pushed = client.push(&pulled, &to).unwrap();
    assert_eq!((pushed.mounted, pushed.sent, pushed.bytes), (3, 0, 0));
    let sent: Vec<String> = registry
        .requests()
        .into_iter()
        .filter(|request| request.contains("/to/other/") && request.starts_with("PATCH"))
        .collect();
    assert_eq!(sent, [] as [String; 0]);
    let mounted = client.pull(&to).unwrap();
    assert_eq!(blobs_of(&mounted).unwrap(), blobs_of(&image).unwrap());
}

#[test]
fn docker_registry_an_image_goes_from_one_to_another() {
    let (from, to) = (RegistryProcess::plain(), RegistryProcess::plain());
    let client = Client::new();
    let (image, _) = stored(&[noise(5, 20_000_000)]);
    client
        .push(&image, &format!("{}/a:1", from.host()))
        .unwrap();
    let pulled = client.pull(&format!("{}/a:1", from.host())).unwrap();
    let name = format!("{}/a:1", to.host());
    let pushed = client.push(&pulled, &name).unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (0, 2));
    assert_eq!(client.pull(&name).unwrap().manifest, image.manifest);
}

#[test]
fn docker_registry_a_pull_goes_on_where_the_connection_broke() {
    let registry = RegistryProcess::plain();
    let mut client = Client::new();
    let (image, _) = stored(&[noise(6, 12_000_000)]);
    client
        .push(&image, &format!("{}/a:1", registry.host()))
        .unwrap();
    client.options.stall = Duration::from_secs(1);
    let troubles = [
        Trouble::Cut(Direction::Down, 2_000_000),
        Trouble::Cut(Direction::Down, 1_000_000),
        Trouble::Stall(Direction::Down, 3_000_000),
    ];
    let proxy = Proxy::start(registry.port(), troubles);
    let pulled = client.pull(&format!("{}/a:1", proxy.host())).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    assert_eq!(proxy.left(), 0);
    let blob = image.manifest.layers()[0].digest;
    let partial = registry
        .requests()
        .into_iter()
        .filter(|request| *request == format!("GET /v2/a/blobs/{blob} 206"))
        .count();
    assert_eq!(partial, 3);
}

#[test]
fn docker_registry_a_push_survives_broken_connections() {
    let registry = RegistryProcess::plain();
    let (image, _) = stored(&[noise(7, 12_000_000)]);
    // This registry forgets an upload whose body broke off, so that it starts anew.
    let client = Client::new();
    let troubles = [2_000_000, 5_000_000].map(|at| Trouble::Cut(Direction::Up, at));
    let proxy = Proxy::start(registry.port(), troubles);
    let name = format!("{}/whole:1", proxy.host());
    let pushed = client.push(&image, &name).unwrap();
    assert_eq!(proxy.left(), 0);
    assert!(pushed.bytes > 12_000_000, "{pushed:?}");
    let pulled = client.pull(&name).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
}

#[test]
fn docker_registry_takes_a_blob_in_parts() {
    let registry = RegistryProcess::plain();
    let mut client = Client::new();
    client.options.upload_chunk = Some(1 << 20);
    let (image, _) = stored(&[noise(8, (5 << 20) + 1)]);
    let name = format!("{}/parts:1", registry.host());
    let pushed = client.push(&image, &name).unwrap();
    assert_eq!(pushed.bytes, (5 << 20) + 1 + image.manifest.config().size);
    let patches = registry
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("PATCH"))
        .count();
    assert_eq!(patches, 7);
    assert_eq!(
        blobs_of(&client.pull(&name).unwrap()).unwrap(),
        blobs_of(&image).unwrap()
    );
}

#[test]
fn docker_registry_a_push_goes_on_between_parts() {
    let registry = RegistryProcess::plain();
    let mut client = Client::new();
    client.options.upload_chunk = Some(1 << 20);
    client.options.parallel = 1;
    let (image, _) = stored(&[noise(9, 4 << 20)]);
    // The third part never gets there: what the registry has is then what it said it has.
    let patch = Trouble::See("PATCH");
    let troubles = [patch, patch, Trouble::Before("PATCH")];
    let proxy = Proxy::start(registry.port(), troubles);
    let name = format!("{}/parts:1", proxy.host());
    client.push(&image, &name).unwrap();
    assert_eq!(proxy.left(), 0);
    let requests = registry.requests();
    let count = |start: &str, end: &str| {
        let found = |request: &&String| request.starts_with(start) && request.ends_with(end);
        requests.iter().filter(found).count()
    };
    // Four parts of the layer and the config.
    assert_eq!(count("PATCH", " 202"), 5);
    assert_eq!(count("GET /v2/parts/blobs/uploads/", " 204"), 1);
    assert_eq!(
        blobs_of(&client.pull(&name).unwrap()).unwrap(),
        blobs_of(&image).unwrap()
    );
}

#[test]
fn docker_registry_cancelling_leaves_no_upload_and_no_tag() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(10, 30_000_000), noise(11, 20_000_000)]);
    let name: ImageReference = format!("{}/gone:1", registry.host()).parse().unwrap();
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let watch = Arc::new(move |more| {
        let before = sent.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        if before > 5_000_000 {
            stop.cancel();
        }
    });
    let pushing = push(&image, &name, &client.options, &cancel, Some(watch));
    let error = client.runtime.block_on(pushing).unwrap_err();
    assert!(matches!(error, RegistryError::Cancelled { .. }), "{error}");
    let posts = registry.requests();
    let posts = posts.iter().filter(|line| line.starts_with("POST")).count();
    assert!(posts > 0, "nothing was started");
    assert_eq!(registry.unfinished("gone"), NONE);
    let error = client.pull(name.as_str()).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
}

#[test]
fn docker_registry_dropping_the_push_leaves_no_upload() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(12, 30_000_000)]);
    let name: ImageReference = format!("{}/gone:1", registry.host()).parse().unwrap();
    let cancel = CancellationToken::new();
    let reached = Arc::new(tokio::sync::Notify::new());
    let notify = reached.clone();
    let watch = Arc::new(move |_| notify.notify_one());
    let pushing = push(&image, &name, &client.options, &cancel, Some(watch));
    client.runtime.block_on(async {
        tokio::select! {
            result = pushing => panic!("{result:?}"),
            () = reached.notified() => {}
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    });
    assert_eq!(registry.unfinished("gone"), NONE);
}

#[test]
fn docker_registry_killed_in_the_middle_is_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let storage = data.path().join("data");
    let mut registry = RegistryProcess::start(&Settings {
        storage: Some(&storage),
        ..Settings::default()
    });
    let port = registry.port();
    let client = Client::new();
    let (image, _) = stored(&[noise(13, 40_000_000)]);
    let name = format!("{}/a:1", registry.host());
    let reference: ImageReference = name.parse().unwrap();
    let (reached, half) = std::sync::mpsc::channel();
    let sent = std::sync::atomic::AtomicU64::new(0);
    let watch = Arc::new(move |more| {
        if sent.fetch_add(more, std::sync::atomic::Ordering::Relaxed) > 10_000_000 {
            // Nobody listens the second time.
            let _ = reached.send(());
        }
    });
    let cancel = CancellationToken::new();
    let pushed = std::thread::scope(|scope| {
        let pushing = push(&image, &reference, &client.options, &cancel, Some(watch));
        let pushing = scope.spawn(|| client.runtime.block_on(pushing));
        half.recv().unwrap();
        registry.kill();
        registry = RegistryProcess::start(&Settings {
            storage: Some(&storage),
            port: Some(port),
            ..Settings::default()
        });
        pushing.join().unwrap()
    });
    let pushed = pushed.unwrap();
    assert!(pushed.bytes > 50_000_000, "{pushed:?}");
    let pulled = client.pull(&name).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
}

#[test]
fn docker_registry_that_stays_away_is_a_clear_error_and_no_tag() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(14, 2_000_000)]);
    let troubles = [Trouble::Cut(Direction::Up, 500_000); 20];
    let proxy = Proxy::start(registry.port(), troubles);
    let error = client
        .push(&image, &format!("{}/a:1", proxy.host()))
        .unwrap_err();
    let digest = image.manifest.layers()[0].digest.to_string();
    assert!(matches!(error, RegistryError::Broken { .. }), "{error}");
    assert!(error.to_string().contains(&digest), "{error}");
    let error = client
        .pull(&format!("{}/a:1", registry.host()))
        .unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
}

#[test]
fn docker_registry_altered_bytes_are_noticed() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (image, _) = stored(&[noise(15, 2_000_000)]);
    let name = format!("{}/a:1", registry.host());
    client.push(&image, &name).unwrap();
    let proxy = Proxy::start(
        registry.port(),
        [Trouble::Alter(Direction::Down, 1_000_000)],
    );
    let pulled = client.pull(&format!("{}/a:1", proxy.host())).unwrap();
    let error = blobs_of(&pulled).unwrap_err().to_string();
    assert!(error.contains("its bytes have the digest"), "{error}");
    // On the way up the registry notices.
    let (other, _) = stored(&[noise(16, 2_000_000)]);
    let proxy = Proxy::start(registry.port(), [Trouble::Alter(Direction::Up, 1_000_000)]);
    let error = client
        .push(&other, &format!("{}/b:1", proxy.host()))
        .unwrap_err();
    assert!(error.to_string().contains("DIGEST_INVALID"), "{error}");
}

#[test]
fn docker_registry_a_blob_that_is_not_what_it_should_be_is_not_sent() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let (mut image, mut blobs) = stored(&[noise(17, 2_000_000)]);
    let layer = image.manifest.layers()[0].digest;
    blobs.blobs.get_mut(&layer).unwrap()[1_999_999] ^= 1;
    image.blobs = Arc::new(blobs);
    let error = client
        .push(&image, &format!("{}/a:1", registry.host()))
        .unwrap_err();
    assert!(matches!(error, RegistryError::Source { .. }), "{error}");
    assert!(
        error.to_string().contains("its bytes have the digest"),
        "{error}"
    );
    assert_eq!(registry.unfinished("a"), NONE);
}

#[test]
fn docker_registry_says_what_it_does_not_have() {
    let registry = RegistryProcess::plain();
    let client = Client::new();
    let error = client
        .pull(&format!("{}/none:1", registry.host()))
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
    assert!(
        text.contains("/none:1") && text.contains("MANIFEST_UNKNOWN"),
        "{text}"
    );
}
