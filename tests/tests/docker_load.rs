//! Loading archives into a Docker daemon.

use std::fs;

use minifier::image::{ImageConfig, TaggedName};
use minifier::transport::{ArchiveBody, Daemon, LoadedImage, TransportError};
use minifier_tests::transport::{Names, docker, small_archive};
use tokio_util::sync::CancellationToken;

/// Loads with nobody to call it off.
async fn load(
    daemon: &Daemon,
    body: ArchiveBody,
    config: &ImageConfig,
    tags: &[TaggedName],
) -> Result<LoadedImage, TransportError> {
    let nobody = CancellationToken::new();
    let loaded = daemon.load(body, config, tags, &nobody).await?;
    Ok(loaded.expect("nobody called it off"))
}

#[tokio::test]
async fn docker_every_tag_of_a_loaded_archive_is_checked() {
    let mut names = Names::new();
    let tags = [names.add("load-a"), names.add("load-b")];
    let references: Vec<TaggedName> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let daemon = Daemon::connect().await.unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("image.tar");

    let (archive, config) = small_archive(b"1", &[&tags[0], &tags[1]]);
    fs::write(&file, &archive).unwrap();
    let body = ArchiveBody::open(&file).await.unwrap();
    let loaded = load(&daemon, body, &config, &references).await.unwrap();
    assert_eq!(loaded.tags, tags);
    for tag in &tags {
        let id = docker(&["image", "inspect", "-f", "{{.Id}}", tag]);
        assert_eq!(id, config.digest().to_string());
    }

    // The second tag still points to the first image.
    let (archive, config) = small_archive(b"2", &[&tags[0]]);
    let body = ArchiveBody::written_by(move |writer| writer.write_all(&archive));
    let error = load(&daemon, body, &config, &references)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("load the image: {} points to", tags[1])),
        "{error}"
    );

    // One that is not there at all.
    let missing = ["mflayers-nothing:1".parse().unwrap()];
    let (archive, config) = small_archive(b"2", &[&tags[0]]);
    let body = ArchiveBody::written_by(move |writer| writer.write_all(&archive));
    let error = load(&daemon, body, &config, &missing)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mflayers-nothing:1 points to nothing"),
        "{error}"
    );
}

#[tokio::test]
async fn docker_archives_that_cannot_be_loaded_are_errors_with_the_daemons_words() {
    let daemon = Daemon::connect().await.unwrap();
    let (archive, config) = small_archive(b"never loaded", &["mflayers-broken:1"]);
    let cut = archive[..1000].to_vec();
    let tags = ["mflayers-broken:1".parse().unwrap()];
    let body = ArchiveBody::written_by(move |writer| writer.write_all(&cut));
    let error = load(&daemon, body, &config, &tags)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("load the image into the Docker daemon: "),
        "{error}"
    );

    let body = ArchiveBody::written_by(move |writer| {
        writer.write_all(&archive[..1000])?;
        Err(std::io::Error::other("the disk is full"))
    });
    let error = load(&daemon, body, &config, &tags)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("the disk is full"), "{error}");
}

#[tokio::test]
async fn docker_an_archive_that_is_called_off_before_its_end_is_not_loaded() {
    let mut names = Names::new();
    let name = names.add("called-off");
    let daemon = Daemon::connect().await.unwrap();
    let (archive, config) = small_archive(&[7; 1 << 20], &[&name]);
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let body = ArchiveBody::written_by(move |writer| {
        let (first, rest) = archive.split_at(archive.len() / 2);
        writer.write_all(first)?;
        token.cancel();
        writer.write_all(rest)
    });
    let tags = [name.parse().unwrap()];
    let loaded = daemon.load(body, &config, &tags, &cancel).await.unwrap();
    // Either side may have been first, but the daemon and the answer agree.
    let there = docker(&["image", "ls", "-q", &name]);
    assert_eq!(there.is_empty(), loaded.is_none(), "{there:?} {loaded:?}");
}
