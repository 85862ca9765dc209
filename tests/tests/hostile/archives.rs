//! Hostile archives: what is around the layers.

use minifier::image::{DiffId, Digest, media_type};
use serde_json::json;

use super::tar::{Archive, Header, Raw, descriptor, gzip, layout};
use super::{Kind, Outcome::*};

fn layer() -> Vec<u8> {
    Raw::default().file(b"a", b"x").end()
}

/// Every kind, with what becomes of it.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = docker();
    kinds.extend(oci());
    kinds
}

fn docker() -> Vec<Kind> {
    let manifest =
        |layers: &[&str]| json!([{"Config": "config.json", "RepoTags": null, "Layers": layers}]);
    let fitting = || Archive::new(&[layer()]).config().to_string();
    let with = |manifest: &serde_json::Value| {
        Archive::new(&[layer()]).end_with(fitting().as_bytes(), manifest)
    };
    let whole = Archive::new(&[layer()]).end();
    vec![
        Kind::archive(
            "an archive of random bytes",
            vec![0x5a; 4096],
            Error("checksum|tar"),
        ),
        Kind::archive(
            "an empty archive",
            Vec::new(),
            Error("neither manifest.json nor index.json"),
        ),
        Kind::archive(
            "an archive that ends in a layer",
            whole[..700].to_vec(),
            Error("ends at byte"),
        ),
        Kind::archive(
            "a gzip archive that ends early",
            {
                let bytes = gzip(&whole);
                bytes[..bytes.len() / 2].to_vec()
            },
            Error("read the image archive"),
        ),
        Kind::archive(
            "a manifest that names a file of the host",
            with(&manifest(&["../../../etc/passwd"])),
            Error("which is not in it"),
        ),
        Kind::archive(
            "a manifest that names an absolute path",
            with(&manifest(&["/etc/passwd"])),
            Error("which is not in it"),
        ),
        Kind::archive(
            "a layer that is a link to a file of the host",
            {
                let config = fitting();
                Raw::default()
                    .symlink(b"layer-0.tar", b"/etc/passwd")
                    .file(b"config.json", config.as_bytes())
                    .file(
                        b"manifest.json",
                        manifest(&["layer-0.tar"]).to_string().as_bytes(),
                    )
                    .end()
            },
            Error("which is not in it"),
        ),
        Kind::archive(
            "links in a circle",
            {
                let config = fitting();
                Raw::default()
                    .symlink(b"a", b"b")
                    .symlink(b"b", b"a")
                    .file(b"config.json", config.as_bytes())
                    .file(b"manifest.json", manifest(&["a"]).to_string().as_bytes())
                    .end()
            },
            Error("does not lead to a file"),
        ),
        Kind::archive(
            "a layer with another diff ID",
            Archive::new(&[])
                .layer(layer(), DiffId::of(b"something else"))
                .end(),
            Error("diff ID"),
        ),
        Kind::archive(
            "fewer layers than diff IDs",
            with(&manifest(&[])),
            Error("layers"),
        ),
        Kind::archive(
            "the same layer name twice",
            {
                let config = fitting();
                Raw::default()
                    .file(b"layer-0.tar", &layer())
                    .file(b"layer-0.tar", &Raw::default().file(b"b", b"evil").end())
                    .file(b"config.json", config.as_bytes())
                    .file(
                        b"manifest.json",
                        manifest(&["layer-0.tar"]).to_string().as_bytes(),
                    )
                    .end()
            },
            Error("diff ID|more than once"),
        ),
        Kind::archive(
            "a manifest of a gigabyte",
            Raw::default()
                .entry(Header::new(b"manifest.json", b'0', 1 << 30), b"[")
                .end(),
            Error("ends at byte|bytes"),
        ),
        Kind::archive(
            "JSON nested ten thousand deep",
            Raw::default()
                .file(b"manifest.json", &b"[".repeat(10_000))
                .end(),
            Error("parse manifest.json"),
        ),
        Kind::archive(
            "a manifest that is no JSON",
            Raw::default().file(b"manifest.json", b"{nonsense").end(),
            Error("parse manifest.json"),
        ),
        Kind::archive(
            "a config that is no JSON",
            Archive::new(&[layer()]).end_with(b"{nonsense", &manifest(&["layer-0.tar"])),
            Error("parse the image config"),
        ),
        Kind::archive(
            "a config without layers",
            Archive::new(&[layer()]).end_with(b"{}", &manifest(&["layer-0.tar"])),
            Error("parse the image config"),
        ),
        Kind::archive(
            "a rootfs that is no stack of layers",
            Archive::new(&[layer()]).end_with(
                br#"{"rootfs":{"type":"evil","diff_ids":[]}}"#,
                &manifest(&["layer-0.tar"]),
            ),
            Error("rootfs.type"),
        ),
        Kind::archive(
            "a gzip layer with garbage behind it",
            {
                let mut bytes = gzip(&layer());
                bytes.extend([0xff; 600]);
                Archive::new(&[]).layer(bytes, DiffId::of(&layer())).end()
            },
            Error("layer"),
        ),
        Kind::archive(
            "a layer packed by bzip2",
            Archive::new(&[])
                .layer(b"BZh9".repeat(200), DiffId::of(&layer()))
                .end(),
            Error("bzip2"),
        ),
    ]
}

fn oci() -> Vec<Kind> {
    let config = |layers: &[DiffId]| {
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": layers}})
            .to_string()
            .into_bytes()
    };
    let image = |layer_type: &str, bytes: Vec<u8>, diff_id: DiffId| {
        let config = config(&[diff_id]);
        let manifest = json!({
            "schemaVersion": 2,
            "config": descriptor(media_type::OCI_CONFIG, &config),
            "layers": [descriptor(layer_type, &bytes)],
        })
        .to_string()
        .into_bytes();
        let entry = descriptor(media_type::OCI_MANIFEST, &manifest);
        layout(&[config, bytes, manifest], &[entry])
    };
    let fits = DiffId::of(&layer());
    let looping = {
        // An index that names itself by a digest cannot be made; two levels of the same one can.
        let inner = json!({"schemaVersion": 2, "manifests": []})
            .to_string()
            .into_bytes();
        let mut blobs = vec![inner];
        for _ in 0..12 {
            let last = blobs.last().expect("there is one");
            let outer =
                json!({"schemaVersion": 2, "manifests": [descriptor(media_type::OCI_INDEX, last)]});
            blobs.push(outer.to_string().into_bytes());
        }
        let entry = descriptor(media_type::OCI_INDEX, blobs.last().expect("there is one"));
        layout(&blobs, &[entry])
    };
    // One document that is an image to one reader and an index of other images to another (CVE-2021-41190).
    let both = |media_type: Option<&str>, declared: &str| {
        let bytes = config(&[fits]);
        let mut document = json!({
            "schemaVersion": 2,
            "config": descriptor(media_type::OCI_CONFIG, &bytes),
            "layers": [descriptor(media_type::OCI_LAYER, &layer())],
            "manifests": [descriptor(media_type::OCI_MANIFEST, b"another")],
        });
        if let Some(media_type) = media_type {
            document["mediaType"] = media_type.into();
        }
        let document = document.to_string().into_bytes();
        let entry = descriptor(declared, &document);
        layout(&[bytes, layer(), document], &[entry])
    };
    let called = |own: Option<&str>, declared: &str| {
        let bytes = config(&[fits]);
        let mut document = json!({
            "schemaVersion": 2,
            "config": descriptor(media_type::OCI_CONFIG, &bytes),
            "layers": [descriptor(media_type::OCI_LAYER, &layer())],
        });
        if let Some(own) = own {
            document["mediaType"] = own.into();
        }
        let document = document.to_string().into_bytes();
        let entry = descriptor(declared, &document);
        layout(&[bytes, layer(), document], &[entry])
    };
    vec![
        Kind::archive(
            "a manifest with layers and manifests",
            both(Some(media_type::OCI_MANIFEST), media_type::OCI_MANIFEST),
            Error("ambiguous"),
        ),
        Kind::archive(
            "an index with manifests and layers",
            both(Some(media_type::OCI_INDEX), media_type::OCI_INDEX),
            Error("ambiguous"),
        ),
        Kind::archive(
            "layers and manifests without a media type",
            both(None, media_type::OCI_MANIFEST),
            Error("ambiguous"),
        ),
        Kind::archive(
            "a manifest that its descriptor calls an index",
            called(Some(media_type::OCI_MANIFEST), media_type::OCI_INDEX),
            Error("ambiguous"),
        ),
        Kind::archive(
            "a manifest that calls itself an index",
            called(
                Some(media_type::DOCKER_MANIFEST_LIST),
                media_type::OCI_MANIFEST,
            ),
            Error("ambiguous"),
        ),
        Kind::archive(
            "an index in an index in an index, a dozen times",
            looping,
            Error("neither manifest.json nor index.json|nested|no image"),
        ),
        Kind::archive(
            "a blob with other bytes than its digest",
            {
                let good = image(media_type::OCI_LAYER, layer(), fits);
                let at = good
                    .windows(15)
                    .position(|w| w == b"\"schemaVersion\"")
                    .expect("the manifest is there");
                let mut bad = good;
                bad[at + 1] = b'S';
                bad
            },
            Error("digest"),
        ),
        Kind::archive(
            "a digest of an algorithm that nobody knows",
            layout(
                &[],
                &[
                    json!({"mediaType": media_type::OCI_MANIFEST, "digest": "md5:d41d8cd98f00b204e9800998ecf8427e", "size": 0}),
                ],
            ),
            Error("sha256"),
        ),
        Kind::archive(
            "a digest that climbs",
            layout(
                &[],
                &[
                    json!({"mediaType": media_type::OCI_MANIFEST, "digest": "sha256:../../../../etc/passwd", "size": 0}),
                ],
            ),
            Error("hexadecimal"),
        ),
        Kind::archive(
            "a manifest that is not there",
            layout(
                &[],
                &[
                    json!({"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(b"gone"), "size": 4}),
                ],
            ),
            Error("not in it|no blob|not there"),
        ),
        Kind::archive(
            "a gzip layer that says to be plain",
            image(media_type::OCI_LAYER, gzip(&layer()), fits),
            Tree(vec!["/a file 1"]),
        ),
        Kind::archive(
            "a bomb: ten megabytes of zeros behind the end mark, packed",
            {
                let mut bytes = layer();
                bytes.resize(bytes.len() + (10 << 20), 0);
                let diff_id = DiffId::of(&bytes);
                image(
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                    gzip(&bytes),
                    diff_id,
                )
            },
            Tree(vec!["/a file 1"]),
        ),
    ]
}
