//! What is no image, in every form that it comes in, and what the program says: the exit codes of docs/report.md.

use std::fs;
use std::path::Path;

use crate::transport::support::{Layout, OCI_LAYER, done, gzip, layer, minifier};

/// 3: image not found.
const NOT_FOUND: i32 = 3;
/// 9: image damaged or not understood.
const INVALID: i32 = 9;

/// An image archive, as a tar.
fn archive(folder: &Path) -> Vec<u8> {
    let mut layout = Layout::new();
    let tar = layer("a", b"a");
    let image = layout.image("amd64", &[(OCI_LAYER, tar.clone(), tar)]);
    layout.add(image, Some("1"));
    let source = format!("oci:{}", layout.path());
    done(folder, &["copy", &source, "docker-archive:good.tar:app:1"]);
    fs::read(folder.join("good.tar")).unwrap()
}

#[test]
fn what_is_no_image_gives_the_documented_exit_code_with_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let good = archive(folder.path());
    let packed = gzip(&good);
    let zstd = zstd::encode_all(&good[..], 1).unwrap();
    let broken = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle..].iter_mut().for_each(|byte| *byte ^= 0x5a);
        bytes
    };
    fs::create_dir(folder.path().join("folder")).unwrap();
    let files: &[(&str, Vec<u8>)] = &[
        ("xz", [&b"\xfd7zXZ\0"[..], &[0; 600]].concat()),
        ("bzip2", b"BZh91AY&SY".repeat(100)),
        ("empty", Vec::new()),
        ("random", b"\x5a\xc3\x91".repeat(1000)),
        ("short", b"x".to_vec()),
        ("text", b"# not an image\n".repeat(100)),
        ("cut", good[..good.len() / 2].to_vec()),
        ("cut-gzip", packed[..packed.len() / 2].to_vec()),
        ("broken-gzip", broken(&packed)),
        ("cut-zstd", zstd[..zstd.len() / 2].to_vec()),
        ("broken-zstd", broken(&zstd)),
    ];
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let names = files.iter().map(|(name, _)| (*name, INVALID));
    let others = [("folder", INVALID), ("missing", NOT_FOUND)];
    for (name, code) in names.chain(others) {
        let mut locations = vec![
            (format!("docker-archive:{name}"), code),
            (format!("oci-archive:{name}"), code),
        ];
        match name {
            "folder" | "missing" => {}
            // A file where a folder should be.
            _ => locations.push((format!("oci:{name}"), code)),
        }
        for (location, code) in locations {
            for command in [
                &["validate", &location][..],
                &["copy", &location, "oci:out"],
                &["xray", "--target", &location],
                &["build", "--target", &location, "--output", "oci:out"],
            ] {
                let output = minifier(folder.path(), command);
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
                assert!(!folder.path().join("out").exists(), "{command:?}");
            }
        }
    }
}

#[test]
fn a_file_or_folder_that_is_given_without_a_transport_is_named_with_the_one_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let good = archive(folder.path());
    let at = |name: &str| folder.path().join(name);
    fs::write(at("packed.tar.gz"), gzip(&good)).unwrap();
    done(
        folder.path(),
        &["copy", "docker-archive:good.tar", "oci-archive:oci.tar:1"],
    );
    done(
        folder.path(),
        &["copy", "docker-archive:good.tar", "oci:layout:1"],
    );
    fs::write(at("notes.txt"), "no image").unwrap();
    fs::create_dir(at("plain")).unwrap();
    for (name, expected) in [
        ("good.tar", Some("docker-archive:good.tar")),
        ("packed.tar.gz", Some("docker-archive:packed.tar.gz")),
        ("oci.tar", Some("oci-archive:oci.tar")),
        ("layout", Some("oci:layout")),
        ("notes.txt", None),
        ("plain", None),
    ] {
        for (prefix, is_reference) in [("", true), ("./", false)] {
            let text = format!("{prefix}{name}");
            for command in [
                &["validate", &text][..],
                &["copy", &text, "oci:out"],
                &["xray", "--target", &text],
                &["build", "--target", &text, "--output", "oci:out"],
            ] {
                let output = minifier(folder.path(), command);
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert!(!output.status.success(), "{command:?}: {stderr}");
                match expected {
                    Some(expected) => {
                        let (transport, file) = expected.split_once(':').unwrap();
                        let say = format!("write {transport}:{prefix}{file}");
                        assert!(stderr.contains(&say), "{command:?}: {stderr}");
                        assert!(!stderr.contains("docker pull"), "{command:?}: {stderr}");
                    }
                    None => assert!(!stderr.contains(", write "), "{command:?}: {stderr}"),
                }
                if !is_reference {
                    assert_eq!(output.status.code(), Some(2), "{command:?}: {stderr}");
                }
            }
        }
    }
}

#[test]
fn a_copy_calls_each_layer_what_it_is_and_keeps_its_blob() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (layer("a", b"a"), layer("b", b"b"));
    let zstd = zstd::encode_all(&b[..], 1).unwrap();
    let mut layout = Layout::new();
    let plain_type = OCI_LAYER;
    let gzip_type = format!("{OCI_LAYER}+gzip");
    let layers = [
        (plain_type, gzip(&a), a.clone()),
        (&gzip_type, zstd.clone(), b.clone()),
        (&gzip_type, gzip(&b), b),
    ];
    let image = layout.image("amd64", &layers);
    layout.add(image, Some("wrong"));
    let source = format!("oci:{}:wrong", layout.path());
    let validated = minifier(folder.path(), &["validate", &source]);
    assert_eq!(validated.status.code(), Some(10));
    for target in ["oci:copy:1", "oci-archive:copy.tar:1"] {
        let output = minifier(folder.path(), &["copy", &source, target]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr.matches("as its bytes are").count(), 2, "{stderr}");
        let good = done(folder.path(), &["validate", "--output", "json", target]);
        let good: serde_json::Value = serde_json::from_str(&good).unwrap();
        let digests: Vec<String> = layers
            .iter()
            .map(|(_, stored, _)| minifier::image::Digest::of(stored).to_string())
            .collect();
        assert_eq!(good["layers"], serde_json::json!(digests));
        // What is right stays as it is, manifest and all.
        let again = minifier(folder.path(), &["copy", target, "oci:again:1"]);
        let manifest = String::from_utf8(again.stdout).unwrap();
        assert_eq!(manifest.trim(), good["manifest"]);
        let stderr = String::from_utf8_lossy(&again.stderr);
        assert!(!stderr.contains("as its bytes are"), "{stderr}");
    }
}

/// An archive for Docker whose OCI layout has another list of layers.
fn with_layers(folder: &Path, layers: &serde_json::Value) -> String {
    use minifier_tests::transport::append;
    let good = archive(folder);
    let mut members: Vec<(String, Vec<u8>)> = tar::Archive::new(&good[..])
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            (name, bytes)
        })
        .collect();
    let at = |members: &[(String, Vec<u8>)], wanted: &str| {
        members.iter().position(|(name, _)| name == wanted).unwrap()
    };
    let index_at = at(&members, "index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&members[index_at].1).unwrap();
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap());
    let old = blob(index["manifests"][0]["digest"].as_str().unwrap());
    let old_at = at(&members, &old);
    let mut manifest: serde_json::Value = serde_json::from_slice(&members[old_at].1).unwrap();
    manifest["layers"] = layers.clone();
    let bytes = manifest.to_string().into_bytes();
    let digest = minifier::image::Digest::of(&bytes).to_string();
    index["manifests"][0]["digest"] = digest.clone().into();
    index["manifests"][0]["size"] = bytes.len().into();
    members[old_at] = (blob(&digest), bytes);
    members[index_at].1 = index.to_string().into_bytes();
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in &members {
        append(&mut builder, name, bytes);
    }
    fs::write(folder.join("odd.tar"), builder.into_inner().unwrap()).unwrap();
    "docker-archive:odd.tar".into()
}

#[test]
fn an_oci_manifest_without_layers_beside_a_good_manifest_of_docker_is_passed_over() {
    for layers in [serde_json::Value::Null, serde_json::json!([])] {
        let folder = tempfile::tempdir().unwrap();
        let odd = with_layers(folder.path(), &layers);
        let output = minifier(folder.path(), &["copy", &odd, "oci:out:1"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(
            stderr.contains("the manifest of the OCI layout was passed over"),
            "{stderr}"
        );
        let image = |location: &str| {
            let json = done(folder.path(), &["validate", "--output", "json", location]);
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            (
                json["config"].clone(),
                json["layers"].as_array().unwrap().len(),
            )
        };
        assert_eq!(image("oci:out:1"), image("docker-archive:good.tar"));
        let checked = minifier(folder.path(), &["validate", &odd]);
        assert_eq!(checked.status.code(), Some(10));
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(text.contains("1 diff IDs, the manifest 0 layers"), "{text}");
    }
}

#[test]
fn what_could_be_an_image_and_an_index_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for own in [
        None,
        Some(crate::transport::support::OCI_MANIFEST),
        Some(crate::transport::support::OCI_INDEX),
    ] {
        let mut layout = Layout::new();
        let tar = layer("a", b"a");
        let image = layout.image("amd64", &[(OCI_LAYER, tar.clone(), tar)]);
        let file = layout.blob_file(image["digest"].as_str().unwrap());
        let mut document: serde_json::Value =
            serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        document["manifests"] = serde_json::json!([image]);
        match own {
            Some(own) => document["mediaType"] = own.into(),
            None => drop(document.as_object_mut().unwrap().remove("mediaType")),
        }
        let media_type = own.unwrap_or(crate::transport::support::OCI_MANIFEST);
        let both = layout.blob(media_type, document.to_string().as_bytes());
        layout.add(both, Some("both"));
        let source = format!("oci:{}:both", layout.path());
        for (command, code) in [
            (&["validate", &source][..], 10),
            (&["copy", &source, "oci:out:1"], 9),
            (&["xray", "--target", &source], 9),
        ] {
            let output = minifier(folder.path(), command);
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
            assert!(text.contains("ambiguous"), "{command:?}: {text}");
        }
    }
}
