//! [`scan`]: all layers of an image, several at once.

use std::convert::Infallible;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;

use super::body::Examiner;
use super::facts::{Extra, Facts};
use super::input::SeekInput;
use super::layer::{ScannedLayer, Shared, scan_headers, scan_stream};
use super::limits::{Budget, ScanOptions};
use crate::image::Descriptor;
use crate::rootfs::ContentRef;
use crate::transport::{StoredImage, for_each, processors};
use crate::xray::error::XrayError;

/// All layers of an image, scanned.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The layers, lowest first.
    pub(crate) layers: Vec<ScannedLayer>,
}

impl Scan {
    /// What a file holds; none where contents were not looked at, or could not be read.
    pub(crate) fn facts(&self, content: ContentRef) -> Option<&Facts> {
        self.layers.get(content.layer as usize)?.facts(content.at)
    }

    /// What was kept of a file.
    pub(crate) fn extra(&self, content: ContentRef) -> Option<&Extra> {
        self.facts(content)?.extra.as_deref()
    }
}

/// Told now and then how many stored bytes have been read, of how many.
pub(crate) type Watch<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Scans an image. A layer that cannot be read leaves problems; too many entries are an error.
pub(crate) fn scan(
    image: &StoredImage,
    options: &ScanOptions,
    now: Timestamp,
    watch: Watch<'_>,
) -> Result<Scan, XrayError> {
    let blobs = image.manifest.layers();
    let limits = options.limits;
    let shared = Shared {
        limits,
        entries: Budget::new(limits.entries),
        names: Budget::new(limits.names),
        documents: Budget::new(limits.documents),
        holes: Budget::new(limits.holes),
        too_many: AtomicBool::new(false),
    };
    let entrypoints = entrypoints(image);
    let total = blobs.iter().map(|blob| blob.size).sum();
    let progress = Progress {
        done: AtomicU64::new(0),
        total,
        watch,
    };
    // Large layers first, so that none is left alone at the end.
    let mut order: Vec<usize> = (0..blobs.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(blobs[i].size));
    let threads = match options.threads {
        0 => processors(),
        threads => threads,
    };
    let Ok(mut scanned) = for_each(&order, threads, |&index| {
        let contents = options.contents;
        let examiner = contents.then(|| Examiner::new(&shared.documents, now, &entrypoints));
        let layer = scan_layer(image, index, &shared, examiner, &progress);
        Ok::<_, Infallible>((index, layer))
    });
    scanned.sort_by_key(|(index, _)| *index);
    if shared.too_many.into_inner() {
        return Err(XrayError::TooManyEntries {
            image: image.reference.clone(),
            entries: limits.entries,
            names: limits.names,
        });
    }
    Ok(Scan {
        layers: scanned.into_iter().map(|(_, layer)| layer).collect(),
    })
}

fn scan_layer(
    image: &StoredImage,
    index: usize,
    shared: &Shared,
    mut examiner: Option<Examiner<'_>>,
    progress: &Progress<'_>,
) -> ScannedLayer {
    let blob = &image.manifest.layers()[index];
    let layer = index as u32;
    let mut scanned = match (&examiner, uncompressed(image, blob)) {
        (None, Some(range)) => {
            let input = SeekInput::new(&range.file, range.offset, range.size);
            let scanned = scan_headers(layer, input, range.size, shared);
            progress.add(blob.size);
            scanned
        }
        _ => match image.open(blob) {
            Ok(reader) => scan_stream(
                layer,
                Counted {
                    inner: reader,
                    progress,
                },
                shared,
                examiner.as_mut(),
            ),
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

/// The range of a file that holds a layer as an uncompressed tar, where it does.
fn uncompressed(image: &StoredImage, blob: &Descriptor) -> Option<crate::transport::BlobRange> {
    use std::os::unix::fs::FileExt;

    use crate::rootfs::tar::Compression;
    let range = image.blobs.range(blob)?;
    let mut head = [0; Compression::HEAD];
    let fits = range.size >= head.len() as u64 && range.size == blob.size;
    (fits
        && range.file.read_exact_at(&mut head, range.offset).is_ok()
        && Compression::detect(&head) == Ok(Compression::None))
    .then_some(range)
}

/// Base names of the words that the config executes.
fn entrypoints(image: &StoredImage) -> Vec<Vec<u8>> {
    let config = &image.config;
    let words = config.entrypoint().iter().chain(config.cmd());
    let check = config
        .healthcheck()
        .into_iter()
        .flat_map(|check| &check.test);
    words
        .chain(check)
        .flat_map(|word| word.split_ascii_whitespace())
        .filter_map(|word| word.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .map(|name| name.as_bytes().to_vec())
        .collect()
}

struct Progress<'a> {
    done: AtomicU64,
    total: u64,
    watch: Watch<'a>,
}

impl Progress<'_> {
    fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.watch)(done, self.total);
    }
}

struct Counted<'a, R> {
    inner: R,
    progress: &'a Progress<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.progress.add(n as u64);
        Ok(n)
    }
}
