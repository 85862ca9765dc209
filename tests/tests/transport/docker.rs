//! A fixture from the Docker daemon, as other tools read and write it.

use std::fs;

use minifier_tests::transport::Names;
use xtask::fixtures::image_name;

use crate::transport::round_trips::{id, identity, layers};
use crate::transport::support::{done, tool};

#[tokio::test]
async fn docker_other_tools_read_what_is_written_and_the_other_way_round() {
    let mut names = Names::new();
    let image = image_name("nginx");
    let id = id(&image);
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
    let layers = layers(&image);
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
