//! A small image of Debian's packages as an OCI layout: a web server in busybox, with a C library that has much more in
//! it than the server needs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Arch;

/// The tag of the image.
const TAG: &str = "app";
const PAGE: &str = "served in a machine of its own\n";

/// Writes the layout into the folder `to`, with the tree at `root` and a page below /var/www as its only layer.
pub(crate) fn write(arch: Arch, root: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.join("blobs/sha256"))?;
    let layer = tar(root)?;
    let layer = blob(to, &layer, "application/vnd.oci.image.layer.v1.tar")?;
    let config = json!({
        "architecture": arch.debian(),
        "os": "linux",
        "config": {
            "Entrypoint": ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/var/www"],
            "Env": ["PATH=/bin:/usr/bin"],
            "ExposedPorts": {"8080/tcp": {}},
            "User": "65534:65534",
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        "history": [{"created_by": "Debian's packages"}],
    });
    let config = serde_json::to_vec(&config)?;
    let config = blob(to, &config, "application/vnd.oci.image.config.v1+json")?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config,
        "layers": [layer],
    });
    let mut descriptor = blob(to, &serde_json::to_vec(&manifest)?, manifest_type)?;
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": TAG});
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    fs::write(to.join("index.json"), serde_json::to_vec(&index)?)?;
    fs::write(to.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

/// Writes a blob; its descriptor.
fn blob(to: &Path, bytes: &[u8], media_type: &str) -> Result<Value> {
    let digest = hex::encode(Sha256::digest(bytes));
    fs::write(to.join("blobs/sha256").join(&digest), bytes)?;
    Ok(json!({
        "mediaType": media_type,
        "digest": format!("sha256:{digest}"),
        "size": bytes.len(),
    }))
}

fn tar(root: &Path) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    tar.mode(tar::HeaderMode::Deterministic);
    tar.follow_symlinks(false);
    tar.append_dir_all("", root).context("pack the image")?;
    let mut header = tar::Header::new_gnu();
    header.set_size(PAGE.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "var/www/index.html", PAGE.as_bytes())?;
    Ok(tar.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_names_its_blobs_by_their_digests() {
        let folder = tempfile::tempdir().unwrap();
        let (root, to) = (folder.path().join("root"), folder.path().join("layout"));
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/busybox"), "program").unwrap();
        write(Arch::Arm64, &root, &to).unwrap();
        let index: Value =
            serde_json::from_slice(&fs::read(to.join("index.json")).unwrap()).unwrap();
        let named = index["manifests"][0]["digest"].as_str().unwrap();
        let blobs = fs::read_dir(to.join("blobs/sha256")).unwrap().flatten();
        let blobs: Vec<_> = blobs.map(|blob| blob.path()).collect();
        assert_eq!(blobs.len(), 3);
        for blob in blobs {
            let digest = hex::encode(Sha256::digest(fs::read(&blob).unwrap()));
            assert_eq!(blob.file_name().unwrap().to_str(), Some(digest.as_str()));
        }
        assert!(
            to.join("blobs/sha256")
                .join(named.strip_prefix("sha256:").unwrap())
                .is_file()
        );
    }
}
