//! [`BlobSource`]: a blob as the body of a request, from any byte on, as often as it is needed.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future};
use reqwest::Body;
use tokio_util::sync::CancellationToken;

use crate::image::Descriptor;
use crate::transport::body::ArchiveBody;
use crate::transport::stored::StoredImage;

/// Bytes that are read at a time.
const CHUNK: u64 = 256 << 10;

/// Called with the number of further bytes that were sent, from any thread; bytes that had to be sent again count again.
pub type PushWatch = Arc<dyn Fn(u64) + Send + Sync>;

/// A blob that can be sent.
pub(crate) struct BlobSource {
    image: StoredImage,
    blob: Descriptor,
    watch: PushWatch,
    failed: Arc<Mutex<Option<io::Error>>>,
}

/// Whether the receiver knows beforehand how long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Yes,
    No,
}

/// Why copying ended.
enum Ended {
    Read(io::Error),
    Write(io::Error),
}

impl BlobSource {
    pub(crate) fn new(image: &StoredImage, blob: &Descriptor, watch: &PushWatch) -> Self {
        Self {
            image: image.clone(),
            blob: blob.clone(),
            watch: watch.clone(),
            failed: Arc::default(),
        }
    }

    /// Where the image comes from.
    pub(crate) fn reference(&self) -> &str {
        &self.image.reference
    }

    /// The bytes from `start` to before `end`, and how many of them were taken. The last byte of the blob is given
    /// only when all of them turned out to be those that the descriptor names. The body ends early when `stop` is
    /// cancelled; where reading fails it does so too, or fails if its `length` was announced.
    pub(crate) fn part(
        &self,
        (start, end): (u64, u64),
        length: Announced,
        stop: &CancellationToken,
    ) -> (Body, Arc<AtomicU64>) {
        let (image, blob, failed) = (self.image.clone(), self.blob.clone(), self.failed.clone());
        let body = ArchiveBody::written_by(move |out| match copy(&image, &blob, start, end, out) {
            Ok(()) => Ok(()),
            Err(Ended::Write(error)) => Err(error),
            Err(Ended::Read(error)) => {
                let kind = error.kind();
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(kind.into())
            }
        });
        let sent = Arc::new(AtomicU64::new(0));
        let (count, watch) = (sent.clone(), self.watch.clone());
        let goes_on = move |part: &io::Result<Bytes>| part.is_ok() || length == Announced::Yes;
        let body = body
            .take_until(stop.clone().cancelled_owned())
            .take_while(move |part| future::ready(goes_on(part)));
        let body = body.inspect_ok(move |chunk| {
            let length = chunk.len() as u64;
            count.fetch_add(length, Ordering::Relaxed);
            watch(length);
        });
        (Body::wrap_stream(body), sent)
    }

    /// Why the blob could not be read, where that is why a request failed.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn copy(
    image: &StoredImage,
    blob: &Descriptor,
    start: u64,
    end: u64,
    out: &mut dyn Write,
) -> Result<(), Ended> {
    let read = Ended::Read;
    let mut reader = image
        .open(blob)
        .map_err(|error| read(io::Error::other(error)))?;
    io::copy(&mut (&mut reader).take(start), &mut io::sink()).map_err(read)?;
    let mut left = end - start;
    let mut chunk = Vec::new();
    while left > 0 {
        let length = left.min(CHUNK);
        chunk.clear();
        let got = (&mut reader).take(length).read_to_end(&mut chunk);
        if got.map_err(read)? as u64 != length {
            return Err(read(io::ErrorKind::UnexpectedEof.into()));
        }
        left -= length;
        if left == 0 && end == blob.size {
            // At the end the reader compares.
            reader.read(&mut [0]).map_err(read)?;
        }
        out.write_all(&chunk).map_err(Ended::Write)?;
    }
    Ok(())
}
