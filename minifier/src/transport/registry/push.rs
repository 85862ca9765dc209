//! [`push`]: writing an image to a repository: blobs first, several at a time, then the manifest, byte for byte.

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

/// An image that a registry accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its full name, such as `localhost:5000/app:1`.
    pub reference: String,
    /// Digest of its manifest, compared with the registry's answer.
    pub digest: Digest,
    /// Number of blobs that the repository had already.
    pub present: usize,
    /// Number of blobs that were mounted from another repository.
    pub mounted: usize,
    /// Number of blobs that were sent.
    pub sent: usize,
    /// Bytes that were sent, repeated ones included.
    pub bytes: u64,
}

/// Writes an image under `reference`: a tag, or the digest of its manifest. The manifest comes last, so that the name
/// never points to half an image. If this fails, is cancelled or dropped, uploads that were started are removed as far
/// as the registry allows, within a few seconds. Needs a tokio runtime with several threads.
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

/// The repository from which the blobs can be mounted: another one of the same registry.
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
    // Mounting needs a token that may read the other repository too (distribution spec, "Mounting a blob").
    let mut scope = session.scope("pull,push").to_string();
    if let Some(from) = from {
        scope.push_str(&format!(" repository:{from}:pull"));
    }
    let scope: Arc<str> = scope.into();
    // One failure ends all uploads; so does dropping this future. The tasks then remove what they started.
    let stop = cancel.child_token();
    let _guard = stop.clone().drop_guard();
    let uploads = futures_util::stream::iter(blobs(image)).map(|blob| {
        let source = BlobSource::new(image, &blob, watch);
        let upload = Upload::new(session, &blob, source, scope.clone(), &stop);
        let from = from.map(str::to_owned);
        // As a task, so that it goes on to clean up after this future is dropped.
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

/// Config and layers, each once. Foreign layers are not pushed: their licence forbids distribution, and `urls` says
/// where they are.
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
    // The longest first: if it came last, everything would wait for it alone.
    blobs.sort_by_key(|blob| (std::cmp::Reverse(blob.size), blob.digest));
    blobs.into_iter().cloned().collect()
}

async fn put_manifest(session: &RegistrySession, image: &StoredImage) -> Result<(), RegistryError> {
    let remote = session.remote();
    let name = match remote.tag() {
        // With tag and digest, the tag is written; the digest was compared before.
        Some(tag) => tag.to_owned(),
        None => remote.manifest_name(),
    };
    let doing = format!("write the manifest of {remote}");
    let media_type = HeaderValue::from_str(image.manifest.media_type());
    let media_type = media_type.map_err(|_| RegistryError::Protocol {
        doing: doing.clone(),
        what: "its media type is not a valid header value".into(),
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
        // The spec says 201; others occur.
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
        // A registry that does not announce a digest is asked for the manifest.
        None => {
            let doing = format!("read back the manifest of {remote}");
            fetch_document(session, &name, Some(expected), doing).await?;
            Ok(())
        }
    }
}
