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

/// Called from any thread with the number of further bytes that were sent. Bytes that are sent again count again.
pub type PushWatch = Arc<dyn Fn(u64) + Send + Sync>;

/// A blob that can be sent.
pub(crate) struct BlobSource {
    image: StoredImage,
    blob: Descriptor,
    watch: PushWatch,
    failed: Arc<Mutex<Option<io::Error>>>,
}

/// Whether the receiver knows the length of a body in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Yes,
    No,
}

/// The side that ended copying.
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

    /// Location of the image that is being sent.
    pub(crate) fn reference(&self) -> &str {
        &self.image.reference
    }

    /// The bytes from `start` to before `end`, with a counter of those that were sent. The last byte of the blob is
    /// sent only once all bytes have the descriptor's digest. The body ends early if `stop` is cancelled or reading
    /// fails; if its `length` was announced, it fails instead of ending early on an error of reading.
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
            // The client's error would only say that sending failed, so the reason goes round it.
            Err(Ended::Read(error)) => {
                let kind = error.kind();
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(kind.into())
            }
        });
        let sent = Arc::new(AtomicU64::new(0));
        let (count, watch) = (sent.clone(), self.watch.clone());
        // A chunked body that fails resets the connection, and with it the answer that says where the upload stands.
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

    /// The error of reading the blob, if that is why a request failed.
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
    // Read and not sought: the digest is that of the whole blob, and a gzip or registry cannot seek.
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
            // The reader compares the digest when it reports the end, so that is asked for before the last bytes go
            // out: a registry without them cannot finish the blob.
            reader.read(&mut [0]).map_err(read)?;
        }
        out.write_all(&chunk).map_err(Ended::Write)?;
    }
    Ok(())
}
