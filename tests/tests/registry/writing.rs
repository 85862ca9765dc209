//! Writing to registries of every kind.

use std::sync::Arc;

use minifier::transport::registry::RegistryError;
use minifier_tests::registry::{
    Answer, Asked, Direction, FakeRegistry, Proxy, TinyServer, Trouble, blobs_of, noise, stored,
};

use crate::registry::support::Client;

fn serving(fake: &Arc<FakeRegistry>) -> TinyServer {
    let fake = fake.clone();
    TinyServer::start(move |asked| fake.answer(asked))
}

fn patches(server: &TinyServer) -> Vec<Asked> {
    let asked = server.asked().into_iter();
    asked.filter(|asked| asked.method == "PATCH").collect()
}

#[test]
fn an_upload_goes_on_where_the_connection_broke() {
    let (image, _) = stored(&[noise(1, 8_000_000)]);
    let fake = Arc::new(FakeRegistry::new());
    let server = serving(&fake);
    let troubles = [3_000_000, 2_000_000].map(|at| Trouble::Cut(Direction::Up, at));
    let proxy = Proxy::start(server.port(), troubles);
    let mut client = Client::new();
    client.options.parallel = 1;
    let name = format!("{}/a:1", proxy.host());
    let pushed = client.push(&image, &name).unwrap();
    assert_eq!((proxy.left(), fake.unfinished()), (0, 0));
    let pulled = client.pull(&name).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    // Nothing that the registry has is sent again; what broke off was on its way.
    let layer: Vec<Asked> = patches(&server)
        .into_iter()
        .filter(|asked| asked.body.len() > 1000)
        .collect();
    let received: usize = layer.iter().map(|asked| asked.body.len()).sum();
    assert_eq!((layer.len(), received), (3, 8_000_000));
    assert_eq!(layer[0].header("content-range"), None);
    for (after, before) in [(1, 0), (2, 1)] {
        let start: usize = layer[..=before].iter().map(|asked| asked.body.len()).sum();
        let range = format!("{start}-7999999");
        assert_eq!(layer[after].header("content-range"), Some(range.as_str()));
        let length = (8_000_000 - start).to_string();
        assert_eq!(layer[after].header("content-length"), Some(length.as_str()));
    }
    assert!(pushed.bytes < 2 * 8_000_000 + 8_000_000, "{pushed:?}");
}

#[test]
fn bodies_that_are_too_long_become_shorter() {
    let (image, _) = stored(&[noise(2, 6 << 20)]);
    let fake = FakeRegistry::with(|fake| fake.longest_body = Some(2 << 20));
    let fake = Arc::new(fake);
    let server = serving(&fake);
    let client = Client::new();
    let name = format!("{}/a:1", server.host());
    client.push(&image, &name).unwrap();
    assert_eq!(
        blobs_of(&client.pull(&name).unwrap()).unwrap(),
        blobs_of(&image).unwrap()
    );
    assert_eq!(fake.unfinished(), 0);
}

#[test]
fn parts_are_as_long_as_the_registry_wants_them() {
    let (image, _) = stored(&[noise(3, 5 << 20)]);
    let fake = FakeRegistry::with(|fake| fake.shortest_part = Some(2 << 20));
    let server = serving(&Arc::new(fake));
    let mut client = Client::new();
    client.options.upload_chunk = Some(1 << 20);
    client
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap();
    let mut lengths: Vec<usize> = patches(&server)
        .iter()
        .map(|asked| asked.body.len())
        .collect();
    lengths.sort_unstable();
    let config = usize::try_from(image.manifest.config().size).unwrap();
    assert_eq!(lengths, [config, 1 << 20, 2 << 20, 2 << 20]);
}

#[test]
fn a_registry_that_refuses_to_mount_is_sent_the_blob() {
    let (mut image, mut blobs) = stored(&[noise(4, 1000)]);
    let fake = FakeRegistry::with(|fake| fake.no_mounts = true);
    let server = serving(&Arc::new(fake));
    blobs.repository = Some((server.host(), "other".into()));
    image.blobs = Arc::new(blobs);
    let pushed = Client::new()
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap();
    assert_eq!((pushed.mounted, pushed.sent), (0, 2));
    let tried = server
        .asked()
        .iter()
        .filter(|asked| asked.path.contains("mount="))
        .count();
    assert_eq!(tried, 2);
}

#[test]
fn the_manifest_is_put_last_and_byte_for_byte() {
    let (image, _) = stored(&[noise(5, 1000), noise(6, 1000), noise(7, 1000)]);
    let server = serving(&Arc::new(FakeRegistry::new()));
    Client::new()
        .push(&image, &format!("{}/a:tag", server.host()))
        .unwrap();
    let asked = server.asked();
    let last = asked.last().unwrap();
    assert_eq!(last.line(), "PUT /v2/a/manifests/tag");
    assert_eq!(
        last.header("content-type"),
        Some(image.manifest.media_type())
    );
    assert_eq!(last.body, image.manifest.bytes());
}

#[test]
fn what_the_registry_says_of_the_manifest_is_compared() {
    let (image, _) = stored(&[noise(8, 1000)]);
    let fake = Arc::new(FakeRegistry::new());
    let other = image.config.digest().to_string();
    let inner = fake.clone();
    let server = TinyServer::start(move |asked| match asked.line().as_str() {
        "PUT /v2/a/manifests/1" => Answer::new(201, "").with("Docker-Content-Digest", &other),
        _ => inner.answer(asked),
    });
    let error = Client::new()
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");

    // One that says nothing is asked what it has.
    let fake = Arc::new(FakeRegistry::with(|fake| fake.no_digests = true));
    let server = serving(&fake);
    Client::new()
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap();
    assert_eq!(
        server.asked().last().unwrap().line(),
        "GET /v2/a/manifests/1"
    );
}

#[test]
fn a_failure_removes_what_was_started_and_leaves_no_tag() {
    let (image, _) = stored(&[noise(9, 9_000_000), noise(10, 1000)]);
    let fake = Arc::new(FakeRegistry::new());
    let (inner, small) = (fake.clone(), image.manifest.layers()[1].digest.to_hex());
    let server = TinyServer::start(move |asked| {
        // The small one is refused at its end, while the other is on its way.
        if asked.method == "PUT" && asked.path.contains(&small) {
            Answer::new(
                403,
                r#"{"errors":[{"code":"DENIED","message":"over the quota"}]}"#,
            )
        } else {
            inner.answer(asked)
        }
    });
    let client = Client::new();
    let error = client
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
    assert!(
        error.to_string().contains("DENIED: over the quota"),
        "{error}"
    );
    assert_eq!(fake.unfinished(), 0);
    assert!(
        !server
            .asked()
            .iter()
            .any(|asked| asked.path.contains("/manifests/"))
    );
}

#[test]
fn a_lost_answer_to_the_last_request_is_no_failure() {
    let (image, _) = stored(&[noise(11, 1000)]);
    let fake = Arc::new(FakeRegistry::new());
    let inner = fake.clone();
    let lost = std::sync::atomic::AtomicBool::new(false);
    let server = TinyServer::start(move |asked| {
        let answer = inner.answer(asked);
        let last = asked.method == "PUT" && asked.path.contains("/uploads/");
        if last && !lost.swap(true, std::sync::atomic::Ordering::Relaxed) {
            Answer {
                hang_up: true,
                ..Answer::default()
            }
        } else {
            answer
        }
    });
    let pushed = Client::new()
        .push(&image, &format!("{}/a:1", server.host()))
        .unwrap();
    assert_eq!(pushed.sent, 2);
    assert_eq!(patches(&server).len(), 2);
}
