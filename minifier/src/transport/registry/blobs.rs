//! [`RegistryBlobs`]: blobs of a repository, read by blocking code and fetched by tasks. After a broken connection, a
//! download resumes at the byte where it stopped.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use reqwest::header::{HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::answer;
use super::error::RegistryError;
use super::retry::Backoff;
use super::session::{RegistryCall, RegistrySession};
use super::web::{Failure, failure, nothing_sent};
use crate::image::Descriptor;
use crate::image::media_type::LayerKind;
use crate::transport::TransportError;
use crate::transport::body::{ChunkSender, chunk_channel};
use crate::transport::stored::BlobStore;

/// Bytes after which earlier failures are forgotten. With fewer, a registry that sends one byte per attempt could hold
/// us for ever.
const PROGRESS: u64 = 1 << 20;

/// The blobs of one repository.
pub(crate) struct RegistryBlobs {
    session: Arc<RegistrySession>,
    runtime: Handle,
    cancel: CancellationToken,
}

impl RegistryBlobs {
    /// Fetches on `runtime`, which must be one with I/O and time that runs while others block, until `cancel` is
    /// cancelled.
    pub(crate) fn new(
        session: Arc<RegistrySession>,
        runtime: Handle,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            session,
            runtime,
            cancel,
        }
    }
}

impl BlobStore for RegistryBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        let download = Download::new(self.session.clone(), blob);
        // Its `urls` could name hosts that only this machine can reach (SSRF), so they are never followed.
        if LayerKind::of(&blob.media_type) == LayerKind::Foreign {
            return Err(RegistryError::Protocol {
                doing: download.call.doing,
                what: "it is a foreign layer, which the registry does not hold".into(),
            }
            .into());
        }
        let (sender, reader) = chunk_channel();
        // The first answer decides whether there is a blob at all; that error belongs to `open` and not to the first
        // read.
        let (opened, answer) = oneshot::channel();
        let download = download.run(sender, opened);
        // If this is cancelled, the channel's sender is dropped, which wakes up a reader that waits.
        let cancel = self.cancel.clone();
        self.runtime
            .spawn(async move { cancel.run_until_cancelled(download).await });
        match answer.blocking_recv() {
            Ok(Ok(())) => Ok(Box::new(reader)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(RegistryError::Cancelled {
                doing: format!("read blob {}", blob.digest),
            }
            .into()),
        }
    }

    fn repository(&self) -> Option<(&str, &str)> {
        let remote = self.session.remote();
        Some((remote.registry(), remote.repository()))
    }
}

/// The download of one blob.
pub(crate) struct Download {
    session: Arc<RegistrySession>,
    call: RegistryCall,
    size: u64,
    /// Bytes that were received so far.
    got: u64,
    /// Bytes to be skipped, since a registry without ranges sends them a second time.
    again: u64,
    backoff: Backoff,
}

impl Download {
    pub(crate) fn new(session: Arc<RegistrySession>, blob: &Descriptor) -> Self {
        let remote = session.remote();
        let call = RegistryCall {
            method: Method::GET,
            url: session.url(&format!("blobs/{}", blob.digest)),
            headers: HeaderMap::new(),
            body: None,
            scope: session.scope("pull"),
            doing: format!(
                "read blob {} of {}/{}",
                blob.digest,
                remote.registry(),
                remote.repository()
            ),
        };
        Self {
            backoff: Backoff::new(session.options().attempts),
            session,
            call,
            size: blob.size,
            got: 0,
            again: 0,
        }
    }

    /// Feeds the blob to a reader, after reporting through `opened` whether there is one.
    async fn run(
        mut self,
        sender: ChunkSender,
        opened: oneshot::Sender<Result<(), RegistryError>>,
    ) {
        let first = match self.connect().await {
            Ok(response) => response,
            Err(error) => {
                // A reader that is gone needs no error.
                let _ = opened.send(Err(error));
                return;
            }
        };
        if opened.send(Ok(())).is_err() {
            return;
        }
        let mut response = Some(first);
        loop {
            match self.chunk(&mut response).await {
                Ok(Some(chunk)) => {
                    if !sender.data(chunk).await {
                        return;
                    }
                }
                Ok(None) => return sender.end().await,
                Err(error) => return sender.fail(io::Error::other(error)).await,
            }
        }
    }

    /// The whole blob, which the caller knows to be small.
    pub(crate) async fn bytes(mut self) -> Result<Vec<u8>, RegistryError> {
        let mut response = Some(self.connect().await?);
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if self.got > self.size {
                return Err(self.wrong_size(self.got));
            }
        }
        Ok(bytes)
    }

    /// The next bytes; `None` at the end. Connects again if `response` broke.
    async fn chunk(
        &mut self,
        response: &mut Option<Response>,
    ) -> Result<Option<Bytes>, RegistryError> {
        loop {
            let current = match response {
                Some(current) => current,
                None => response.insert(self.connect().await?),
            };
            let stall = self.session.options().stall;
            let broken = match timeout(stall, current.chunk()).await {
                Ok(Ok(Some(mut chunk))) => {
                    let known = self.again.min(chunk.len() as u64);
                    self.again -= known;
                    // Not more than the chunk's length, so it fits.
                    chunk.advance(known as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    let before = self.got;
                    self.got += chunk.len() as u64;
                    if before / PROGRESS < self.got / PROGRESS {
                        self.backoff.reset();
                    }
                    return Ok(Some(chunk));
                }
                // Without `Content-Length`, the end of the connection is the end of the body, also of a broken one.
                Ok(Ok(None)) if self.got < self.size => {
                    Failure::broken("the connection ended early")
                }
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => failure(current.url(), &error),
                Err(_) => Failure::broken(format!("no byte came within {} s", stall.as_secs())),
            };
            *response = None;
            let doing = self.call.doing.clone();
            self.session
                .again(&mut self.backoff, &doing, broken)
                .await?;
        }
    }

    /// Requests the missing bytes until there is an answer.
    async fn connect(&mut self) -> Result<Response, RegistryError> {
        let session = self.session.clone();
        loop {
            let mut call = self.call.clone();
            if self.got > 0 {
                let range = format!("bytes={}-", self.got);
                let range = HeaderValue::from_str(&range)
                    .unwrap_or_else(|e| unreachable!("digits fit a field: {e}"));
                call.headers.insert(RANGE, range);
            }
            let stall = session.options().stall;
            let attempt = session.attempt(&call, None, stall, &nothing_sent()).await;
            let failure = match attempt {
                Ok(response) => match self.usable(&call, response).await {
                    Ok(response) => return Ok(response),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            session
                .again(&mut self.backoff, &call.doing, failure)
                .await?;
        }
    }

    /// Checks an answer, and prepares to skip what was received before.
    async fn usable(
        &mut self,
        call: &RegistryCall,
        response: Response,
    ) -> Result<Response, Failure> {
        match response.status() {
            StatusCode::OK => {
                // Noticed before gigabytes of another blob are read.
                if let Some(length) = response.content_length()
                    && length != self.size
                {
                    return Err(self.wrong_size(length).into());
                }
                // 200 in place of 206 (RFC 9110, 14.2: a server may ignore `Range`): the blob starts again at 0.
                self.again = self.got;
                Ok(response)
            }
            StatusCode::PARTIAL_CONTENT => match answer::content_start(response.headers()) {
                Some(start) if start == self.got => {
                    self.again = 0;
                    Ok(response)
                }
                _ => Err(Failure::Final(RegistryError::Protocol {
                    doing: call.doing.clone(),
                    what: "the registry answered with another part than was asked for".into(),
                })),
            },
            _ => Err(self.session.refusal(call, response).await.into()),
        }
    }

    fn wrong_size(&self, found: u64) -> RegistryError {
        RegistryError::Size {
            doing: self.call.doing.clone(),
            expected: self.size,
            found,
        }
    }
}
