//! Which members of an archive make up the image that is wanted: from `manifest.json` (Docker) and `index.json` (OCI).
//!
//! Source: OCI image spec, `image-layout.md`, `image-index.md`, `manifest.md`; Docker Image Specification v1.2.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ArchiveError;
use super::members::{Members, display};
use crate::image::{Digest, ImageConfig, ImageReference, Platform};
use crate::rootfs::ImagePath;

/// Indexes that may lead from one to the next.
const MAX_DEPTH: usize = 8;

/// Which image of an archive is wanted. Everything empty takes the only one, or the host's platform of several.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The one with this config (the image ID of a Docker engine that uses its own store).
    pub config: Option<Digest>,
    /// The one with this name.
    pub reference: Option<ImageReference>,
    /// The one for this platform.
    pub platform: Option<Platform>,
}

/// An image of an archive: its config and the members that are its layers, lowest first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) config_member: String,
    pub(super) config: ImageConfig,
    pub(super) config_digest: Digest,
    pub(super) layers: Vec<ImagePath>,
    pub(super) tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// An index has these instead; its media type need not be given.
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: Digest,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

impl Select {
    /// Finds the image among the members.
    pub(super) fn choose(&self, members: &Members) -> Result<Choice, ArchiveError> {
        let all = images(members)?;
        let describe = |images: &[Choice]| {
            let names: Vec<String> = images
                .iter()
                .map(|image| match image.tags.first() {
                    Some(tag) => format!("{tag} ({})", image.config.platform()),
                    None => format!("{} ({})", image.config_digest, image.config.platform()),
                })
                .collect();
            names.join(", ")
        };
        let mut fitting = all.clone();
        if let Some(config) = self.config {
            fitting.retain(|image| image.config_digest == config);
            if fitting.is_empty() {
                return Err(ArchiveError::NoImage {
                    wanted: config.to_string(),
                    found: describe(&all),
                });
            }
        }
        if let Some(reference) = &self.reference {
            let is_named = |tag: &String| {
                tag.parse::<ImageReference>()
                    .is_ok_and(|tag| tag.full() == reference.full())
            };
            fitting.retain(|image| image.tags.iter().any(is_named));
            if fitting.is_empty() {
                return Err(ArchiveError::NoImage {
                    wanted: reference.to_string(),
                    found: describe(&all),
                });
            }
        }
        if let Some(wanted) = &self.platform {
            fitting.retain(|image| image.config.platform().satisfies(wanted));
            if fitting.is_empty() {
                return Err(ArchiveError::Platform {
                    wanted: wanted.clone(),
                    found: describe(&all),
                });
            }
        } else if fitting.len() > 1 {
            let host = Platform::host();
            let native = |image: &Choice| image.config.platform().satisfies(&host);
            if fitting.iter().any(native) {
                fitting.retain(native);
            }
        }
        match <[Choice; 1]>::try_from(fitting) {
            Ok([choice]) => Ok(choice),
            Err(fitting) => Err(ArchiveError::Ambiguous {
                found: describe(&fitting),
            }),
        }
    }
}

/// Every image of the archive. One that both layouts describe is taken from `manifest.json`, which has its tags.
fn images(members: &Members) -> Result<Vec<Choice>, ArchiveError> {
    let docker = ImagePath::from("manifest.json");
    let oci = ImagePath::from("index.json");
    let mut images: Vec<Choice> = Vec::new();
    let docker_manifests: Option<Vec<DockerManifest>> = parse_optional(members, &docker)?;
    let index: Option<Index> = parse_optional(members, &oci)?;
    if docker_manifests.is_none() && index.is_none() {
        return Err(ArchiveError::NoManifest);
    }
    for manifest in docker_manifests.into_iter().flatten() {
        let config = ImagePath::new(&manifest.config);
        let tags = manifest.repo_tags.unwrap_or_default();
        let layers = manifest.layers.unwrap_or_default();
        let layers = layers.iter().map(ImagePath::new).collect();
        add(
            &mut images,
            choice(members, &docker, &config, layers, tags)?,
        );
    }
    for descriptor in index.into_iter().flat_map(|index| index.manifests) {
        walk(members, &oci, &descriptor, MAX_DEPTH, &mut images)?;
    }
    if images.is_empty() {
        return Err(ArchiveError::NoManifest);
    }
    Ok(images)
}

fn add(images: &mut Vec<Choice>, image: Choice) {
    match images
        .iter_mut()
        .find(|known| known.config_digest == image.config_digest)
    {
        Some(known) => known.tags.extend(image.tags),
        None => images.push(image),
    }
}

/// The image that a descriptor names, or those of the index that it names.
fn walk(
    members: &Members,
    wanted_by: &ImagePath,
    descriptor: &Descriptor,
    depth: usize,
    images: &mut Vec<Choice>,
) -> Result<(), ArchiveError> {
    let path = blob(descriptor.digest);
    // An archive of one platform still has the index of all of them.
    let Some(bytes) = members.json(&path)? else {
        return match depth {
            MAX_DEPTH => Err(missing(&path, wanted_by)),
            _ => Ok(()),
        };
    };
    check_digest(&path, bytes)?;
    let manifest: Manifest = parse(&path, bytes)?;
    if depth > 0 {
        for child in &manifest.manifests {
            let mut child = child.clone();
            child.annotations.extend(descriptor.annotations.clone());
            walk(members, &path, &child, depth - 1, images)?;
        }
    }
    let Some(config) = manifest.config else {
        return Ok(());
    };
    let config = blob(config.digest);
    // Attestations and other artifacts have manifests too; their config is no image's.
    if members
        .json(&config)?
        .is_none_or(|bytes| ImageConfig::parse(bytes).is_err())
    {
        return Ok(());
    }
    let layers: Vec<ImagePath> = manifest.layers.iter().map(|l| blob(l.digest)).collect();
    let image = choice(members, &path, &config, layers, tags(descriptor))?;
    if image.config.platform().os != "unknown" {
        add(images, image);
    }
    Ok(())
}

/// The names that containerd and the OCI spec put into annotations; a bare tag is none.
fn tags(descriptor: &Descriptor) -> Vec<String> {
    [
        "io.containerd.image.name",
        "org.opencontainers.image.ref.name",
    ]
    .iter()
    .filter_map(|key| descriptor.annotations.get(*key))
    .filter(|name| name.contains([':', '/']))
    .take(1)
    .cloned()
    .collect()
}

fn choice(
    members: &Members,
    wanted_by: &ImagePath,
    config_path: &ImagePath,
    layers: Vec<ImagePath>,
    tags: Vec<String>,
) -> Result<Choice, ArchiveError> {
    let bytes = members
        .json(config_path)?
        .ok_or_else(|| missing(config_path, wanted_by))?;
    let config_digest = check_digest(config_path, bytes)?;
    Ok(Choice {
        config_member: display(config_path),
        config: ImageConfig::parse(bytes)?,
        config_digest,
        layers,
        tags,
    })
}

fn blob(digest: Digest) -> ImagePath {
    ImagePath::new(format!("blobs/sha256/{}", digest.to_hex()))
}

/// Checks a member that is named by its digest, with or without `.json`; gives the digest of any other.
fn check_digest(path: &ImagePath, bytes: &[u8]) -> Result<Digest, ArchiveError> {
    let found = Digest::of(bytes);
    let name = path.file_name();
    let name = name.strip_suffix(b".json").unwrap_or(name);
    let is_digest = name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    if is_digest && name != found.to_hex().as_bytes() {
        return Err(ArchiveError::Digest {
            member: display(path),
            found,
        });
    }
    Ok(found)
}

fn missing(path: &ImagePath, wanted_by: &ImagePath) -> ArchiveError {
    ArchiveError::Missing {
        member: display(path),
        wanted_by: display(wanted_by),
    }
}

fn parse<T: DeserializeOwned>(path: &ImagePath, bytes: &[u8]) -> Result<T, ArchiveError> {
    serde_json::from_slice(bytes).map_err(|source| ArchiveError::Json {
        member: display(path),
        source,
    })
}

fn parse_optional<T: DeserializeOwned>(
    members: &Members,
    path: &ImagePath,
) -> Result<Option<T>, ArchiveError> {
    let bytes = members.json(path)?;
    bytes.map(|bytes| parse(path, bytes)).transpose()
}
