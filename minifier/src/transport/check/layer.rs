//! [`check_layer`]: one layer against its descriptor and the config.

use std::io::{self, BufRead, BufReader, Read};

use super::mismatch::Mismatch;
use crate::image::media_type::LayerKind;
use crate::image::{Descriptor, DiffId, Digest, HashingReader};
use crate::rootfs::tar::{Compression, StreamInput, TarReader, decompress, index_layer};
use crate::transport::control::{Control, Stoppable, Watched};
use crate::transport::layers::said_compression;
use crate::transport::limits::LayerBudget;
use crate::transport::stored::BlobStore;

/// Size of the reads.
const CHUNK: usize = 256 << 10;

/// Reads one layer to its end, whatever its faults. `diff_id` is the config's, if there is one.
pub(crate) fn check_layer(
    blobs: &dyn BlobStore,
    layer: &Descriptor,
    diff_id: Option<DiffId>,
    budget: &LayerBudget,
    control: &Control,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let mut wrong = |message: String| {
        found.push(Mismatch {
            object: format!("layer {}", layer.digest),
            message,
        });
    };
    match LayerKind::of(&layer.media_type) {
        LayerKind::Tar => {}
        LayerKind::Other => wrong(format!(
            "its media type {:?} is not that of a layer",
            layer.media_type
        )),
        LayerKind::Foreign => wrong(format!("it is foreign ({})", layer.media_type)),
        LayerKind::Encrypted => {
            wrong(format!("it is encrypted ({})", layer.media_type));
        }
    }
    let blob = match blobs.open(layer) {
        Ok(blob) => blob,
        Err(error) => {
            wrong(error.to_string());
            return found;
        }
    };
    let mut blob = HashingReader::new(Watched::new(blob, control));
    let contents = contents(&mut blob, layer, budget, control);
    // Even if its contents are broken, the digest of the whole blob says whether it was damaged after it was made.
    if let Err(error) = io::copy(&mut blob, &mut io::sink()) {
        wrong(format!("it cannot be read: {error}"));
        return found;
    }
    let (hash, size) = blob.finish();
    let digest = Digest::from_bytes(hash);
    if digest != layer.digest {
        wrong(format!("its bytes have the digest {digest}"));
    }
    if size != layer.size {
        wrong(format!(
            "it has {size} bytes, the manifest says {}",
            layer.size
        ));
    }
    match contents {
        Err(message) => wrong(message),
        Ok(contents) => {
            if let Some(message) = other_compression(&layer.media_type, contents.compression) {
                wrong(message);
            }
            if let Some(expected) = diff_id
                && contents.diff_id != expected
            {
                wrong(format!(
                    "its diff ID is {}, the config says {expected}",
                    contents.diff_id
                ));
            }
            if let Some(message) = contents.no_tar {
                wrong(message);
            }
        }
    }
    found
}

/// The uncompressed layer.
struct LayerContents {
    compression: Compression,
    diff_id: DiffId,
    /// The reason why it is not a tar.
    no_tar: Option<String>,
}

/// Decompresses and indexes the blob.
fn contents(
    blob: &mut (impl Read + Send),
    layer: &Descriptor,
    budget: &LayerBudget,
    control: &Control,
) -> Result<LayerContents, String> {
    let mut blob = BufReader::with_capacity(CHUNK, blob);
    let head = blob
        .fill_buf()
        .map_err(|e| format!("it cannot be read: {e}"))?;
    let compression = Compression::detect(head).map_err(|e| e.to_string())?;
    let broken = |e: io::Error| format!("its compression ({compression}) is broken: {e}");
    let plain =
        decompress(budget.index().fed_by(blob, compression), compression).map_err(broken)?;
    let plain = Stoppable::new(budget.bound(plain, layer.size), control);
    let mut plain = HashingReader::new(plain);
    let buffered = BufReader::with_capacity(CHUNK, &mut plain);
    let mut reader = TarReader::new(StreamInput::new(buffered));
    let indexed = index_layer(&mut reader, 0, budget.index());
    // The tar reader stops at the end mark or at a fault; the diff ID is that of all bytes.
    drop(reader);
    io::copy(&mut plain, &mut io::sink()).map_err(broken)?;
    Ok(LayerContents {
        compression,
        diff_id: DiffId::from_bytes(plain.finish().0),
        no_tar: indexed.err().map(|e| e.to_string()),
    })
}

/// The mismatch between the compression in a media type and that of the bytes.
fn other_compression(media_type: &str, found: Compression) -> Option<String> {
    if LayerKind::of(media_type) != LayerKind::Tar {
        return None;
    }
    let said = said_compression(media_type);
    (said != found).then(|| {
        format!("its media type {media_type:?} says compression {said}, its bytes say {found}")
    })
}
