//! Reading from registries that misbehave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use minifier::image::{Digest, ImageReference, MAX_INDEXES, media_type};
use minifier::transport::StoredImage;
use minifier::transport::registry::{RegistryError, pull};
use minifier_tests::registry::{
    Answer, Asked, Direction, FakeRegistry, Proxy, TinyServer, Trouble, blobs_of, noise, stored,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::registry::support::Client;

/// A registry with an image under `a:1`.
fn holding(
    image: &StoredImage,
    blobs: &BTreeMap<Digest, Vec<u8>>,
    fake: FakeRegistry,
) -> Arc<FakeRegistry> {
    blobs.values().for_each(|blob| fake.add_blob(blob));
    fake.add_manifest("1", image.manifest.media_type(), image.manifest.bytes());
    Arc::new(fake)
}

/// A server in front of it that goes its own way where `other` says so.
fn serving(
    fake: &Arc<FakeRegistry>,
    other: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> TinyServer {
    let fake = fake.clone();
    TinyServer::start(move |asked| other(asked).unwrap_or_else(|| fake.answer(asked)))
}

#[test]
fn a_registry_without_ranges_gives_the_blob_again() {
    let (image, blobs) = stored(&[noise(1, 4_000_000)]);
    let fake = FakeRegistry::with(|fake| fake.no_ranges = true);
    let server = serving(&holding(&image, &blobs.blobs, fake), |_| None);
    let proxy = Proxy::start(server.port(), [Trouble::Cut(Direction::Down, 1_500_000)]);
    let pulled = Client::new()
        .pull(&format!("{}/a:1", proxy.host()))
        .unwrap();
    // The client lives no longer, but a broken runtime is an error, not a hang.
    assert!(blobs_of(&pulled).is_err());
    let client = Client::new();
    let pulled = client.pull(&format!("{}/a:1", proxy.host())).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());
    assert_eq!(proxy.left(), 0);
}

#[test]
fn a_manifest_with_another_digest_is_refused() {
    let (image, blobs) = stored(&[noise(1, 10)]);
    let fake = holding(&image, &blobs.blobs, FakeRegistry::new());
    let other = stored(&[noise(2, 10)]).0.manifest.bytes().to_vec();
    let announced = image.manifest.digest().to_string();
    let server = serving(&fake, move |asked| {
        let answer = Answer::new(200, other.clone()).with("Content-Type", media_type::OCI_MANIFEST);
        match asked.path.as_str() {
            "/v2/a/manifests/lies" => Some(answer.with("Docker-Content-Digest", &announced)),
            path if path.contains("/manifests/sha256:") => Some(answer),
            _ => None,
        }
    });
    let client = Client::new();
    for name in ["lies".to_owned(), format!("1@{}", image.manifest.digest())] {
        let error = client
            .pull(&format!("{}/a:{name}", server.host()))
            .unwrap_err();
        assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    }
}

#[test]
fn documents_that_are_too_long_or_no_image_are_refused() {
    let fake = FakeRegistry::new();
    fake.add_manifest("long", media_type::OCI_MANIFEST, &vec![b' '; (4 << 20) + 1]);
    fake.add_manifest("text", "text/html", b"<html>");
    fake.add_manifest(
        "old",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        b"{}",
    );
    let config = json!({"digest": Digest::of(b""), "size": u64::MAX, "mediaType": "x"});
    let huge = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    fake.add_manifest("huge", media_type::OCI_MANIFEST, huge.as_bytes());
    let server = serving(&Arc::new(fake), |_| None);
    let client = Client::new();
    for (tag, what) in [
        ("long", "longer than 4 MiB"),
        ("text", "image manifest"),
        ("old", "schema 1"),
        ("huge", "longer than 4 MiB"),
    ] {
        let error = client
            .pull(&format!("{}/a:{tag}", server.host()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(what) && error.contains("/a:"),
            "{tag}: {error}"
        );
    }
}

#[test]
fn blobs_with_another_length_are_refused_by_name() {
    let layer = noise(3, 1_000_000);
    let (image, blobs) = stored(std::slice::from_ref(&layer));
    for (length, sent, what) in [
        ("1000001", layer.len(), "1000001 bytes, expected 1000000"),
        ("999999", layer.len(), "999999 bytes, expected 1000000"),
        // As announced, and then the connection ends: every time.
        ("1000000", 1000, "(tried 2 times)"),
    ] {
        let body = layer[..sent].to_vec();
        let path = format!("/v2/a/blobs/{}", Digest::of(&layer));
        let server = serving(
            &holding(&image, &blobs.blobs, FakeRegistry::new()),
            move |asked| {
                let answer = Answer::new(200, body.clone()).with("Content-Length", length);
                (asked.path == path).then_some(answer)
            },
        );
        let mut client = Client::new();
        client.options.attempts = 2;
        let pulled = client.pull(&format!("{}/a:1", server.host())).unwrap();
        let error = blobs_of(&pulled).unwrap_err().to_string();
        assert!(error.contains(what), "{length}: {error}");
    }
}

#[test]
fn an_index_gives_the_image_for_the_platform() {
    let (image, blobs) = stored(&[noise(4, 1000)]);
    let fake = FakeRegistry::new();
    blobs.blobs.values().for_each(|blob| fake.add_blob(blob));
    fake.add_manifest("image", image.manifest.media_type(), image.manifest.bytes());
    let entry = |platform: serde_json::Value| {
        json!({"mediaType": image.manifest.media_type(), "digest": image.manifest.digest(),
            "size": image.manifest.bytes().len(), "platform": platform})
    };
    let attestation = json!({"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(b"none"), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
    let inner = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [
        entry(json!({"os": "linux", "architecture": "s390x"})),
        entry(json!({"os": "linux", "architecture": "amd64"})), attestation]})
    .to_string();
    fake.add_manifest("inner", media_type::OCI_INDEX, inner.as_bytes());
    let outer = json!({"schemaVersion": 2, "manifests": [{"mediaType": media_type::OCI_INDEX,
        "digest": Digest::of(inner.as_bytes()), "size": inner.len()}]})
    .to_string();
    fake.add_manifest("outer", media_type::DOCKER_MANIFEST_LIST, outer.as_bytes());
    let server = serving(&Arc::new(fake), |_| None);
    let client = Client::new();
    let pull_for = |tag: &str, platform: &str| {
        let name: ImageReference = format!("{}/a:{tag}", server.host()).parse().unwrap();
        let platform = platform.parse().unwrap();
        client.runtime.block_on(pull(
            &name,
            Some(&platform),
            &client.options,
            &CancellationToken::new(),
        ))
    };
    for tag in ["inner", "outer", "image"] {
        let pulled = pull_for(tag, "linux/amd64").unwrap();
        assert_eq!(pulled.manifest, image.manifest, "{tag}");
        let noted = pulled
            .notes
            .iter()
            .any(|note| note.contains("1 other platform and 1 attestation"));
        assert_eq!(noted, tag != "image", "{:?}", pulled.notes);
    }
    for (tag, found) in [
        ("outer", "linux/s390x, linux/amd64"),
        ("image", "linux/amd64"),
    ] {
        let error = pull_for(tag, "linux/arm64").unwrap_err();
        assert!(matches!(error, RegistryError::Platform { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains(&format!("it is for {found}, not for linux/arm64")),
            "{error}"
        );
    }
}

#[test]
fn as_many_indexes_in_each_other_are_read_as_from_a_layout() {
    let (image, blobs) = stored(&[noise(1, 10)]);
    let fake = FakeRegistry::new();
    blobs.blobs.values().for_each(|blob| fake.add_blob(blob));
    let manifest = image.manifest.bytes();
    fake.add_manifest("0", image.manifest.media_type(), manifest);
    let mut inner = json!({
        "mediaType": image.manifest.media_type(), "digest": Digest::of(manifest), "size": manifest.len(),
    });
    for level in 1..=MAX_INDEXES + 1 {
        let index = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [inner],
        });
        let index = index.to_string();
        fake.add_manifest(&level.to_string(), media_type::OCI_INDEX, index.as_bytes());
        inner = json!({
            "mediaType": media_type::OCI_INDEX, "digest": Digest::of(index.as_bytes()), "size": index.len(),
        });
    }
    let server = serving(&Arc::new(fake), |_| None);
    let client = Client::new();
    let pull = |level: usize| client.pull(&format!("{}/a:{level}", server.host()));
    let pulled = pull(MAX_INDEXES).unwrap();
    assert_eq!(pulled.manifest.digest(), image.manifest.digest());
    let error = pull(MAX_INDEXES + 1).unwrap_err().to_string();
    assert!(
        error.contains("more than 8 image indexes in each other"),
        "{error}"
    );
}

#[test]
fn indexes_in_indexes_end() {
    // Each says to hold the next; the last says to hold more than anybody looks at.
    let fake = FakeRegistry::new();
    let index = |entries: Vec<(Digest, usize)>| {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(digest, size)| json!({"mediaType": media_type::OCI_INDEX, "digest": digest, "size": size}))
            .collect();
        json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries})
            .to_string()
    };
    let mut deep = index(Vec::new());
    for level in 0..10 {
        fake.add_manifest(&level.to_string(), media_type::OCI_INDEX, deep.as_bytes());
        deep = index(vec![(Digest::of(deep.as_bytes()), deep.len())]);
    }
    let empty = index(Vec::new());
    let wide = index(vec![(Digest::of(empty.as_bytes()), empty.len()); 100]);
    fake.add_manifest("wide", media_type::OCI_INDEX, wide.as_bytes());
    let server = serving(&Arc::new(fake), |_| None);
    for (tag, what) in [
        ("9", "image indexes in each other"),
        ("wide", "manifests would have to be read"),
    ] {
        let error = Client::new()
            .pull(&format!("{}/a:{tag}", server.host()))
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    }
    assert!(server.asked().len() < 40, "{}", server.asked().len());
}

#[test]
fn redirections_end() {
    let fake = Arc::new(FakeRegistry::new());
    let server = serving(&fake, |asked| {
        let leads = asked.path.contains("/manifests/");
        leads.then(|| Answer::new(307, "").with("Location", format!("{}x", asked.path)))
    });
    let error = Client::new()
        .pull(&format!("{}/a:1", server.host()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("too many redirections"), "{error}");
    assert_eq!(server.asked().len(), 12);
}

#[test]
fn what_may_pass_is_tried_again_and_not_for_ever() {
    let (image, blobs) = stored(&[noise(5, 10)]);
    let fake = holding(&image, &blobs.blobs, FakeRegistry::new());
    let count = std::sync::atomic::AtomicU32::new(0);
    let server = serving(&fake, move |_| {
        let before = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        before
            .is_multiple_of(2)
            .then(|| Answer::new(503, "").with("Retry-After", "0"))
    });
    let client = Client::new();
    let pulled = client.pull(&format!("{}/a:1", server.host())).unwrap();
    assert_eq!(blobs_of(&pulled).unwrap(), blobs_of(&image).unwrap());

    let server = serving(&fake, |asked| {
        asked
            .path
            .contains("/manifests/")
            .then(|| Answer::new(502, ""))
    });
    let mut client = Client::new();
    client.options.attempts = 3;
    let error = client.pull(&format!("{}/a:1", server.host())).unwrap_err();
    assert!(
        matches!(error, RegistryError::Broken { attempts: 3, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("502 Bad Gateway"), "{error}");
}

#[test]
fn a_registry_that_falls_silent_is_given_up() {
    let (image, blobs) = stored(&[noise(6, 3_000_000)]);
    let server = serving(&holding(&image, &blobs.blobs, FakeRegistry::new()), |_| {
        None
    });
    let mut client = Client::new();
    client.options.attempts = 2;
    client.options.stall = Duration::from_millis(500);
    let silent = Proxy::start(server.port(), [Trouble::Stall(Direction::Down, 0); 4]);
    let started = Instant::now();
    let error = client.pull(&format!("{}/a:1", silent.host())).unwrap_err();
    assert!(error.to_string().contains("did not answer"), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );

    let halfway = Proxy::start(server.port(), [Trouble::Stall(Direction::Down, 100_000); 4]);
    let pulled = client.pull(&format!("{}/a:1", halfway.host())).unwrap();
    let error = blobs_of(&pulled).unwrap_err().to_string();
    assert!(error.contains("no byte came"), "{error}");
}

#[test]
fn what_is_no_registry_is_named() {
    let server = TinyServer::start(|_| Answer::new(404, "<html>"));
    let client = Client::new();
    let error = client.pull(&format!("{}/a:1", server.host())).unwrap_err();
    assert!(error.to_string().contains("404 Not Found"), "{error}");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let error = client.pull(&format!("127.0.0.1:{port}/a:1")).unwrap_err();
    assert!(matches!(error, RegistryError::Connect { .. }), "{error}");
    assert!(
        error.to_string().contains("refused") && error.hint().is_some(),
        "{error}"
    );
}

#[test]
fn foreign_layers_are_not_fetched_from_anywhere() {
    let elsewhere = TinyServer::start(|_| Answer::new(200, "x"));
    let (image, blobs) = stored(&[noise(7, 10)]);
    let fake = holding(&image, &blobs.blobs, FakeRegistry::new());
    let server = serving(&fake, |_| None);
    let client = Client::new();
    let pulled = client.pull(&format!("{}/a:1", server.host())).unwrap();
    let mut foreign = image.manifest.layers()[0].clone();
    foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
    foreign.urls = vec![format!("http://{}/layer", elsewhere.host())];
    let before = server.asked().len();
    let error = pulled.blobs.open(&foreign).err().unwrap().to_string();
    assert!(error.contains("foreign layer"), "{error}");
    assert_eq!((elsewhere.asked().len(), server.asked().len()), (0, before));
}

#[test]
fn what_a_registry_calls_an_image_and_an_index_is_refused() {
    let (image, blobs) = stored(&[noise(4, 1000)]);
    let mut both: serde_json::Value = serde_json::from_slice(image.manifest.bytes()).unwrap();
    both["manifests"] = serde_json::json!([]);
    let both = both.to_string().into_bytes();
    let index = "application/vnd.oci.image.index.v1+json";
    for (media_type, document) in [
        (image.manifest.media_type(), &both[..]),
        (index, &both),
        ("application/json", &both),
        // An image that the registry's answer calls an index.
        (index, image.manifest.bytes()),
    ] {
        let fake = FakeRegistry::new();
        blobs.blobs.values().for_each(|blob| fake.add_blob(blob));
        fake.add_manifest("1", media_type, document);
        let server = TinyServer::start(move |asked| fake.answer(asked));
        let error = Client::new()
            .pull(&format!("{}/a:1", server.host()))
            .unwrap_err();
        assert!(
            error.to_string().contains("ambiguous"),
            "{media_type}: {error}"
        );
    }
}
