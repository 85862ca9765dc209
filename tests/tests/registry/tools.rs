//! The same images through `skopeo`, both ways, and real ones from a Docker daemon.

use std::process::Command;

use minifier::image::DiffId;
use minifier_tests::command::run;
use minifier_tests::fixture;
use minifier_tests::registry::{RegistryProcess, blobs_of, layout};

use crate::registry::support::Client;

fn skopeo(args: &[&str]) -> Vec<u8> {
    run(Command::new("skopeo")
        .args(["--insecure-policy"])
        .args(args))
}

#[test]
fn docker_images_go_to_a_registry_and_back_as_skopeo_has_them() {
    let recipe = fixture("traps").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let oci = |name: &str| format!("oci:{}:x", path(name));
    skopeo(&[
        "copy",
        "-q",
        &format!("docker-daemon:{}", recipe.image()),
        &oci("first"),
    ]);
    let image = layout(&folder.path().join("first"));

    let registry = RegistryProcess::plain();
    let client = Client::new();
    let name = |repository: &str| format!("{}/{repository}:1", registry.host());
    let pushed = client.push(&image, &name("ours")).unwrap();
    let inspected = skopeo(&[
        "inspect",
        "--tls-verify=false",
        &format!("docker://{}", name("ours")),
    ]);
    let inspected: serde_json::Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected["Digest"], pushed.digest.to_string());

    // What we wrote, skopeo reads.
    let from = format!("docker://{}", name("ours"));
    skopeo(&[
        "copy",
        "-q",
        "--src-tls-verify=false",
        &from,
        &oci("second"),
    ]);
    let second = layout(&folder.path().join("second"));
    assert_eq!(second.manifest, image.manifest);
    assert_eq!(blobs_of(&second).unwrap(), blobs_of(&image).unwrap());

    // What skopeo wrote, in both families of media types, we read; and give on as it is.
    for (format, repository) in [("oci", "theirs"), ("v2s2", "docker")] {
        let to = format!("docker://{}", name(repository));
        skopeo(&[
            "copy",
            "-q",
            "-f",
            format,
            "--dest-tls-verify=false",
            &oci("first"),
            &to,
        ]);
        let pulled = client.pull(&name(repository)).unwrap();
        assert_eq!(pulled.manifest == image.manifest, format == "oci");
        assert_eq!(pulled.config.digest(), image.config.digest());
        let layers: Vec<DiffId> = pulled.config.diff_ids().to_vec();
        assert_eq!(layers, image.config.diff_ids());
        blobs_of(&pulled).unwrap();
        let copy = format!("{repository}-copy");
        let pushed = client.push(&pulled, &name(&copy)).unwrap();
        assert_eq!(pushed.sent, 0);
        let raw = skopeo(&[
            "inspect",
            "--raw",
            "--tls-verify=false",
            &format!("docker://{}", name(&copy)),
        ]);
        assert_eq!(raw, pulled.manifest.bytes());
    }
}
