//! [`read_in_place`]: from the daemon's folders to an image with its layers.

use std::fs::File;
use std::io::BufReader;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::error::InPlaceError;
use super::layerdb::{StoreLayout, StoredLayer};
use super::store::{FolderFile, FolderStore, LayerFolder};
use super::tarsplit::{RecordedFile, TarSplit};
use crate::image::ImageConfig;
use crate::rootfs::tar::{Compression, TarInput, TarReader, index_layer};
use crate::rootfs::{ContentStore, EntryKind, ImagePath, IndexBudget, LayerIndex};

/// An image read in place.
pub(crate) struct InPlaceImage {
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<LayerIndex>,
    pub(crate) layer_bytes: Vec<u64>,
    pub(crate) content: Box<dyn ContentStore>,
}

/// Reads an image's config and the records of its layers, on all processors. Blocks; ends early once `cancelled`.
pub(crate) fn read_in_place(
    layout: &StoreLayout,
    cancelled: &AtomicBool,
) -> Result<InPlaceImage, InPlaceError> {
    let (config, stored) = layout.locate()?;
    let mut layers = Vec::with_capacity(stored.len());
    let mut layer_bytes = Vec::with_capacity(stored.len());
    let mut folders = Vec::with_capacity(stored.len());
    let records = read_records(&stored, cancelled, &IndexBudget::default())?;
    for (stored, record) in stored.into_iter().zip(records) {
        layers.push(record.index);
        layer_bytes.push(record.bytes);
        folders.push(LayerFolder {
            folder: stored.folder,
            dir: stored.dir,
            files: record.files,
        });
    }
    Ok(InPlaceImage {
        config,
        layers,
        layer_bytes,
        content: Box::new(FolderStore { layers: folders }),
    })
}

struct LayerRecord {
    index: LayerIndex,
    files: Vec<FolderFile>,
    /// Bytes of the layer's tar.
    bytes: u64,
}

/// Reads the records of all layers, the largest first, so that no large one is left for a single thread at the end.
fn read_records(
    stored: &[StoredLayer],
    cancelled: &AtomicBool,
    budget: &IndexBudget,
) -> Result<Vec<LayerRecord>, InPlaceError> {
    let mut queue: Vec<(u64, usize)> = stored
        .iter()
        .enumerate()
        .map(|(i, layer)| (layer.record.metadata().map_or(0, |meta| meta.len()), i))
        .collect();
    // Taken from the end.
    queue.sort_unstable();
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(stored.len());
    let queue = Mutex::new(queue);
    let records: Mutex<Vec<Option<Result<LayerRecord, InPlaceError>>>> =
        Mutex::new(stored.iter().map(|_| None).collect());
    let work = || {
        while let Some((_, i)) = lock(&queue).pop() {
            // Between layers only: a record is read in a fraction of a second.
            if cancelled.load(Ordering::Relaxed) {
                return;
            }
            // A u32 counts more layers than any config can list.
            let record = read_record(&stored[i], i as u32, budget);
            lock(&records)[i] = Some(record);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let records = records
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    records
        .into_iter()
        .zip(stored)
        .map(|(record, layer)| {
            record.unwrap_or_else(|| Err(InPlaceError::unexpected(&layer.record, "cancelled")))
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn read_record(
    stored: &StoredLayer,
    layer: u32,
    budget: &IndexBudget,
) -> Result<LayerRecord, InPlaceError> {
    let file = File::open(&stored.record).map_err(|source| InPlaceError::Open {
        path: stored.record.clone(),
        source,
    })?;
    let file = BufReader::with_capacity(64 << 10, budget.fed_by(file, Compression::Gzip));
    let mut reader = TarReader::new(TarSplit::new(file));
    let error = |source| InPlaceError::Record {
        path: stored.record.clone(),
        source,
    };
    let indexed = index_layer(&mut reader, layer, budget).map_err(error)?;
    let mut input = reader.into_input();
    drain(&mut input).map_err(|source| {
        error(crate::rootfs::tar::TarError::Io {
            offset: input.offset(),
            source,
        })
    })?;
    // tar-split records a sparse file by its stored length, so its offsets would not be those of the file in the
    // folder.
    if !indexed.sparse.is_empty() {
        return Err(InPlaceError::unexpected(
            &stored.record,
            "the layer has sparse files, which the record does not describe",
        ));
    }
    let bytes = input.offset();
    let files = files(&indexed.index, input.into_files())
        .map_err(|what| InPlaceError::unexpected(&stored.record, what))?;
    Ok(LayerRecord {
        index: indexed.index,
        files,
        bytes,
    })
}

/// Reads the bytes after the end mark: they count for the length and the diff ID.
fn drain(input: &mut impl TarInput) -> std::io::Result<()> {
    let mut rest = [0; 4096];
    while input.fill(&mut rest)? > 0 {}
    Ok(())
}

/// Joins what the tar reader and the record say about the same files.
fn files(index: &LayerIndex, recorded: Vec<RecordedFile>) -> Result<Vec<FolderFile>, String> {
    let mut recorded = recorded.into_iter().peekable();
    let mut files = Vec::with_capacity(recorded.len());
    for entry in &index.entries {
        let EntryKind::File(content) = entry.kind else {
            continue;
        };
        // The record has no checksum for an empty file.
        if content.size == 0 {
            continue;
        }
        // The index leaves out AUFS metadata (`.wh..wh.plnk`), which the record has.
        while recorded.next_if(|file| file.at < content.at).is_some() {}
        let file = recorded
            .next_if(|file| file.at == content.at)
            .ok_or_else(|| format!("it has no contents of {}", entry.path))?;
        // The record is untrusted input as well: its names come from the image.
        if ImagePath::new(&file.name) != entry.path {
            return Err(format!("it calls {} another name", entry.path));
        }
        files.push(FolderFile {
            at: content.at,
            path: entry.path.clone(),
            crc: file.crc,
        });
    }
    Ok(files)
}
