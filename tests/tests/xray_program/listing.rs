//! A layer that lists ten million files in an archive of little size. What it takes in memory until it is refused at the
//! usual limit is measured by `cargo xtask bench xray`.

use std::io::Write;

use minifier::transport::registry::RegistryOptions;
use minifier::transport::{Control, Limits, Location, OpenOptions, open_image};
use minifier::xray::{ScanOptions, XrayError, XrayOptions, xray};

use super::archive;

const ENTRIES: usize = 10_000_000;
/// Names that differ; the rest of the listing repeats them.
const NAMES: usize = 100_000;
/// A tenth of the usual limit.
const LIMIT: u64 = 200_000;

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

#[tokio::test]
async fn a_listing_of_ten_million_entries_is_refused_at_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = format!("sha256:{}", "0".repeat(64));
    let archive = archive(folder.path(), &[listing()], &[id]);
    let text = format!("docker-archive:{}", archive.display());
    let location: Location = text.parse().expect("a location");
    let open = OpenOptions {
        platform: None,
        scratch: folder.path().to_owned(),
        limits: Limits::default(),
        registry: RegistryOptions::from_env(),
        control: Control::none(),
    };
    let image = open_image(&location, &open).await.expect("an image");
    let options = XrayOptions {
        scan: ScanOptions {
            limits: minifier::xray::Limits {
                entries: LIMIT,
                ..Default::default()
            },
            ..ScanOptions::default()
        },
        ..XrayOptions::default()
    };
    let error = xray(&image, &options, &|_, _| {}).expect_err("it is refused");
    let XrayError::TooManyEntries { image, entries, .. } = error;
    assert_eq!((image, entries), (text, LIMIT));
}
