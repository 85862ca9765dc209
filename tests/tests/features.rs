//! The packages that each feature of the library brings: programs that only read hostile bytes are built without
//! engines, registries, eBPF and the terminal.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;

/// The packages that each feature adds, as far as they are watched.
const OF_FEATURES: &[(&str, &[&str])] = &[
    ("links", &["html5gum"]),
    ("languages", &["oxc_parser", "ruff_python_parser"]),
    ("registry", &["reqwest", "rustls", "rustls-native-certs"]),
    (
        "engines",
        &[
            "bollard",
            "html5gum",
            "netlink-packet-core",
            "procfs",
            "reqwest",
            "rustls",
            "rustls-native-certs",
        ],
    ),
    ("trace", &["aya"]),
    (
        "cli",
        &["clap", "comfy-table", "indicatif", "tracing-subscriber"],
    ),
];

/// The packages that the library is compiled with if it has these features only.
fn packages(features: &str) -> BTreeSet<String> {
    let cargo = env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args([
            "tree",
            "--package",
            "minifier",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args([
            "--offline",
            "--locked",
            "--no-default-features",
            "--features",
            features,
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    let tree = String::from_utf8(output.stdout).expect("cargo writes text");
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn a_build_has_the_packages_of_its_features_and_no_others() {
    let named: BTreeSet<&str> = OF_FEATURES
        .iter()
        .flat_map(|(_, own)| *own)
        .copied()
        .collect();
    let of = |feature: &str| -> BTreeSet<&str> {
        let found = packages(feature);
        named
            .iter()
            .copied()
            .filter(|&name| found.contains(name))
            .collect()
    };
    assert_eq!(of(""), BTreeSet::new(), "without features");
    for (feature, own) in OF_FEATURES {
        let expected = match *feature {
            // The command has all of them.
            "cli" => named.clone(),
            _ => own.iter().copied().collect(),
        };
        assert_eq!(of(feature), expected, "with {feature}");
    }
}
