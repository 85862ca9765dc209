//! The fuzz targets' bodies as property tests, on bytes that are nearly right: what a fuzzer needs hours to find, and
//! what needs no nightly toolchain.

use minifier_tests::transport::{base_layer, small_archive};
use proptest::prelude::*;

#[path = "../../fuzz/src/bodies.rs"]
mod bodies;

const MANIFEST: &[u8] = include_bytes!("../../fuzz/corpus/manifest/oci");
const PAGE: &[u8] = include_bytes!("../../fuzz/corpus/html/page");
const OPENAPI: &[u8] = include_bytes!("../../fuzz/corpus/html/openapi");
const DESTINATIONS: &[u8] = include_bytes!("../../fuzz/corpus/destinations/links");
const CONFIG: &[u8] = include_bytes!("../../fuzz/corpus/config/docker");

/// Databases of rpm: SQLite, ndb, Berkeley DB.
const DATABASES: [&[u8]; 3] = [
    include_bytes!("../../fuzz/corpus/rpm_database/sqlite"),
    include_bytes!("../../fuzz/corpus/rpm_database/ndb"),
    include_bytes!("../../fuzz/corpus/rpm_database/bdb"),
];

/// `seed` with some bytes replaced, and cut or lengthened.
fn damaged(seed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (edits, any::<prop::sample::Index>(), 0..4u8).prop_map(move |(edits, at, how)| {
        let mut bytes = seed.clone();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        match how {
            0 => bytes.truncate(at.index(bytes.len())),
            1 => bytes.extend_from_within(..at.index(bytes.len())),
            _ => {}
        }
        bytes
    })
}

/// A link, a directory, a file or a mount, of few names.
fn destination_line() -> impl Strategy<Value = String> {
    let path = "(/?(dev|proc|sys|shm|null|a|b|c|[.]|[.][.])){1,4}/?";
    (0..6u8, path, path).prop_map(|(kind, path, target)| match kind {
        0 | 1 => format!("{path} -> {target}"),
        2 => format!("{path}/"),
        3 => format!("={path}"),
        4 => format!("+{path}"),
        _ => path,
    })
}

#[test]
fn seeds_are_read() {
    assert!(minifier::image::Manifest::parse(MANIFEST.to_vec(), "").is_ok());
    assert!(minifier::image::ImageConfig::parse(CONFIG).is_ok());
    let url = url::Url::parse("http://127.0.0.1/").unwrap();
    assert_eq!(
        minifier::probe::links(&url, Some("text/html"), PAGE).len(),
        8
    );
    assert_eq!(minifier::probe::openapi_routes(&url, OPENAPI).len(), 2);
    bodies::tar_reader(&base_layer());
    bodies::destinations(DESTINATIONS);
    bodies::archive(&small_archive(b"x", &["app:1"]).0);
    for database in DATABASES {
        assert_eq!(
            minifier::analyze::rpm_database(database).map(|d| d.packages.len()),
            Ok(2)
        );
        bodies::database(database);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn tar_readers_keep_their_promises(bytes in damaged(base_layer())) {
        bodies::tar_reader(&bytes);
    }

    #[test]
    fn headers_of_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        bodies::tar_reader(&bytes);
        bodies::manifest(&bytes);
        bodies::config(&bytes);
        bodies::html(&bytes);
    }

    #[test]
    fn links_of_pages_stay_at_their_origin(bytes in damaged(PAGE.to_vec())) {
        bodies::html(&bytes);
    }

    #[test]
    fn routes_of_interfaces_stay_at_their_origin(bytes in damaged(OPENAPI.to_vec())) {
        bodies::html(&bytes);
    }

    #[test]
    fn manifests_keep_their_bytes(bytes in damaged(MANIFEST.to_vec())) {
        bodies::manifest(&bytes);
    }

    #[test]
    fn configs_keep_their_bytes(bytes in damaged(CONFIG.to_vec())) {
        bodies::config(&bytes);
    }

    #[test]
    fn whiteouts_never_show_up_as_files(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        bodies::whiteouts(&bytes);
    }

    #[test]
    fn mounts_never_land_on_the_systems_files(lines in proptest::collection::vec(destination_line(), 1..24)) {
        bodies::destinations(lines.join("\n").as_bytes());
    }

    #[test]
    fn archives_are_checked_or_refused(bytes in damaged(small_archive(b"x", &["app:1"]).0)) {
        bodies::archive(&bytes);
    }
    #[test]
    fn rpm_databases_are_read_or_refused(
        bytes in (0..3usize).prop_flat_map(|form| damaged(DATABASES[form].to_vec()))
    ) {
        bodies::database(&bytes);
    }
}
