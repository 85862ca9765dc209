//! Loading archives into a Docker daemon.

use std::fs;

use minifier::image::TaggedName;
use minifier::transport::{ArchiveBody, Daemon};
use minifier_tests::transport::{Names, docker, small_archive};

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
    let loaded = daemon.load(body, &config, &references).await.unwrap();
    assert_eq!(loaded.tags, tags);
    for tag in &tags {
        let id = docker(&["image", "inspect", "-f", "{{.Id}}", tag]);
        assert_eq!(id, config.digest().to_string());
    }

    // The second tag still points to the first image.
    let (archive, config) = small_archive(b"2", &[&tags[0]]);
    let body = ArchiveBody::written_by(move |writer| writer.write_all(&archive));
    let error = daemon
        .load(body, &config, &references)
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
    let error = daemon
        .load(body, &config, &missing)
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
    let error = daemon
        .load(body, &config, &tags)
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
    let error = daemon
        .load(body, &config, &tags)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("the disk is full"), "{error}");
}
