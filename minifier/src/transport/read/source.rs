//! [`open_source`]: the layers of a stored image opened for the rebuild: decompressed, verified, indexed.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use super::spool::scratch_error;
use crate::image::{Descriptor, DiffId, Digest, Image};
use crate::rootfs::LayerIndex;
use crate::rootfs::tar::TarError;
use crate::transport::archive::{
    SpoolError, SpoolStore, SpooledLayer, SpooledTar, set_layer, spool,
};
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::layers::LayerReader;
use crate::transport::limits::{LayerBudget, Limits};
use crate::transport::parallel::{for_each, processors};
use crate::transport::source::{ReadHow, Source};
use crate::transport::stored::StoredImage;

/// Reads every layer of a stored image into unnamed files in the folder `scratch`: decompressed, with digest, size and
/// diff ID checked, and indexed; several at once. Blocks.
pub fn open_source(
    stored: &StoredImage,
    scratch: &Path,
    limits: Limits,
    control: &Control,
) -> Result<Source, TransportError> {
    let opened = open(stored, scratch, limits, control);
    match opened {
        Err(_) if control.is_cancelled() => Err(TransportError::Cancelled {
            doing: "read",
            location: stored.reference.clone(),
        }),
        opened => opened,
    }
}

fn open(
    stored: &StoredImage,
    scratch: &Path,
    limits: Limits,
    control: &Control,
) -> Result<Source, TransportError> {
    let layers = stored.manifest.layers();
    let diff_ids = stored.config.diff_ids();
    stored.check_layer_count()?;
    // A layer that occurs twice is spooled once. With the diff ID in the key: a hostile config may claim two for one
    // blob, and both claims have to be checked.
    let mut distinct: Vec<(&Descriptor, DiffId)> = Vec::new();
    let mut places: BTreeMap<(Digest, DiffId), usize> = BTreeMap::new();
    for (layer, &diff_id) in layers.iter().zip(diff_ids) {
        places.entry((layer.digest, diff_id)).or_insert_with(|| {
            distinct.push((layer, diff_id));
            distinct.len() - 1
        });
    }
    let budget = LayerBudget::new(limits);
    let spooling = Spooling {
        stored,
        scratch,
        budget: &budget,
        control,
    };
    let mut spooled = for_each(&distinct, processors(), |&(layer, diff_id)| {
        spooling.layer(layer, diff_id)
    })?;
    let mut source = Source {
        image: Image {
            reference: stored.reference.clone(),
            config: stored.config.clone(),
        },
        image_id: stored.config.digest(),
        repo_tags: stored
            .names
            .iter()
            // A layout's tag alone (`latest`) is not a name that an engine would know.
            .filter(|name| name.contains(['/', ':']))
            .cloned()
            .collect(),
        layers: Vec::new(),
        layer_bytes: Vec::new(),
        content: Box::new(SpoolStore::default()),
        how: ReadHow::Stored {
            location: stored.reference.clone(),
        },
        archive_bytes: layers.iter().map(|layer| layer.size).sum(),
    };
    let mut store = SpoolStore::default();
    let places: Vec<usize> = layers
        .iter()
        .zip(diff_ids)
        .map(|(layer, &diff_id)| places[&(layer.digest, diff_id)])
        .collect();
    let mut uses = vec![0u32; spooled.len()];
    places.iter().for_each(|&place| uses[place] += 1);
    for (number, (layer, &place)) in (0u32..).zip(layers.iter().zip(&places)) {
        uses[place] -= 1;
        let indexed = &mut spooled[place].layer;
        let mut index: LayerIndex = match uses[place] {
            // The last use takes the entries without copying them.
            0 => std::mem::take(&mut indexed.index),
            _ => {
                let taken = budget.index().take(indexed.cost);
                taken.map_err(|source| {
                    let source = TarError::TooManyEntries { offset: 0, source };
                    stored.layer_tar_error(layer, source)
                })?;
                indexed.index.clone()
            }
        };
        set_layer(&mut index, number);
        source.layers.push(index);
        source.layer_bytes.push(spooled[place].bytes);
        store.layers.push(place);
    }
    store.tars = spooled
        .into_iter()
        .map(|spooled| SpooledTar {
            file: spooled.file,
            sparse: spooled.layer.sparse,
        })
        .collect();
    source.content = Box::new(store);
    Ok(source)
}

/// The layers of an image on their way to unnamed files.
struct Spooling<'a> {
    stored: &'a StoredImage,
    scratch: &'a Path,
    budget: &'a LayerBudget,
    control: &'a Control,
}

impl Spooling<'_> {
    fn layer(&self, layer: &Descriptor, diff_id: DiffId) -> Result<SpooledLayer, TransportError> {
        let stored = self.stored;
        let reader = LayerReader::open(stored, layer, self.budget, self.control)?;
        let reader = BufReader::new(reader);
        let spooled =
            spool(reader, self.scratch, self.budget.index()).map_err(|error| match error {
                SpoolError::Compression(source) => stored.layer_error(layer, source),
                SpoolError::Scratch(source) => scratch_error(self.scratch, source),
                SpoolError::Layer(source) => stored.layer_tar_error(layer, source),
            })?;
        stored.check_diff_id(layer, diff_id, spooled.diff_id)?;
        Ok(spooled)
    }
}
