//! [`pull`]: an image of a registry as a [`StoredImage`]. Manifest and config are read and checked; blobs are fetched
//! when they are opened.

use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::answer;
use super::blobs::{Download, RegistryBlobs};
use super::error::RegistryError;
use super::options::RegistryOptions;
use super::remote::Remote;
use super::retry::Backoff;
use super::session::{RegistryCall, RegistrySession};
use super::web::{Failure, nothing_sent};
use crate::image::{
    Descriptor, Digest, ImageConfig, ImageReference, MAX_DOCUMENT, MAX_INDEXES, Manifest,
    ManifestError, Outline, Platform,
};
use crate::transport::select::{DocumentSource, FetchedDocument, Nearest, Unusable};
use crate::transport::stored::StoredImage;

/// The media types that we read. Without this list, a registry may convert a manifest to schema 1.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";
/// Maximum number of documents that are fetched on the way to one image; each is a request.
const MAX_DOCUMENTS: usize = 16;

/// Finds the image that `reference` names; in an index, the one for `platform` (this host's by default). An image for
/// another platform than the given one is an error.
///
/// Fetches manifest and config. Blobs are fetched when they are opened, on the tokio runtime that this is called in,
/// which must have several threads. Once `cancel` is cancelled, reading them fails.
pub async fn pull(
    reference: &ImageReference,
    platform: Option<&Platform>,
    options: &RegistryOptions,
    cancel: &CancellationToken,
) -> Result<StoredImage, RegistryError> {
    let remote = Remote::new(reference)?;
    let session = Arc::new(RegistrySession::open(&remote, options).await?);
    let host = Platform::host();
    let wanted = platform.unwrap_or(&host);
    let mut documents = RegistryDocuments {
        session: &session,
        fetched: 0,
    };
    let first = documents
        .document(&remote.manifest_name(), remote.digest(), None)
        .await?;
    let mut nearest = Nearest::new(wanted);
    let Some(manifest) = nearest.find(&mut documents, first).await? else {
        return Err(RegistryError::Platform {
            reference: remote.to_string(),
            wanted: wanted.to_string(),
            found: if nearest.platforms.is_empty() {
                vec!["no platform".to_owned()]
            } else {
                nearest.platforms
            },
        });
    };
    let notes = nearest.notes;
    let config = read_config(&session, &manifest).await?;
    // An index, or a tag that points to a single manifest, can be wrong about the platform; the config is what engines
    // go by.
    if let Some(wanted) = platform
        && !config.platform().satisfies(wanted)
    {
        return Err(RegistryError::Platform {
            reference: remote.to_string(),
            wanted: wanted.to_string(),
            found: vec![config.platform().to_string()],
        });
    }
    Ok(StoredImage {
        reference: reference.to_string(),
        names: vec![remote.to_string()],
        manifest,
        config,
        blobs: Arc::new(RegistryBlobs::new(
            session.clone(),
            Handle::current(),
            cancel.clone(),
        )),
        notes,
    })
}

/// The documents of a repository.
struct RegistryDocuments<'a> {
    session: &'a Arc<RegistrySession>,
    fetched: usize,
}

impl RegistryDocuments<'_> {
    /// Fetches a document under a tag or digest. `entry` is the descriptor that leads to it, if one does.
    async fn document(
        &mut self,
        name: &str,
        digest: Option<Digest>,
        entry: Option<&Descriptor>,
    ) -> Result<FetchedDocument, RegistryError> {
        let remote = self.session.remote();
        let doing = match entry {
            None => format!("read the manifest of {remote}"),
            Some(entry) => format!("read the manifest {} of {remote}", entry.digest),
        };
        self.fetched += 1;
        if self.fetched > MAX_DOCUMENTS {
            let what = format!("more than {MAX_DOCUMENTS} manifests would have to be read");
            return Err(RegistryError::Protocol { doing, what });
        }
        let answer = fetch_document(self.session, name, digest, doing).await?;
        answer.check(entry)?;
        match entry {
            Some(entry) if entry.size != answer.bytes.len() as u64 => Err(RegistryError::Size {
                doing: answer.doing,
                expected: entry.size,
                found: answer.bytes.len() as u64,
            }),
            _ => Ok(FetchedDocument {
                media_type: media_type(&answer.bytes, &answer.content_type),
                bytes: answer.bytes,
                doing: answer.doing,
            }),
        }
    }
}

impl DocumentSource for RegistryDocuments<'_> {
    type Error = RegistryError;

    async fn fetch(&mut self, entry: &Descriptor) -> Result<FetchedDocument, RegistryError> {
        let name = entry.digest.to_string();
        self.document(&name, Some(entry.digest), Some(entry)).await
    }

    async fn platform(&mut self, manifest: &Manifest) -> Result<Platform, RegistryError> {
        let config = read_config(self.session, manifest).await?;
        Ok(config.platform())
    }

    fn unusable(&self, doing: String, why: Unusable) -> RegistryError {
        match why {
            Unusable::Manifest(source) => RegistryError::Manifest { doing, source },
            Unusable::TooDeep => RegistryError::Protocol {
                doing,
                what: format!("more than {MAX_INDEXES} image indexes in each other"),
            },
        }
    }
}

/// The answer to a request for a manifest or an index.
pub(crate) struct DocumentAnswer {
    bytes: Vec<u8>,
    /// The media type that the registry states.
    content_type: String,
    doing: String,
}

impl DocumentAnswer {
    /// Refuses a document that its descriptor or the registry's answer calls by another kind than it is.
    fn check(&self, entry: Option<&Descriptor>) -> Result<(), RegistryError> {
        let error = |source| RegistryError::Manifest {
            doing: self.doing.clone(),
            source,
        };
        let json = |source| ManifestError::Json {
            what: "image manifest",
            source,
        };
        let outline = Outline::parse(&self.bytes).map_err(json).map_err(error)?;
        let declared = entry.map_or("", |entry| &entry.media_type);
        let kind = outline.kind(&[&self.content_type, declared]);
        kind.map(drop).map_err(error)
    }
}

/// Fetches a document under `manifests/`, and checks it against `digest` and the digest that the registry announces.
pub(crate) async fn fetch_document(
    session: &RegistrySession,
    name: &str,
    digest: Option<Digest>,
    doing: String,
) -> Result<DocumentAnswer, RegistryError> {
    let call = RegistryCall {
        method: Method::GET,
        url: session.url(&format!("manifests/{name}")),
        headers: HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(ACCEPTED))]),
        body: None,
        scope: session.scope("pull"),
        doing,
    };
    let mut backoff = Backoff::new(session.options().attempts);
    loop {
        match fetch_once(session, &call, digest).await {
            Ok(document) => return Ok(document),
            Err(failure) => session.again(&mut backoff, &call.doing, failure).await?,
        }
    }
}

async fn fetch_once(
    session: &RegistrySession,
    call: &RegistryCall,
    digest: Option<Digest>,
) -> Result<DocumentAnswer, Failure> {
    let stall = session.options().stall;
    let response = session.attempt(call, None, stall, &nothing_sent()).await?;
    match response.status() {
        StatusCode::OK => {}
        // Docker Hub answers 401 for a repository that does not exist, so as not to reveal private ones; that is a
        // refusal.
        StatusCode::NOT_FOUND => {
            return Err(Failure::Final(RegistryError::NotFound {
                reference: session.remote().to_string(),
                said: answer::said(response, stall).await,
            }));
        }
        _ => return Err(session.refusal(call, response).await.into()),
    }
    let announced = answer::content_digest(response.headers());
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    // `application/json; charset=utf-8` occurs.
    let content_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let too_long = || {
        Failure::Final(RegistryError::Protocol {
            doing: call.doing.clone(),
            what: format!("it is longer than {} MiB", MAX_DOCUMENT >> 20),
        })
    };
    let bytes = answer::body(response, MAX_DOCUMENT, stall, too_long).await?;
    let found = Digest::of(&bytes);
    match digest
        .into_iter()
        .chain(announced)
        .find(|expected| *expected != found)
    {
        Some(expected) => Err(Failure::Final(RegistryError::Digest {
            doing: call.doing.clone(),
            expected,
            found,
        })),
        None => Ok(DocumentAnswer {
            content_type,
            bytes,
            doing: call.doing.clone(),
        }),
    }
}

/// The media type of a document: its own, or else the one in the registry's answer.
fn media_type(bytes: &[u8], content_type: &str) -> String {
    let own = Outline::parse(bytes).ok();
    own.and_then(|own| own.media_type)
        .unwrap_or_else(|| content_type.to_owned())
}

async fn read_config(
    session: &Arc<RegistrySession>,
    manifest: &Manifest,
) -> Result<ImageConfig, RegistryError> {
    let descriptor = manifest.config();
    let doing = format!(
        "read the config {} of {}",
        descriptor.digest,
        session.remote()
    );
    // The size decides how much is read into memory.
    if descriptor.size > MAX_DOCUMENT {
        return Err(RegistryError::Protocol {
            doing,
            what: format!("it is longer than {} MiB", MAX_DOCUMENT >> 20),
        });
    }
    let bytes = Download::new(session.clone(), descriptor).bytes().await?;
    let found = Digest::of(&bytes);
    if found != descriptor.digest {
        return Err(RegistryError::Digest {
            doing,
            expected: descriptor.digest,
            found,
        });
    }
    let config = ImageConfig::parse(&bytes).map_err(|source| RegistryError::Config {
        doing: doing.clone(),
        source,
    })?;
    let (layers, diff_ids) = (manifest.layers().len(), config.diff_ids().len());
    if layers == diff_ids {
        Ok(config)
    } else {
        Err(RegistryError::Protocol {
            doing,
            what: format!("it has {diff_ids} diff IDs for the {layers} layers of the manifest"),
        })
    }
}
