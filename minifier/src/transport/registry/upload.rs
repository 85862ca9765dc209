//! [`Upload`]: one blob on its way into a repository. Nothing is sent if the repository has it; it is mounted if
//! another repository has it; otherwise it is sent in as few requests as the registry accepts, and resumed after a
//! broken connection.
//!
//! Source: OCI distribution spec, "Pushing blobs", "Mounting a blob from another repository".

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Method, Response, StatusCode};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::{self, Received};
use super::error::RegistryError;
use super::retry::Backoff;
use super::session::{RegistryCall, RegistrySession};
use super::source::{Announced, BlobSource};
use super::web::{Failure, nothing_sent};
use crate::image::Descriptor;

/// Factor by which a registry may take longer to answer once it stores what it was sent.
const STORING: u32 = 5;
/// The longest and shortest bodies that are tried after the registry refused one as too long.
const SHORTER: u64 = 32 << 20;
const SHORTEST: u64 = 1 << 20;
/// Bytes after which earlier failures are forgotten.
const PROGRESS: u64 = 1 << 20;
/// Time to remove an upload after an error.
const PARTING: Duration = Duration::from_secs(5);

/// How a blob came into the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadOutcome {
    /// The repository had it.
    Present,
    /// Mounted from another repository.
    Mounted,
    Sent,
}

/// An upload that the registry knows of.
struct StartedUpload {
    location: Url,
    /// Bytes that the registry has.
    offset: u64,
}

/// The upload of one blob.
pub(crate) struct Upload {
    session: Arc<RegistrySession>,
    blob: Descriptor,
    source: BlobSource,
    scope: Arc<str>,
    doing: String,
    started: Option<StartedUpload>,
    cancel: CancellationToken,
    backoff: Backoff,
    /// Longest body, in bytes.
    chunk: u64,
    /// The most bytes that the registry ever had.
    furthest: u64,
}

impl Upload {
    /// `scope` is the scope that a token needs.
    pub(crate) fn new(
        session: &Arc<RegistrySession>,
        blob: &Descriptor,
        source: BlobSource,
        scope: Arc<str>,
        cancel: &CancellationToken,
    ) -> Self {
        let options = session.options();
        Self {
            blob: blob.clone(),
            source,
            scope,
            doing: format!("write blob {} to {}", blob.digest, session.remote()),
            started: None,
            cancel: cancel.clone(),
            backoff: Backoff::new(options.attempts),
            chunk: options.upload_chunk.unwrap_or(u64::MAX).max(1),
            furthest: 0,
            session: session.clone(),
        }
    }

    /// Brings the blob into the repository. `from` is a repository of the same registry that has it. If it fails or is
    /// cancelled, an upload that was started is removed, which takes a few seconds at most. Must not be dropped before
    /// its end.
    pub(crate) async fn run(
        mut self,
        from: Option<String>,
    ) -> Result<UploadOutcome, RegistryError> {
        let cancel = self.cancel.clone();
        let overdue = async {
            cancel.cancelled().await;
            // Bodies end early when cancelled, and the answer to the short body names the upload that has to be
            // removed.
            tokio::time::sleep(PARTING).await;
        };
        let result = {
            let work = std::pin::pin!(self.work(from.as_deref()));
            tokio::select! {
                result = work => Some(result),
                () = overdue => None,
            }
        };
        let result = result.unwrap_or_else(|| Err(self.cancelled()));
        if result.is_err() {
            self.abandon().await;
        }
        result
    }

    fn cancelled(&self) -> RegistryError {
        RegistryError::Cancelled {
            doing: self.doing.clone(),
        }
    }

    /// Fails if the work has to end here.
    fn check(&self) -> Result<(), RegistryError> {
        if let Some(source) = self.source.failure() {
            return Err(RegistryError::Source {
                doing: self.doing.clone(),
                reference: self.source.reference().to_owned(),
                source,
            });
        }
        if self.cancel.is_cancelled() {
            Err(self.cancelled())
        } else {
            Ok(())
        }
    }

    async fn work(&mut self, from: Option<&str>) -> Result<UploadOutcome, RegistryError> {
        self.check()?;
        if self.exists().await? {
            return Ok(UploadOutcome::Present);
        }
        self.check()?;
        if let Some(from) = from
            && self.mount(from).await?
        {
            return Ok(UploadOutcome::Mounted);
        }
        loop {
            let failure = match self.transfer().await {
                Ok(()) => {
                    self.started = None;
                    return Ok(UploadOutcome::Sent);
                }
                Err(failure) => failure,
            };
            self.check()?;
            let doing = self.doing.clone();
            self.session
                .again(&mut self.backoff, &doing, failure)
                .await?;
            self.check()?;
            self.resume().await?;
            // Perhaps only the answer to the last request was lost, and the blob is complete.
            if self.started.is_none() && self.exists().await? {
                return Ok(UploadOutcome::Sent);
            }
        }
    }

    fn call(&self, method: Method, url: Url) -> RegistryCall {
        RegistryCall {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            scope: self.scope.clone(),
            doing: self.doing.clone(),
        }
    }

    async fn exists(&self) -> Result<bool, RegistryError> {
        let url = self.session.url(&format!("blobs/{}", self.blob.digest));
        // A registry answers HEAD from its metadata, so this costs less than an upload that turns out needless.
        let call = self.call(Method::HEAD, url);
        let response = self.session.send(&call).await?;
        match response.status() {
            StatusCode::OK => match answer::length(response.headers()) {
                Some(found) if found != self.blob.size => Err(RegistryError::Size {
                    doing: format!("{}: compare it with the registry's", self.doing),
                    expected: self.blob.size,
                    found,
                }),
                _ => Ok(true),
            },
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.session.refusal(&call, response).await),
        }
    }

    /// Asks for the blob to be mounted. Returns false if it has to be sent; the registry may have started an upload
    /// then.
    async fn mount(&mut self, from: &str) -> Result<bool, RegistryError> {
        let mut url = self.session.url("blobs/uploads/");
        url.query_pairs_mut()
            .append_pair("mount", &self.blob.digest.to_string())
            .append_pair("from", from);
        let call = self.call(Method::POST, url);
        let response = self.post(&call).await?;
        match response.status() {
            StatusCode::CREATED => Ok(true),
            StatusCode::ACCEPTED => {
                self.begin(&call, &response)?;
                Ok(false)
            }
            // We may not read there, or the registry cannot mount: sending works all the same.
            status if status.is_client_error() => Ok(false),
            _ => Err(self.session.refusal(&call, response).await),
        }
    }

    async fn post(&self, call: &RegistryCall) -> Result<Response, RegistryError> {
        let mut call = call.clone();
        // `Content-Length: 0` is sent for an empty body and not for a missing one; proxies answer 411 without it.
        call.body = Some(Vec::new());
        self.session.send(&call).await
    }

    fn begin(&mut self, call: &RegistryCall, response: &Response) -> Result<(), RegistryError> {
        let location = self.location(call, response)?;
        let location = location.ok_or_else(|| RegistryError::Protocol {
            doing: self.doing.clone(),
            what: "the registry does not give an upload address".into(),
        })?;
        // Distribution spec, "Pushing a blob in chunks": shorter chunks than this are refused, except for the last.
        let least = answer::number(response.headers(), "oci-chunk-min-length").unwrap_or(0);
        self.chunk = self.chunk.max(least);
        self.started = Some(StartedUpload {
            location,
            offset: 0,
        });
        Ok(())
    }

    /// The URL for the next request, if the answer has one.
    fn location(
        &self,
        call: &RegistryCall,
        response: &Response,
    ) -> Result<Option<Url>, RegistryError> {
        if !response.headers().contains_key(LOCATION) {
            return Ok(None);
        }
        let url = answer::location(response.url(), response.headers());
        let url = url.ok_or_else(|| RegistryError::Protocol {
            doing: self.doing.clone(),
            what: "the registry redirects to something that is not a web address".into(),
        })?;
        // The spec has the client follow it, also to another host; so it is checked like a redirection.
        self.session.check_target(call, &url)?;
        Ok(Some(url))
    }

    /// Sends the missing bytes.
    async fn transfer(&mut self) -> Result<(), Failure> {
        self.check()?;
        if self.started.is_none() {
            let call = self.call(Method::POST, self.session.url("blobs/uploads/"));
            let response = self.post(&call).await?;
            match response.status() {
                StatusCode::ACCEPTED => self.begin(&call, &response)?,
                _ => return Err(self.session.refusal(&call, response).await.into()),
            }
        }
        while let Some(started) = &self.started
            && started.offset < self.blob.size
        {
            let (url, offset) = (started.location.clone(), started.offset);
            self.check()?;
            self.patch(url, offset).await?;
        }
        self.check()?;
        self.finish().await
    }

    async fn patch(&mut self, url: Url, start: u64) -> Result<(), Failure> {
        let end = start.saturating_add(self.chunk).min(self.blob.size);
        let mut call = self.call(Method::PATCH, url);
        // A whole blob goes chunked, as Docker sends it, so every registry knows that; it can also end early without
        // breaking the connection.
        let length = match (start, end) {
            (0, end) if end == self.blob.size => Announced::No,
            _ => Announced::Yes,
        };
        call.headers = part_headers(start, end, length);
        let (body, sent) = self.source.part((start, end), length, &self.cancel);
        let patience = self.session.options().stall * STORING;
        let response = self
            .session
            .attempt(&call, Some(body), patience, &sent)
            .await?;
        match response.status() {
            StatusCode::ACCEPTED | StatusCode::CREATED | StatusCode::NO_CONTENT => {
                let location = self.location(&call, &response)?;
                let whole = sent.load(Ordering::Relaxed) == end - start;
                // The registry's word counts, as far as it is possible: what it did not store has to be sent again.
                let offset = match answer::received(response.headers()) {
                    None if whole => end,
                    Some(Received::NoneOrOne) if end == 1 && whole => end,
                    Some(Received::Exactly(got)) if got > start && got <= end => got,
                    _ => start,
                };
                if let Some(started) = &mut self.started {
                    started.offset = offset;
                    started.location = location.unwrap_or(call.url);
                }
                if offset == start {
                    return Err(Failure::broken(
                        "the registry has other bytes than were sent",
                    ));
                }
                self.progressed(offset);
                Ok(())
            }
            StatusCode::NOT_FOUND => {
                self.started = None;
                Err(Failure::broken("the registry has forgotten the upload"))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                Err(Failure::broken("the registry expects another part"))
            }
            // From a proxy: nginx allows 1 MiB by default (`client_max_body_size`), Cloudflare 100 MB.
            StatusCode::PAYLOAD_TOO_LARGE if end - start > SHORTEST => {
                self.chunk = ((end - start) / 2).clamp(SHORTEST, SHORTER);
                Err(Failure::broken("the body is too long for the registry"))
            }
            _ => Err(self.session.refusal(&call, response).await.into()),
        }
    }

    /// Forgets earlier failures once the registry has more bytes than ever before.
    fn progressed(&mut self, offset: u64) {
        if offset >= self.furthest + PROGRESS {
            self.furthest = offset;
            self.backoff.reset();
        }
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let Some(started) = &self.started else {
            return Err(Failure::broken("the registry has forgotten the upload"));
        };
        let mut url = started.location.clone();
        // Appended: the location's own query holds the state of the upload.
        url.query_pairs_mut()
            .append_pair("digest", &self.blob.digest.to_string());
        let mut call = self.call(Method::PUT, url);
        call.body = Some(Vec::new());
        // The registry hashes the whole blob before it answers, and some copy it to another store.
        let patience = self.session.options().stall * STORING;
        let response = self
            .session
            .attempt(&call, None, patience, &nothing_sent())
            .await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK => {
                match answer::content_digest(response.headers()) {
                    Some(found) if found != self.blob.digest => Err(RegistryError::Digest {
                        doing: self.doing.clone(),
                        expected: self.blob.digest,
                        found,
                    }
                    .into()),
                    _ => Ok(()),
                }
            }
            StatusCode::NOT_FOUND => {
                self.started = None;
                Err(Failure::broken("the registry has forgotten the upload"))
            }
            _ => Err(self.session.refusal(&call, response).await.into()),
        }
    }

    /// After a broken connection, asks how far the upload came. An upload that cannot be resumed is abandoned.
    async fn resume(&mut self) -> Result<(), RegistryError> {
        while let Some(started) = &self.started {
            let call = self.call(Method::GET, started.location.clone());
            let stall = self.session.options().stall;
            let nothing = nothing_sent();
            let answer = self.session.attempt(&call, None, stall, &nothing);
            let failure = match answer.await {
                Ok(response) if response.status().is_success() => {
                    let location = self.location(&call, &response)?;
                    let offset = match answer::received(response.headers()) {
                        Some(Received::Exactly(got)) if got <= self.blob.size => Some(got),
                        // If it was one byte after all, the registry refuses the next part, and we ask again.
                        Some(Received::NoneOrOne) => Some(0),
                        _ => None,
                    };
                    let Some(offset) = offset else {
                        self.abandon().await;
                        return Ok(());
                    };
                    tracing::debug!("{}: goes on at byte {offset}", self.doing);
                    self.started = Some(StartedUpload {
                        location: location.unwrap_or(call.url),
                        offset,
                    });
                    self.progressed(offset);
                    return Ok(());
                }
                Ok(response) => {
                    let status = response.status();
                    tracing::debug!("{}: starts anew: {status}", self.doing);
                    self.abandon().await;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let doing = self.doing.clone();
            self.session
                .again(&mut self.backoff, &doing, failure)
                .await?;
        }
        Ok(())
    }

    /// Removes the upload that was started, as far as the registry allows. Otherwise its bytes stay there until the
    /// registry purges them, by default after a week.
    async fn abandon(&mut self) {
        if let Some(started) = self.started.take() {
            let call = self.removal(started);
            remove(&self.session, &call).await;
        }
    }

    fn removal(&self, started: StartedUpload) -> RegistryCall {
        let mut call = self.call(Method::DELETE, started.location);
        // Distribution demands "delete" for it; a token without would be refused.
        call.scope = self.session.scope("pull,push,delete");
        call
    }
}

async fn remove(session: &RegistrySession, call: &RegistryCall) {
    let nothing = nothing_sent();
    let removal = session.attempt(call, None, PARTING, &nothing);
    match timeout(PARTING, removal).await {
        Ok(Ok(response)) => tracing::debug!("remove the upload: {}", response.status()),
        _ => tracing::debug!("remove the upload: no answer"),
    }
}

fn part_headers(start: u64, end: u64, length: Announced) -> HeaderMap {
    let value = |text: String| {
        HeaderValue::from_str(&text).unwrap_or_else(|e| unreachable!("digits fit a field: {e}"))
    };
    let mut headers = HeaderMap::new();
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, bytes);
    if length == Announced::Yes {
        headers.insert(CONTENT_LENGTH, value((end - start).to_string()));
        headers.insert(CONTENT_RANGE, value(format!("{start}-{}", end - 1)));
    }
    headers
}
