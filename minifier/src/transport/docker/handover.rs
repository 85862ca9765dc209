//! [`Handover`]: an archive that a daemon gets completely or not at all.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use bytes::Bytes;

use crate::transport::body::ArchiveBody;

impl ArchiveBody {
    /// The same archive, but its end is withheld once `handover` is called off: the receiver gets either all of it or
    /// too little to be an archive.
    pub(crate) fn through(mut self, handover: Handover) -> Self {
        let mut held: Option<Bytes> = None;
        Self(Box::pin(futures_util::stream::poll_fn(move |context| {
            loop {
                // One chunk is held back. When the stream has ended, it is the last one, and the decision falls.
                let last = match std::task::ready!(self.0.as_mut().poll_next(context)) {
                    Some(Ok(chunk)) => match held.replace(chunk) {
                        Some(before) => return Poll::Ready(Some(Ok(before))),
                        None => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => held.take(),
                };
                return Poll::Ready(last.map(|last| {
                    if handover.complete() {
                        Ok(last)
                    } else {
                        Err(io::Error::other("called off"))
                    }
                }));
            }
        })))
    }
}

/// Decides once whether an archive is handed over or called off, between the task that sends it and the one that may
/// want to stop. A daemon that has a whole archive keeps the image, even if nobody waits for its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handover(Arc<AtomicBool>);

impl Handover {
    /// Returns false if it was called off before.
    fn complete(&self) -> bool {
        self.is_first()
    }

    /// Returns false if the archive is complete already and cannot be taken back.
    pub(crate) fn call_off(&self) -> bool {
        self.is_first()
    }

    fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn archive() -> ArchiveBody {
        let chunks =
            ["first", "second", "last"].map(|text| Ok(Bytes::from_static(text.as_bytes())));
        ArchiveBody(Box::pin(futures_util::stream::iter(chunks)))
    }

    #[tokio::test]
    async fn an_archive_that_nobody_called_off_arrives_whole_and_cannot_be_taken_back() {
        let handover = Handover::default();
        let chunks: Vec<_> = archive().through(handover.clone()).collect().await;
        let bytes: Vec<u8> = chunks.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(bytes, b"firstsecondlast");
        assert!(!handover.call_off());
    }

    #[tokio::test]
    async fn an_archive_that_was_called_off_lacks_its_end() {
        let handover = Handover::default();
        let mut body = archive().through(handover.clone());
        assert_eq!(body.next().await.unwrap().unwrap(), "first");
        assert!(handover.call_off());
        assert_eq!(body.next().await.unwrap().unwrap(), "second");
        assert!(body.next().await.unwrap().is_err());
    }
}
