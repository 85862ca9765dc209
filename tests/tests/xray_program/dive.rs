//! dive's figures, where dive is right.

use std::process::Command;

use serde_json::Value;

use super::{archive, layer, xray};

/// The files of a layer.
type Files<'a> = Vec<(&'a str, &'a [u8])>;

/// What `dive --ci` says: efficiency, wasted bytes, wasted part of the user's bytes.
fn dive(archive: &std::path::Path) -> (f64, u64, f64) {
    let program = xtask::setup::ensure_dive().expect("dive is installed");
    let out = Command::new(program)
        .args([
            "--ci",
            "--lowestEfficiency=0",
            "--highestUserWastedPercent=1",
        ])
        .args(["--source", "docker-archive"])
        .arg(archive)
        .output()
        .expect("dive runs");
    let text = String::from_utf8_lossy(&out.stdout);
    let word = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        line.split_whitespace().next().expect("a number").to_owned()
    };
    let number = |name| word(name).parse::<f64>().expect("a number");
    (
        number("efficiency:") / 100.0,
        number("wastedBytes:") as u64,
        number("userWastedPercent:") / 100.0,
    )
}

fn close(a: &Value, b: f64) -> bool {
    (a.as_f64().expect("a number") - b).abs() < 1e-4
}

/// Nothing hidden, and files that hide others of their own size: there dive's score is the part that is to be seen.
#[test]
fn docker_efficiency_is_that_of_dive_where_dive_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let big = vec![b'x'; 1_000_000];
    let small = vec![b'y'; 250_000];
    let images: [Vec<Files>; 4] = [
        vec![vec![("a", &big), ("b", &small)]],
        vec![vec![("a", &big)], vec![("b", &small)]],
        vec![vec![("a", &big)], vec![("a", &big)]],
        vec![
            vec![("d/a", &big), ("d/b", &small)],
            vec![("d/b", &small), ("c", &big)],
            vec![("d/b", &small)],
        ],
    ];
    for (number, layers) in images.iter().enumerate() {
        let (layers, ids): (Vec<_>, Vec<_>) = layers.iter().map(|files| layer(files)).unzip();
        let archive = archive(folder.path(), &layers, &ids);
        let efficiency = &xray(&archive)["efficiency"];
        let (score, ..) = dive(&archive);
        assert!(
            close(&efficiency["score"], score),
            "image {number}: {efficiency}, dive {score}"
        );
    }
}

/// dive's issue 684: it counts both versions of a file as wasted, and a part of the user's bytes above one.
#[test]
fn docker_wasted_bytes_are_not_those_of_dive_where_it_counts_them_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let big = vec![b'x'; 1_000_000];
    let (layers, ids): (Vec<_>, Vec<_>) = [layer(&[("a", &big)]), layer(&[("a", &big)])]
        .into_iter()
        .unzip();
    let archive = archive(folder.path(), &layers, &ids);
    let efficiency = &xray(&archive)["efficiency"];
    assert_eq!(efficiency["wasted_bytes"], 1_000_000);
    assert_eq!(efficiency["user_wasted_percent"], 0.0);
    let (_, wasted, user) = dive(&archive);
    assert_eq!((wasted, user), (2_000_000, 2.0), "dive is as it was");
}
