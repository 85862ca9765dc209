//! Checks an archive against itself: recomputes every digest, diff ID and size, and gives all mismatches together.
//!
//! Takes the bytes of an archive that is an OCI layout and a docker-archive at once, with uncompressed layers, as
//! [`super::write_archive`] writes it; trusts nothing in it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use serde_json::Value;

use crate::image::{Digest, HashingReader, ImageConfig};

/// Documents longer than this are not read.
const MAX_DOCUMENT: u64 = 8 << 20;

/// One thing that is not as the archive says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mismatch {
    /// The file in the archive that says it, or is it.
    pub object: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.message)
    }
}

/// Reads the archive to its end and compares; empty where all is as it says. Errors are those of reading the tar.
pub fn check_archive(reader: impl Read) -> io::Result<Vec<Mismatch>> {
    let mut check = Check::default();
    for entry in tar::Archive::new(reader).entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            check.read(path, entry)?;
        }
    }
    check.blob_names();
    check.layout();
    check.docker();
    check.found.sort();
    check.found.dedup();
    Ok(check.found)
}

struct File {
    digest: Digest,
    size: u64,
    /// The bytes, of what is short enough to be a document.
    document: Option<Vec<u8>>,
}

#[derive(Default)]
struct Check {
    files: BTreeMap<String, File>,
    found: Vec<Mismatch>,
}

impl Check {
    fn read(&mut self, path: String, entry: impl Read) -> io::Result<()> {
        let mut reader = HashingReader::new(entry);
        let mut document = Vec::new();
        (&mut reader)
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut document)?;
        io::copy(&mut reader, &mut io::sink())?;
        let (hash, size) = reader.finish();
        let file = File {
            digest: Digest::from_bytes(hash),
            size,
            document: (size <= MAX_DOCUMENT).then_some(document),
        };
        if self.files.insert(path.clone(), file).is_some() {
            self.mismatch(&path, "is in the archive more than once");
        }
        Ok(())
    }

    fn mismatch(&mut self, object: &str, message: impl Into<String>) {
        self.found.push(Mismatch {
            object: object.to_owned(),
            message: message.into(),
        });
    }

    fn blob_names(&mut self) {
        let wrong: Vec<(String, Digest)> = self
            .files
            .iter()
            .filter_map(|(path, file)| {
                let name = path.strip_prefix("blobs/sha256/")?;
                (name != file.digest.to_hex()).then(|| (path.clone(), file.digest))
            })
            .collect();
        for (path, digest) in wrong {
            self.mismatch(&path, format!("its content has digest {digest}"));
        }
    }

    fn json(&mut self, path: &str) -> Option<Value> {
        let parsed = match self.files.get(path) {
            None => Err("is missing".to_owned()),
            Some(File { document: None, .. }) => Err("is too long for a document".to_owned()),
            Some(File {
                document: Some(bytes),
                ..
            }) => serde_json::from_slice(bytes).map_err(|e| format!("is no JSON: {e}")),
        };
        parsed.map_err(|message| self.mismatch(path, message)).ok()
    }

    /// `oci-layout`, `index.json` and everything they lead to.
    fn layout(&mut self) {
        if let Some(layout) = self.json("oci-layout")
            && layout["imageLayoutVersion"] != "1.0.0"
        {
            self.mismatch("oci-layout", "imageLayoutVersion is not 1.0.0");
        }
        let Some(index) = self.json("index.json") else {
            return;
        };
        let manifests = list(&index["manifests"]);
        if manifests.is_empty() {
            self.mismatch("index.json", "names no manifest");
        }
        for descriptor in manifests {
            let Some(path) = self.descriptor("index.json", descriptor) else {
                continue;
            };
            let Some(manifest) = self.json(&path) else {
                continue;
            };
            let config = self.descriptor(&path, &manifest["config"]);
            let layers: Vec<Option<String>> = list(&manifest["layers"])
                .iter()
                .map(|layer| self.descriptor(&path, layer))
                .collect();
            if let Some(config) = config {
                self.config(&config, &layers);
            }
        }
    }

    /// The path of what a descriptor names, where it is there.
    fn descriptor(&mut self, of: &str, descriptor: &Value) -> Option<String> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let Ok(digest) = digest.parse::<Digest>() else {
            self.mismatch(of, format!("has a descriptor with digest {digest:?}"));
            return None;
        };
        let path = format!("blobs/sha256/{}", digest.to_hex());
        let Some(file) = self.files.get(&path) else {
            self.mismatch(of, format!("names {digest}, which is missing"));
            return None;
        };
        let (size, found) = (descriptor["size"].as_u64(), file.size);
        if size != Some(found) {
            self.mismatch(of, format!("{digest} has {found} bytes, not {size:?}"));
        }
        Some(path)
    }

    /// Diff IDs and history against the layers that a manifest names.
    fn config(&mut self, path: &str, layers: &[Option<String>]) {
        let Some(document) = self.files.get(path).and_then(|f| f.document.as_deref()) else {
            return;
        };
        let config = match ImageConfig::parse(document) {
            Ok(config) => config,
            Err(error) => return self.mismatch(path, error.to_string()),
        };
        let diff_ids = config.diff_ids();
        if diff_ids.len() != layers.len() {
            let message = format!("{} diff IDs for {} layers", diff_ids.len(), layers.len());
            self.mismatch(path, message);
        }
        for (diff_id, layer) in diff_ids.iter().zip(layers) {
            let found = layer.as_ref().and_then(|path| self.files.get(path));
            let found = found.map(|file| file.digest.to_string());
            if found.as_ref().is_some_and(|f| *f != diff_id.to_string()) {
                self.mismatch(path, format!("{diff_id} is not the layer's diff ID"));
            }
        }
        let steps = config.history().iter().filter(|h| !h.empty_layer).count();
        if steps != diff_ids.len() {
            let message = format!("history is of {steps} layers, not {}", diff_ids.len());
            self.mismatch(path, message);
        }
    }

    /// `manifest.json` and the files it names.
    fn docker(&mut self) {
        const PATH: &str = "manifest.json";
        let Some(manifest) = self.json(PATH) else {
            return;
        };
        for image in list(&manifest) {
            let mut named = |value: &Value| {
                let path = value.as_str().unwrap_or_default().to_owned();
                if self.files.contains_key(&path) {
                    return Some(path);
                }
                self.mismatch(PATH, format!("names {path:?}, which is missing"));
                None
            };
            let config = named(&image["Config"]);
            let layers: Vec<Option<String>> = list(&image["Layers"]).iter().map(named).collect();
            if let Some(config) = config {
                self.config(&config, &layers);
            }
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
