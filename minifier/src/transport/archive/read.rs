//! [`read_archive`]: from the bytes of an archive to an image with its layers.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use super::error::ArchiveError;
use super::members::ArchiveMembers;
use super::store::{SpoolStore, SpooledTar};
use crate::image::{Digest, ImageConfig};
use crate::rootfs::tar::{Compression, TarError, decompress};
use crate::rootfs::{ContentStore, EntryKind, ImagePath, IndexBudget, LayerIndex};
use crate::transport::select::{Choice, LayoutError, Select, display};

/// Size of the reads from a compressed archive.
const CHUNK: usize = 256 << 10;

/// An image read from an archive.
pub struct ArchiveImage {
    /// The config, as stored.
    pub config: ImageConfig,
    /// Digest of the config's bytes.
    pub config_digest: Digest,
    /// The names that the archive gives it.
    pub repo_tags: Vec<String>,
    /// The entries of each layer, lowest first.
    pub layers: Vec<LayerIndex>,
    /// Length of each layer's uncompressed tar, in bytes.
    pub layer_bytes: Vec<u64>,
    /// The files' contents, in unnamed temporary files.
    pub content: Box<dyn ContentStore>,
}

/// Reads the wanted image from an archive, which may be compressed as a whole. Layers are spooled to unnamed files in
/// the folder `scratch`; their diff IDs are checked. Blocks.
pub fn read_archive(
    mut reader: impl BufRead + Send,
    scratch: &Path,
    select: &Select,
) -> Result<ArchiveImage, ArchiveError> {
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(Compression::HEAD as u64)
        .read_to_end(&mut head)
        .map_err(ArchiveError::Decompress)?;
    // Compressed as a whole: Docker's own archives are not, but `docker load` reads `docker save app | gzip`.
    let compression = Compression::detect(&head)?;
    let budget = IndexBudget::default();
    let reader = budget.fed_by(Cursor::new(head).chain(reader), compression);
    let mut members = match compression {
        Compression::None => ArchiveMembers::read(reader, scratch, budget.clone())?,
        _ => {
            let plain = decompress(reader, compression).map_err(ArchiveError::Decompress)?;
            let plain = BufReader::with_capacity(CHUNK, plain);
            ArchiveMembers::read(plain, scratch, budget.clone())?
        }
    };
    let (choice, _) = select.choose(&members)?;
    let paths = layer_members(&choice, &members)?;
    assemble(choice, &paths, &mut members, &budget)
}

/// The member of each layer, its diff ID checked.
fn layer_members(
    choice: &Choice,
    members: &ArchiveMembers,
) -> Result<Vec<ImagePath>, ArchiveError> {
    // Before layers are paired with diff IDs: pairing would silently drop those that are too many.
    let diff_ids = choice.config.diff_ids();
    if diff_ids.len() != choice.layers.len() {
        return Err(ArchiveError::from(LayoutError::LayerCount {
            config: display(&choice.config_path),
            layers: choice.layers.len(),
            diff_ids: diff_ids.len(),
        }));
    }
    let layers = choice.layers.iter().zip(diff_ids);
    layers
        .map(|(path, &expected)| {
            let (at, spooled) = members.layer(path, &display(&choice.config_path))?;
            if spooled.diff_id == expected {
                return Ok(at.clone());
            }
            Err(ArchiveError::DiffId {
                member: display(path),
                expected,
                found: spooled.diff_id,
            })
        })
        .collect()
}

fn assemble(
    choice: Choice,
    paths: &[ImagePath],
    members: &mut ArchiveMembers,
    budget: &IndexBudget,
) -> Result<ArchiveImage, ArchiveError> {
    let mut store = SpoolStore {
        tars: Vec::new(),
        layers: Vec::new(),
    };
    let mut layers: Vec<LayerIndex> = Vec::new();
    let mut layer_bytes: Vec<u64> = Vec::new();
    let mut costs: Vec<u64> = Vec::new();
    for (layer, path) in (0u32..).zip(paths) {
        let below = &paths[..layer as usize];
        // A layer may occur twice. The spool is shared, but its entries are in memory twice and count twice.
        let mut index = if let Some(first) = below.iter().position(|other| other == path) {
            store.layers.push(store.layers[first]);
            layer_bytes.push(layer_bytes[first]);
            let taken = budget.take(costs[first]);
            taken.map_err(|source| ArchiveError::Layer {
                member: display(path),
                source: TarError::TooManyEntries { offset: 0, source },
            })?;
            costs.push(costs[first]);
            layers[first].clone()
        } else {
            let spooled = members
                .take_layer(path)
                .ok_or_else(|| ArchiveError::Missing {
                    member: display(path),
                    wanted_by: display(&choice.config_path),
                })?;
            store.layers.push(store.tars.len());
            store.tars.push(SpooledTar {
                file: spooled.file,
                sparse: spooled.layer.sparse,
            });
            layer_bytes.push(spooled.bytes);
            costs.push(spooled.layer.cost);
            spooled.layer.index
        };
        set_layer(&mut index, layer);
        layers.push(index);
    }
    Ok(ArchiveImage {
        config: choice.config,
        config_digest: choice.config_digest,
        repo_tags: choice.names,
        layers,
        layer_bytes,
        content: Box::new(store),
    })
}

/// Sets the number of the layer, which was not known when it was indexed.
pub(crate) fn set_layer(index: &mut LayerIndex, layer: u32) {
    for entry in &mut index.entries {
        if let EntryKind::File(content) = &mut entry.kind {
            content.layer = layer;
        }
    }
}
