//! [`scan`]: all layers of an image, several at once.

use std::convert::Infallible;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::body::Examiner;
use super::facts::{Extra, FileFacts};
use super::layer::{ScanContext, ScannedLayer, scan_headers, scan_stream};
use super::limits::{HoleBudget, MAX_HOLES, ScanOptions};
use crate::image::{CheckCommand, Descriptor, Healthcheck};
use crate::rootfs::tar::{Compression, SeekInput};
use crate::rootfs::{ContentRef, FileRange, ImagePath, IndexBudget};
use crate::transport::{Control, LayerBudget, LayerReader, StoredImage, for_each, processors};
use crate::xray::detect::kind_by_name;
use crate::xray::error::XrayError;
use crate::xray::model::FileKind;

/// All layers of an image, scanned.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The layers, lowest first.
    pub(crate) layers: Vec<ScannedLayer>,
    /// Room that is left for what later stages keep of the image.
    pub(crate) budget: IndexBudget,
}

impl Scan {
    /// Facts about a file; `None` if contents were not looked at, or could not be read.
    pub(crate) fn facts(&self, content: ContentRef) -> Option<&FileFacts> {
        self.layers.get(content.layer as usize)?.facts(content.at)
    }

    /// Contents that were kept of a file, and what detectors found in it; `None` for most files.
    pub(crate) fn extra(&self, content: ContentRef) -> Option<&Extra> {
        self.facts(content)?.extra.as_deref()
    }

    /// The kind of a file: by its content if that was looked at, otherwise by the path that `path` returns.
    pub(crate) fn kind(&self, content: ContentRef, path: impl FnOnce() -> ImagePath) -> FileKind {
        match self.facts(content) {
            Some(facts) => facts.kind,
            None => kind_by_name(&path(), content.size),
        }
    }
}

/// Scans an image. A layer that cannot be read leaves problems; too many entries, and that `control` stops it, are
/// errors.
pub(crate) fn scan(
    image: &StoredImage,
    options: &ScanOptions,
    now: Timestamp,
    control: &Control,
) -> Result<Scan, XrayError> {
    let blobs = image.manifest.layers();
    let shared = ScanContext {
        control,
        layers: LayerBudget::new(options.limits),
        holes: HoleBudget::new(MAX_HOLES),
        too_many: OnceLock::new(),
    };
    let entrypoints = entrypoints(image);
    // Large layers first, so that none is left alone at the end.
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(blobs[i].size));
    let threads = match options.threads {
        0 => processors(),
        threads => threads,
    };
    let Ok(mut scanned) = for_each(&order, threads, |&index| {
        let contents = options.contents;
        let examiner = contents.then(|| Examiner::new(shared.layers.index(), now, &entrypoints));
        let layer = scan_layer(image, index, &shared, examiner);
        Ok::<_, Infallible>((index, layer))
    });
    // Threads finish in any order; the report must not depend on it.
    scanned.sort_by_key(|(index, _)| *index);
    let reference = || image.reference.clone();
    // Cancelled first: threads that stopped early have left layers that only look broken.
    if control.is_cancelled() {
        return Err(XrayError::Cancelled { image: reference() });
    }
    if let Some(source) = shared.too_many.into_inner() {
        return Err(XrayError::TooManyEntries {
            image: reference(),
            source,
        });
    }
    Ok(Scan {
        layers: scanned.into_iter().map(|(_, layer)| layer).collect(),
        budget: shared.layers.index().clone(),
    })
}

fn scan_layer(
    image: &StoredImage,
    index: usize,
    shared: &ScanContext<'_>,
    mut examiner: Option<Examiner<'_>>,
) -> ScannedLayer {
    let blob = &image.manifest.layers()[index];
    let layer = index as u32;
    let mut scanned = match (&examiner, uncompressed(image, blob)) {
        // Without contents, an uncompressed layer in a file needs no reading at all: its headers say where the next one
        // is.
        (None, Some(range)) => {
            let input = SeekInput::new(&range.file, range.at, range.len);
            scan_headers(layer, input, range.len, shared)
        }
        _ => match LayerReader::open(image, blob, &shared.layers, shared.control) {
            Ok(reader) => scan_stream(layer, reader, shared, examiner.as_mut()),
            Err(e) => ScannedLayer {
                problems: vec![e.to_string()],
                ..ScannedLayer::default()
            },
        },
    };
    for problem in &mut scanned.problems {
        *problem = format!("layer {index}: {problem}");
    }
    scanned
}

/// The range of a file that has the layer as an uncompressed tar; `None` if there is none.
fn uncompressed(image: &StoredImage, blob: &Descriptor) -> Option<FileRange<File>> {
    let range = image.blobs.range(blob)?;
    let mut head = [0; Compression::HEAD];
    // A file that is shorter than the blob is damaged, which reading it as a stream reports.
    let fits = range.len >= head.len() as u64 && range.len == blob.size;
    (fits
        && range.file.read_exact_at(&mut head, range.at).is_ok()
        && Compression::detect(&head) == Ok(Compression::None))
    .then_some(range)
}

/// Base names of the words that the config executes.
fn entrypoints(image: &StoredImage) -> Vec<Vec<u8>> {
    let config = &image.config;
    let words = config.entrypoint().iter().chain(config.cmd());
    let check = config.healthcheck().and_then(Healthcheck::command);
    let check = check.map(|(CheckCommand::Exec(words) | CheckCommand::Shell(words))| words);
    words
        .chain(check.unwrap_or_default())
        // `sh -c "exec /start.sh"` is one word of the config.
        .flat_map(|word| word.split_ascii_whitespace())
        .filter_map(|word| word.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .map(|name| name.as_bytes().to_vec())
        .collect()
}
