//! dive's figures, where dive is right.

use std::fs;
use std::path::Path;
use std::process::Command;

use minifier_tests::Minifier;
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

/// An image with what `dive --ci` and `xray --ci` make of it at the limit of 10 % for the user's waste.
struct Case<'a> {
    what: &'a str,
    layers: Vec<Files<'a>>,
    /// Wasted bytes, and wasted part of what the layers above the lowest add.
    ours: (u64, f64),
    /// The same by dive, which counts all versions of a path.
    dive: (u64, f64),
    /// Whether the rule fails: ours, then dive's.
    fails: (bool, bool),
}

/// Whether `highestUserWastedPercent: 0.1` of a `.dive-ci` fails, by `xray --ci`.
fn fails(archive: &Path) -> bool {
    let minifier = Minifier::find().expect("the program is there");
    let folder = tempfile::tempdir().expect("a folder");
    let rules = "rules: {highestUserWastedPercent: 0.1, lowestEfficiency: disabled}";
    fs::write(folder.path().join(".dive-ci"), rules).expect("the rules are written");
    let out = minifier
        .command(folder.path())
        .args(["xray", "--quiet", "--ci", "--output", "json", "--target"])
        .arg(format!("docker-archive:{}", archive.display()))
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&out.stdout).expect("it is JSON");
    let rules = report["gate"]["rules"].as_array().expect("rules");
    let rule = rules
        .iter()
        .find(|rule| rule["rule"] == "highestUserWastedPercent");
    rule.expect("the rule")["outcome"] == "fail"
}

/// Whoever moves from dive with a `.dive-ci` keeps its verdicts, but for what the user's layers are not to blame for.
#[test]
fn docker_gate_fails_what_dive_fails_but_for_what_is_removed_of_the_base() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |byte, size| vec![byte; size];
    let (a, b, c) = (file(b'a', 600_000), file(b'b', 400_000), file(b'c', 60_000));
    // Since every version of these has the same owner in its tar, a copy stands for a `chown`: the bytes are the same.
    let cases = [
        Case {
            what: "chown of a file of the base",
            layers: vec![vec![("a", &a)], vec![("a", &a), ("own", &b)]],
            ours: (600_000, 0.6),
            dive: (1_200_000, 1.2),
            fails: (true, true),
        },
        Case {
            what: "overwrite of a file of the base by a smaller one",
            layers: vec![vec![("a", &a)], vec![("a", &c), ("own", &b)]],
            ours: (600_000, 60.0 / 460.0),
            dive: (660_000, 660.0 / 460.0),
            fails: (true, true),
        },
        Case {
            what: "added twice above the base",
            layers: vec![vec![("base", &a)], vec![("f", &b)], vec![("f", &b)]],
            ours: (400_000, 0.5),
            dive: (800_000, 1.0),
            fails: (true, true),
        },
        Case {
            what: "added and removed above the base",
            layers: vec![vec![("base", &a)], vec![("f", &b)], vec![(".wh.f", b"")]],
            ours: (400_000, 1.0),
            dive: (400_000, 1.0),
            fails: (true, true),
        },
        Case {
            what: "nothing twice",
            layers: vec![vec![("base", &a)], vec![("f", &b)]],
            ours: (0, 0.0),
            dive: (0, 0.0),
            fails: (false, false),
        },
        Case {
            what: "removal of a file of the base",
            layers: vec![vec![("a", &a)], vec![(".wh.a", b""), ("own", &b)]],
            ours: (600_000, 0.0),
            dive: (600_000, 1.5),
            fails: (false, true),
        },
    ];
    for case in cases {
        let (layers, ids): (Vec<_>, Vec<_>) = case.layers.iter().map(|files| layer(files)).unzip();
        let archive = archive(folder.path(), &layers, &ids);
        let efficiency = &xray(&archive)["efficiency"];
        assert_eq!(efficiency["wasted_bytes"], case.ours.0, "{}", case.what);
        assert!(
            close(&efficiency["user_wasted_percent"], case.ours.1),
            "{}: {efficiency}",
            case.what
        );
        let (_, wasted, user) = dive(&archive);
        assert_eq!(wasted, case.dive.0, "{}, dive", case.what);
        assert!(
            (user - case.dive.1).abs() < 1e-3,
            "{}, dive: {user}",
            case.what
        );
        assert_eq!(
            (fails(&archive), user > 0.1),
            case.fails,
            "{}: the rule",
            case.what
        );
    }
}
