//! Fixtures from the Docker daemon through every format and back into it.

use std::fs;
use std::path::Path;

use minifier_tests::transport::{Names, docker};

use crate::support::{done, open, tool};

/// Small ones, and one with several layers of many files.
const FIXTURES: [&str; 4] = ["static", "traps", "traps-layers", "nginx"];

fn fixture(name: &str) -> String {
    let image = format!("minifier-fixture/{name}:latest");
    docker(&["image", "inspect", "-f", "{{.Id}}", &image]);
    image
}

/// Config digest and diff IDs of what is at a location.
async fn identity(folder: &Path, text: &str) -> (String, Vec<String>) {
    let (transport, path) = text.split_once(':').unwrap();
    let text = format!("{transport}:{}/{path}", folder.display());
    let image = open(&text).await.unwrap();
    let diff_ids = image.config.diff_ids().iter().map(ToString::to_string);
    (image.config.digest().to_string(), diff_ids.collect())
}

#[tokio::test]
async fn docker_fixtures_survive_every_transport_and_come_back() {
    let mut names = Names::new();
    for fixture_name in FIXTURES {
        let image = fixture(fixture_name);
        let id = docker(&["image", "inspect", "-f", "{{.Id}}", &image]);
        let layers = docker(&[
            "image",
            "inspect",
            "-f",
            "{{range .RootFS.Layers}}{{println .}}{{end}}",
            &image,
        ]);
        let layers: Vec<String> = layers.split_whitespace().map(str::to_owned).collect();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let digest = done(
            at,
            &["copy", &format!("docker-daemon:{image}"), "oci:l:one"],
        );
        assert_eq!(
            done(at, &["copy", "oci:l:one", "oci-archive:o.tar:two"]),
            digest
        );
        assert_eq!(
            done(at, &["copy", "oci-archive:o.tar:two", "oci:l2:three"]),
            digest
        );
        let back = names.add(&format!("round-{fixture_name}"));
        done(
            at,
            &[
                "copy",
                "oci:l2:three",
                &format!("docker-archive:d.tar:{back}"),
            ],
        );
        // From Docker's archive to a layout: the same bytes of gzip as the first time.
        assert_eq!(
            done(at, &["copy", "docker-archive:d.tar", "oci:l3:four"]),
            digest
        );
        for text in [
            "oci:l:one",
            "oci-archive:o.tar",
            "oci:l2",
            "docker-archive:d.tar",
            "oci:l3",
        ] {
            assert_eq!(
                identity(at, text).await,
                (id.clone(), layers.clone()),
                "{image} {text}"
            );
            done(at, &["validate", text]);
        }
        let manifest = done(
            at,
            &[
                "copy",
                "docker-archive:d.tar",
                &format!("docker-daemon:{back}"),
            ],
        );
        assert_eq!(docker(&["image", "inspect", "-f", "{{.Id}}", &back]), id);
        assert!(manifest.starts_with("sha256:"));
        done(at, &["validate", &back]);
        // Zstandard has the same diff IDs, other blobs.
        let zstd = done(at, &["copy", "--compression", "zstd", &back, "oci:l:zstd"]);
        assert_ne!(zstd, digest);
        assert_eq!(
            identity(at, "oci:l:zstd").await,
            (id.clone(), layers.clone())
        );
        done(at, &["validate", "oci:l:zstd"]);
        done(
            at,
            &["copy", "oci:l:zstd", &format!("docker-daemon:{back}")],
        );
        assert_eq!(docker(&["image", "inspect", "-f", "{{.Id}}", &back]), id);
        // Standard output is for `docker load`.
        let program = minifier_tests::Minifier::find().unwrap();
        let program = program.command(at).get_program().to_owned();
        let script = "\"$0\" copy docker-archive:d.tar - | /usr/bin/docker load";
        let mut shell = std::process::Command::new("sh");
        minifier_tests::command::run(shell.args(["-c", script]).arg(program).current_dir(at));
        assert_eq!(docker(&["image", "inspect", "-f", "{{.Id}}", &back]), id);
    }
}

#[tokio::test]
async fn docker_other_tools_read_what_is_written_and_the_other_way_round() {
    let mut names = Names::new();
    let image = fixture("nginx");
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", &image]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let digest = done(at, &["copy", &image, "oci:l:gzip"]);
    done(
        at,
        &["copy", "--compression", "zstd", "oci:l:gzip", "oci:l:zstd"],
    );
    done(at, &["copy", "oci:l:gzip", "oci-archive:o.tar:x"]);
    let name = names.add("tools");
    done(
        at,
        &[
            "copy",
            "oci:l:gzip",
            &format!("docker-archive:d.tar:{name}"),
        ],
    );

    // skopeo reads all of them, and finds the same image. Where it converts between Docker's types and OCI's, it
    // encodes the config anew.
    let layers = docker(&["image", "inspect", "-f", "{{json .RootFS.Layers}}", &image]);
    let layers: Vec<String> = serde_json::from_str(&layers).unwrap();
    for text in ["oci:l:gzip", "oci-archive:o.tar:x"] {
        let found = tool(at, "skopeo", &["inspect", "--format", "{{.Digest}}", text]);
        assert_eq!(found, digest, "{text}");
    }
    let copy = |from: &str, to: &str| {
        let args = ["copy", "--quiet", "--insecure-policy", from, to];
        tool(at, "skopeo", &args);
        done(at, &["validate", to]);
    };
    for (from, to, same_config) in [
        ("oci:l:zstd", "oci:s1:x", true),
        ("oci-archive:o.tar", "oci:s2:x", true),
        ("docker-archive:d.tar", "oci:s3:x", false),
        ("oci:l:gzip", "docker-archive:k.tar:app:k", false),
        ("oci:l:gzip", "oci-archive:k.oci:k", true),
    ] {
        copy(from, to);
        let (config, diff_ids) = identity(at, to).await;
        assert_eq!(diff_ids, layers, "{from} {to}");
        assert!(config == id || !same_config, "{from} {to}: {config}");
    }

    // umoci unpacks the layout that it is given, zstd apart, which it cannot.
    tool(
        at,
        "umoci",
        &["unpack", "--rootless", "--image", "l:gzip", "bundle"],
    );
    assert!(
        fs::metadata(at.join("bundle/rootfs/usr/sbin/nginx"))
            .unwrap()
            .len()
            > 100_000
    );

    // Podman takes the archive, with another storage than this host's.
    let (root, run) = (at.join("podman-root"), at.join("podman-run"));
    let storage = [
        "--root",
        root.to_str().unwrap(),
        "--runroot",
        run.to_str().unwrap(),
        "--storage-driver",
        "vfs",
    ];
    for archive in ["d.tar", "o.tar"] {
        let loaded = tool(
            at,
            "podman",
            &[&storage[..], &["load", "--quiet", "-i", archive]].concat(),
        );
        let loaded = loaded
            .rsplit(' ')
            .next()
            .unwrap()
            .trim_start_matches("sha256:")
            .to_owned();
        let found = tool(
            at,
            "podman",
            &[
                &storage[..],
                &["image", "inspect", "--format", "{{.Id}}", &loaded],
            ]
            .concat(),
        );
        assert_eq!(format!("sha256:{found}"), id, "{archive}");
    }
}
