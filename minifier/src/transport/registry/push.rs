//! [`push`]: an image into a repository: blobs first, several at a time, then the manifest, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use super::answer;
use super::error::RegistryError;
use super::options::RegistryOptions;
use super::pull::fetch_document;
use super::remote::Remote;
use super::session::{RegistryCall, RegistrySession};
use super::source::{BlobSource, PushWatch};
use super::upload::{Upload, UploadOutcome};
use crate::image::media_type::LayerKind;
use crate::image::{Descriptor, Digest, ImageReference};
use crate::transport::stored::StoredImage;

/// An image that a registry took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its name there.
    pub reference: String,
    /// Digest of its manifest, compared with what the registry says.
    pub digest: Digest,
    /// Blobs that were there.
    pub present: usize,
    /// Blobs taken over from another repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
    /// Bytes that were sent, repeated ones included.
    pub bytes: u64,
}

/// Writes an image under `reference`: a tag, or the digest of its manifest. The manifest is the last that is written,
/// so that the name never points to half an image. When it fails, is cancelled or dropped, started uploads are
/// removed as far as the registry lets us, in a few seconds. Needs a tokio runtime with several threads.
pub async fn push(
    image: &StoredImage,
    reference: &ImageReference,
    options: &RegistryOptions,
    cancel: &CancellationToken,
    watch: Option<PushWatch>,
) -> Result<Pushed, RegistryError> {
    let remote = Remote::new(reference)?;
    let digest = image.manifest.digest();
    if remote.digest().is_some_and(|named| named != digest) {
        return Err(RegistryError::Reference {
            reference: remote.to_string(),
            what: format!("the image to be written there has the digest {digest}"),
        });
    }
    let doing = format!("write {remote}");
    let cancelled = || RegistryError::Cancelled {
        doing: doing.clone(),
    };
    let opening = cancel.run_until_cancelled(RegistrySession::open(&remote, options));
    let session = Arc::new(opening.await.ok_or_else(cancelled)??);
    let bytes = Arc::new(AtomicU64::new(0));
    let count: PushWatch = {
        let bytes = bytes.clone();
        Arc::new(move |more| {
            bytes.fetch_add(more, Ordering::Relaxed);
            if let Some(watch) = &watch {
                watch(more);
            }
        })
    };
    let outcomes = push_blobs(&session, image, cancel, &count).await?;
    let put = cancel.run_until_cancelled(put_manifest(&session, image));
    put.await.ok_or_else(cancelled)??;
    let tally = |what| outcomes.iter().filter(|outcome| **outcome == what).count();
    Ok(Pushed {
        reference: remote.to_string(),
        digest,
        present: tally(UploadOutcome::Present),
        mounted: tally(UploadOutcome::Mounted),
        sent: tally(UploadOutcome::Sent),
        bytes: bytes.load(Ordering::Relaxed),
    })
}

/// The repository that the blobs can be taken over from.
fn mount_from<'a>(session: &RegistrySession, image: &'a StoredImage) -> Option<&'a str> {
    let (registry, repository) = image.blobs.repository()?;
    let to = session.remote();
    (registry == to.registry() && repository != to.repository()).then_some(repository)
}

async fn push_blobs(
    session: &Arc<RegistrySession>,
    image: &StoredImage,
    cancel: &CancellationToken,
    watch: &PushWatch,
) -> Result<Vec<UploadOutcome>, RegistryError> {
    let from = mount_from(session, image);
    let mut scope = session.scope("pull,push").to_string();
    if let Some(from) = from {
        scope.push_str(&format!(" repository:{from}:pull"));
    }
    let scope: Arc<str> = scope.into();
    // One failure ends all, and so does it when nobody waits any more: then the tasks clear up.
    let stop = cancel.child_token();
    let _guard = stop.clone().drop_guard();
    let uploads = futures_util::stream::iter(blobs(image)).map(|blob| {
        let source = BlobSource::new(image, &blob, watch);
        let upload = Upload::new(session, &blob, source, scope.clone(), &stop);
        let from = from.map(str::to_owned);
        async {
            let ended = tokio::spawn(upload.run(from)).await;
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        }
    });
    let mut uploads = uploads.buffer_unordered(session.options().parallel.max(1));
    let (mut outcomes, mut failed) = (Vec::new(), None);
    while let Some(result) = uploads.next().await {
        match result {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                failed.get_or_insert(error);
                stop.cancel();
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(outcomes),
    }
}

/// Config and layers, each once. Foreign layers stay where they are.
fn blobs(image: &StoredImage) -> Vec<Descriptor> {
    let layers = image
        .manifest
        .layers()
        .iter()
        .filter(|layer| LayerKind::of(&layer.media_type) != LayerKind::Foreign);
    let all: BTreeMap<Digest, &Descriptor> = layers
        .chain([image.manifest.config()])
        .map(|blob| (blob.digest, blob))
        .collect();
    let mut blobs: Vec<&Descriptor> = all.into_values().collect();
    // The longest first: it would otherwise be waited for alone.
    blobs.sort_by_key(|blob| (std::cmp::Reverse(blob.size), blob.digest));
    blobs.into_iter().cloned().collect()
}

async fn put_manifest(session: &RegistrySession, image: &StoredImage) -> Result<(), RegistryError> {
    let remote = session.remote();
    let name = match remote.tag() {
        // With both, the tag is to be written, and the digest was compared before.
        Some(tag) => tag.to_owned(),
        None => remote.manifest_name(),
    };
    let doing = format!("write the manifest of {remote}");
    let media_type = HeaderValue::from_str(image.manifest.media_type());
    let media_type = media_type.map_err(|_| RegistryError::Protocol {
        doing: doing.clone(),
        what: "its media type is none".into(),
    })?;
    let call = RegistryCall {
        method: Method::PUT,
        url: session.url(&format!("manifests/{name}")),
        headers: HeaderMap::from_iter([(CONTENT_TYPE, media_type)]),
        body: Some(image.manifest.bytes().to_vec()),
        scope: session.scope("pull,push"),
        doing: doing.clone(),
    };
    let response = session.send(&call).await?;
    match response.status() {
        StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED => {}
        _ => return Err(session.refusal(&call, response).await),
    }
    let expected = image.manifest.digest();
    match answer::content_digest(response.headers()) {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(RegistryError::Digest {
            doing,
            expected,
            found,
        }),
        // One that does not say is asked what stands there now.
        None => {
            let doing = format!("read back the manifest of {remote}");
            fetch_document(session, &name, Some(expected), doing).await?;
            Ok(())
        }
    }
}
