//! Raw tars, for what no well-meant library writes.

use std::io::Write;

use minifier::image::{DiffId, Digest};
use serde_json::{Value, json};

/// A tar under construction.
#[derive(Default, Clone)]
pub(crate) struct Raw(Vec<u8>);

/// A header that can be bent before it is added.
pub(crate) struct Header([u8; 512]);

impl Header {
    /// A ustar header.
    pub(crate) fn new(name: &[u8], flag: u8, size: u64) -> Self {
        let mut block = [0; 512];
        block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..116].copy_from_slice(b"0000000\0");
        block[116..124].copy_from_slice(b"0000000\0");
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[136..148].copy_from_slice(b"00000000001\0");
        block[156] = flag;
        block[257..265].copy_from_slice(b"ustar\x0000");
        Self(block)
    }

    /// Overwrites bytes.
    pub(crate) fn set(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The target of a link.
    pub(crate) fn link(self, target: &[u8]) -> Self {
        self.set(157, target)
    }

    /// Device numbers.
    pub(crate) fn device(self, major: u32, minor: u32) -> Self {
        self.set(329, format!("{major:07o}\0").as_bytes())
            .set(337, format!("{minor:07o}\0").as_bytes())
    }

    fn bytes(mut self) -> [u8; 512] {
        self.0[148..156].copy_from_slice(b"        ");
        let sum: u32 = self.0.iter().map(|&b| u32::from(b)).sum();
        self.0[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

impl Raw {
    /// An entry: header and body, padded.
    pub(crate) fn entry(mut self, header: Header, body: &[u8]) -> Self {
        self.0.extend(header.bytes());
        self.0.extend(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// A regular file.
    pub(crate) fn file(self, name: &[u8], body: &[u8]) -> Self {
        self.entry(Header::new(name, b'0', body.len() as u64), body)
    }

    /// A directory.
    pub(crate) fn dir(self, name: &[u8]) -> Self {
        self.entry(Header::new(name, b'5', 0), b"")
    }

    /// A symbolic link.
    pub(crate) fn symlink(self, name: &[u8], target: &[u8]) -> Self {
        self.entry(Header::new(name, b'2', 0).link(target), b"")
    }

    /// A hard link.
    pub(crate) fn hard_link(self, name: &[u8], target: &[u8]) -> Self {
        self.entry(Header::new(name, b'1', 0).link(target), b"")
    }

    /// A PAX header with those records, as written.
    pub(crate) fn pax(self, records: &[u8]) -> Self {
        self.entry(Header::new(b"pax", b'x', records.len() as u64), records)
    }

    /// An old GNU sparse file whose map goes on for so many blocks.
    pub(crate) fn long_sparse_map(self, blocks: usize) -> Self {
        let header = Header::new(b"sparse", b'S', 0)
            .set(257, b"ustar  \0")
            .set(386, b"00000000000\x0000000000000\0")
            .set(482, b"\x01")
            .set(483, b"00000000000\0");
        let mut block = [0; 512];
        block[504] = 1;
        self.entry(header, &block.repeat(blocks))
    }

    /// One PAX record with a right length.
    pub(crate) fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length.to_string().len() + rest != length {
            length = length.to_string().len() + rest;
        }
        let mut record = format!("{length} {key}=").into_bytes();
        record.extend(value);
        record.push(b'\n');
        record
    }

    /// With the end mark.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }

    /// Without it.
    pub(crate) fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// A docker-archive under construction: its members, and how each layer is named.
pub(crate) struct Archive {
    members: Vec<(String, Vec<u8>)>,
    layers: Vec<(String, DiffId)>,
}

impl Archive {
    /// With those layers.
    pub(crate) fn new(layers: &[Vec<u8>]) -> Self {
        let mut archive = Self {
            members: Vec::new(),
            layers: Vec::new(),
        };
        for layer in layers {
            archive = archive.layer(layer.clone(), DiffId::of(layer));
        }
        archive
    }

    /// Adds a layer that says to have that diff ID.
    pub(crate) fn layer(mut self, bytes: Vec<u8>, diff_id: DiffId) -> Self {
        let name = format!("layer-{}.tar", self.layers.len());
        self.members.push((name.clone(), bytes));
        self.layers.push((name, diff_id));
        self
    }

    /// The config that fits.
    pub(crate) fn config(&self) -> Value {
        let diff_ids: Vec<DiffId> = self.layers.iter().map(|(_, id)| *id).collect();
        json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        })
    }

    /// The archive, with the config and `manifest.json` that fit.
    pub(crate) fn end(self) -> Vec<u8> {
        let config = self.config();
        let names: Vec<String> = self.layers.iter().map(|(name, _)| name.clone()).collect();
        self.end_with(
            config.to_string().as_bytes(),
            &json!([{"Config": "config.json", "RepoTags": ["hostile:latest"], "Layers": names}]),
        )
    }

    /// The archive, with that config and that `manifest.json`.
    pub(crate) fn end_with(self, config: &[u8], manifest: &Value) -> Vec<u8> {
        let mut raw = Raw::default();
        for (name, bytes) in &self.members {
            raw = raw.file(name.as_bytes(), bytes);
        }
        raw.file(b"config.json", config)
            .file(b"manifest.json", manifest.to_string().as_bytes())
            .end()
    }
}

/// An OCI layout as a tar: blobs by their digest, and an index over `descriptor`s.
pub(crate) fn layout(blobs: &[Vec<u8>], descriptors: &[Value]) -> Vec<u8> {
    let index = json!({"schemaVersion": 2, "manifests": descriptors});
    let mut raw = Raw::default().file(b"oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for blob in blobs {
        let name = format!("blobs/sha256/{}", Digest::of(blob).to_hex());
        raw = raw.file(name.as_bytes(), blob);
    }
    raw.file(b"index.json", index.to_string().as_bytes()).end()
}

/// A descriptor of a blob.
pub(crate) fn descriptor(media_type: &str, blob: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(blob), "size": blob.len()})
}

/// Compressed by gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}
