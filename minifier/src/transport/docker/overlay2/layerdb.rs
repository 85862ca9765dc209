//! [`StoreLayout`]: the paths of an image's parts in the daemon's data folder: its config and, for each layer, the
//! record of its tar and the folder with its files.
//!
//! Source: `image/fs.go`, `layer/filestore.go` and `daemon/graphdriver/overlay2` of Moby. Below the daemon's data
//! folder: `image/overlay2/imagedb/content/sha256/IMAGE`, `image/overlay2/layerdb/sha256/CHAIN/{diff,cache-id,
//! tar-split.json.gz}`, `overlay2/CACHE/diff/`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use super::error::InPlaceError;
use crate::image::{ChainId, DiffId, Digest, ImageConfig, MAX_DOCUMENT};

/// Maximum length of the small files that hold one identifier each.
const MAX_ID: u64 = 256;

/// The daemon's statements about the place of an image.
#[derive(Debug, Clone)]
pub(crate) struct StoreLayout {
    /// The daemon's data folder.
    pub(crate) root: PathBuf,
    pub(crate) image_id: Digest,
    /// `GraphDriver.Data` of the image.
    pub(crate) driver_data: HashMap<String, String>,
}

/// A layer in the daemon's store.
#[derive(Debug)]
pub(crate) struct StoredLayer {
    /// Its tar without contents.
    pub(crate) record: PathBuf,
    /// The folder with its files.
    pub(crate) folder: PathBuf,
    /// The same, opened, so that it stays the same.
    pub(crate) dir: OwnedFd,
}

impl StoreLayout {
    /// The config of the image, and its layers, lowest first.
    pub(crate) fn locate(&self) -> Result<(ImageConfig, Vec<StoredLayer>), InPlaceError> {
        let image = self.root.join("image/overlay2");
        let path = image
            .join("imagedb/content/sha256")
            .join(self.image_id.to_hex());
        // The daemon's own files, but a broken disk or a restored backup is no reason to build a wrong image:
        // everything that has a digest is checked.
        let bytes = read_small(&path, MAX_DOCUMENT)?;
        if Digest::of(&bytes) != self.image_id {
            return Err(InPlaceError::unexpected(path, "the digest is not its name"));
        }
        let config = ImageConfig::parse(&bytes)?;
        let diff_ids = config.diff_ids();
        let layers: Vec<StoredLayer> = ChainId::stack(diff_ids)
            .into_iter()
            .zip(diff_ids)
            .map(|(chain, diff_id)| self.layer(&image, chain, *diff_id))
            .collect::<Result<_, _>>()?;
        self.check_folders(&layers)?;
        Ok((config, layers))
    }

    fn layer(
        &self,
        image: &Path,
        chain: ChainId,
        diff_id: DiffId,
    ) -> Result<StoredLayer, InPlaceError> {
        let entry = image.join("layerdb/sha256").join(chain.to_hex());
        let diff = entry.join("diff");
        if read_small(&diff, MAX_ID)? != diff_id.to_string().as_bytes() {
            return Err(InPlaceError::unexpected(
                diff,
                format!("expected the diff ID {diff_id}"),
            ));
        }
        let cache = entry.join("cache-id");
        let cache_id = String::from_utf8(read_small(&cache, MAX_ID)?)
            .ok()
            // It becomes a part of a path.
            .filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()))
            .ok_or_else(|| InPlaceError::unexpected(cache, "no identifier of a folder"))?;
        let folder = self.root.join("overlay2").join(cache_id).join("diff");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // By the system call that contents will need, so that a sandbox without it shows here.
        let resolve = ResolveFlags::NO_MAGICLINKS;
        let dir =
            rustix::fs::openat2(CWD, &folder, flags, Mode::empty(), resolve).map_err(|e| {
                InPlaceError::Open {
                    path: folder.clone(),
                    source: e.into(),
                }
            })?;
        Ok(StoredLayer {
            record: entry.join("tar-split.json.gz"),
            folder,
            dir,
        })
    }

    /// Compares the folders with those that the daemon mounts for the image: the layout of its data folder is not an
    /// API, and could change without notice.
    fn check_folders(&self, layers: &[StoredLayer]) -> Result<(), InPlaceError> {
        let Some((top, lower)) = layers.split_last() else {
            return Ok(());
        };
        let data = |key: &str| self.driver_data.get(key).map_or("", String::as_str);
        let mounted = data("LowerDir").split(':').filter(|dir| !dir.is_empty());
        let same = Path::new(data("UpperDir")) == top.folder
            && mounted
                .map(Path::new)
                .eq(lower.iter().rev().map(|layer| layer.folder.as_path()));
        if same {
            return Ok(());
        }
        Err(InPlaceError::unexpected(
            &top.folder,
            "the daemon names other folders for the image",
        ))
    }
}

fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>, InPlaceError> {
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> {
        File::open(path)?.take(limit + 1).read_to_end(bytes)
    };
    read(&mut bytes).map_err(|source| InPlaceError::Open {
        path: path.into(),
        source,
    })?;
    if bytes.len() as u64 > limit {
        return Err(InPlaceError::unexpected(path, "it is too long"));
    }
    Ok(bytes)
}
