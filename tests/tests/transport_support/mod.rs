//! What the tests of reading and loading images share: comparing sources, packing small archives.

use std::io::Read;

use minifier::image::{DiffId, Digest, ImageConfig};
use minifier::rootfs::{ContentStore, EntryKind, LayerIndex};

/// Content of every regular file, in the order of the layers; hashed, so that images of any size fit.
pub(crate) fn contents(layers: &[LayerIndex], store: &dyn ContentStore) -> Vec<(String, Digest)> {
    let mut contents = Vec::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = entry.kind {
            let mut bytes = Vec::new();
            let mut reader = store
                .open(content)
                .unwrap_or_else(|e| panic!("{}: {e}", entry.path));
            reader
                .read_to_end(&mut bytes)
                .unwrap_or_else(|e| panic!("{}: {e}", entry.path));
            assert_eq!(bytes.len() as u64, content.size, "{}", entry.path);
            contents.push((entry.path.to_string(), Digest::of(&bytes)));
        }
    }
    contents
}

/// A plain file of an archive.
pub(crate) fn append(builder: &mut tar::Builder<impl std::io::Write>, name: &str, body: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1);
    header.set_uid(0);
    header.set_gid(0);
    builder.append_data(&mut header, name, body).unwrap();
}

/// A docker-archive of one image with one layer that holds `/file`.
pub(crate) fn small_archive(body: &[u8], tags: &[&str]) -> (Vec<u8>, ImageConfig) {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "file", body);
    let layer = layer.into_inner().unwrap();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {"Cmd": ["/file"]},
        "rootfs": {"type": "layers", "diff_ids": [DiffId::of(&layer)]},
        "history": [{"created_by": "test"}],
    });
    let config = serde_json::to_vec(&config).unwrap();
    let name = format!("{}.json", Digest::of(&config).to_hex());
    let manifest =
        serde_json::json!([{"Config": name, "RepoTags": tags, "Layers": ["l/layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "l/layer.tar", &layer);
    append(&mut archive, &name, &config);
    append(
        &mut archive,
        "manifest.json",
        manifest.to_string().as_bytes(),
    );
    let config = ImageConfig::parse(&config).unwrap();
    (archive.into_inner().unwrap(), config)
}
