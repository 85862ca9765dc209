//! The images that stored documents describe, each with its manifest, its config and the paths of its layers.
//!
//! Source: OCI image spec, `image-layout.md`, `image-index.md`, `manifest.md`; Docker Image Specification v1.2.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::documents::{ImageDocuments, blob_path, check_digest, display, missing, parse};
use super::error::LayoutError;
use crate::image::media_type::{DocumentKind, LayerKind};
use crate::image::{
    Descriptor, Digest, ImageConfig, ImageIndex, MAX_INDEXES, Manifest, ManifestError, Outline,
};
use crate::rootfs::ImagePath;

/// Maximum number of descriptors that are looked at: indexes that share their children multiply at each level.
const MAX_VISITS: usize = 10_000;

/// Maximum length of all documents together, in bytes.
const MAX_JSON: usize = 16 << 20;

/// The names that containerd and the OCI spec put into annotations.
const NAMES: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

/// An image among the documents: its config and the paths of its layers, lowest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    pub(crate) config_path: ImagePath,
    pub(crate) config: ImageConfig,
    pub(crate) config_digest: Digest,
    pub(crate) layers: Vec<ImagePath>,
    /// The manifest, if it has one.
    pub(crate) manifest: Option<Manifest>,
    /// The paths of the layers in `manifest.json`, if there is a manifest too.
    pub(crate) docker_layers: Vec<ImagePath>,
    /// Its names, the best one of each document first.
    pub(crate) names: Vec<String>,
    /// All names by which it can be requested.
    pub(crate) aliases: Vec<String>,
}

impl Choice {
    /// Its name and platform for lists.
    pub(crate) fn describe(&self) -> String {
        let platform = self.config.platform();
        match (self.names.first(), &self.manifest) {
            (Some(name), _) => format!("{name} ({platform})"),
            (None, Some(manifest)) => format!("@{} ({platform})", manifest.digest()),
            (None, None) => format!("{} ({platform})", self.config_digest),
        }
    }
}

/// All images that were found.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub(crate) images: Vec<Choice>,
    /// A sentence for each object that was skipped, with its digest and the reason.
    pub(crate) passed_over: Vec<String>,
    visits: usize,
    bytes: usize,
    /// In a check, the faults so far, as long as reading can go on; `None` otherwise: the first fault is the error.
    pub(crate) problems: Option<Vec<LayoutError>>,
    /// In a check, manifests whose config cannot be read.
    pub(crate) without_config: Vec<Manifest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

impl Images {
    /// All images. An image that both formats describe has OCI's manifest and layers, and the names of both.
    pub(crate) fn of(
        documents: &dyn ImageDocuments,
        wants: &dyn Fn(&Descriptor) -> bool,
        collect: bool,
    ) -> Result<Self, LayoutError> {
        let mut found = Self {
            problems: collect.then(Vec::new),
            ..Self::default()
        };
        let docker = ImagePath::from("manifest.json");
        let oci = ImagePath::from("index.json");
        // Both, since many archives are in both forms and each knows names that the other lacks.
        let index = found.read(documents, &oci)?;
        let manifests = found.read(documents, &docker)?;
        if index.is_none() && manifests.is_none() {
            return Err(LayoutError::NoManifest);
        }
        if let Some(bytes) = index {
            let index = ImageIndex::parse(&bytes).map_err(|source| LayoutError::Manifest {
                member: display(&oci),
                source,
            })?;
            // Filtered here, so that one image of a layout of thousands is found at once. If none fits, all are looked
            // at, since the error lists them.
            let some = index.manifests.iter().any(wants);
            for descriptor in index.manifests.iter().filter(|d| !some || wants(d)) {
                let result = found.walk(documents, &oci, descriptor, MAX_INDEXES);
                found.problem(result)?;
            }
        }
        if let Some(bytes) = manifests {
            let manifests: Vec<DockerManifest> = parse(&docker, &bytes)?;
            for manifest in manifests {
                let result = found.docker(documents, &docker, manifest);
                found.problem(result)?;
            }
        }
        Ok(found)
    }

    /// Goes on after an error if errors are collected.
    fn problem(&mut self, result: Result<(), LayoutError>) -> Result<(), LayoutError> {
        match (result, &mut self.problems) {
            (Err(error), Some(problems)) => {
                problems.push(error);
                Ok(())
            }
            (result, _) => result,
        }
    }

    fn read<'d>(
        &mut self,
        documents: &'d dyn ImageDocuments,
        path: &ImagePath,
    ) -> Result<Option<Cow<'d, [u8]>>, LayoutError> {
        let bytes = documents.document(path)?;
        // Each document is short; a hostile index makes thousands of them be read.
        self.bytes += bytes.as_ref().map_or(0, |bytes| bytes.len());
        if self.bytes > MAX_JSON {
            return Err(LayoutError::TooMuchJson { limit: MAX_JSON });
        }
        Ok(bytes)
    }

    fn docker(
        &mut self,
        documents: &dyn ImageDocuments,
        docker: &ImagePath,
        manifest: DockerManifest,
    ) -> Result<(), LayoutError> {
        let config_path = ImagePath::new(&manifest.config);
        let names = manifest.repo_tags.unwrap_or_default();
        let layers = manifest.layers.unwrap_or_default();
        let image = self.choice(documents, docker, &config_path, None)?;
        self.add(Choice {
            layers: layers.iter().map(ImagePath::new).collect(),
            aliases: names.clone(),
            names,
            ..image
        });
        Ok(())
    }

    fn add(&mut self, image: Choice) {
        // `manifest.json` knows no manifest, so there the config identifies the image. Two manifests of one config,
        // such as gzip and zstd, stay two images.
        let same = |known: &&mut Choice| {
            known.config_digest == image.config_digest
                && (known.manifest == image.manifest || image.manifest.is_none())
        };
        match self.images.iter_mut().find(same) {
            // Docker's short names are the ones that people type; containerd's are the same in full.
            Some(known) if image.manifest.is_none() => {
                known.aliases.extend(image.aliases);
                let diff_ids = known.config.diff_ids().len();
                if image.layers.len() == diff_ids && known.layers.len() != diff_ids {
                    // One of the two documents is wrong, and the config says which.
                    let (config, layers) = (display(&known.config_path), known.layers.len());
                    let wrong = LayoutError::LayerCount {
                        config,
                        layers,
                        diff_ids,
                    };
                    if known.manifest.take().is_some() {
                        self.passed_over.push(format!(
                            "the manifest of the OCI layout was passed over: {wrong}"
                        ));
                    }
                    known.layers = image.layers;
                    if let Some(problems) = &mut self.problems {
                        problems.push(wrong);
                    }
                } else if known.manifest.is_some() {
                    known.docker_layers = image.layers;
                }
                if !image.names.is_empty() {
                    known.names = image.names;
                }
            }
            Some(known) => {
                known.names.extend(image.names);
                known.aliases.extend(image.aliases);
            }
            None => self.images.push(image),
        }
    }

    /// Adds the image that a descriptor names, or the images of the index that it names.
    fn walk(
        &mut self,
        documents: &dyn ImageDocuments,
        wanted_by: &ImagePath,
        descriptor: &Descriptor,
        depth: usize,
    ) -> Result<(), LayoutError> {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return Err(LayoutError::TooMany { limit: MAX_VISITS });
        }
        let path = blob_path(descriptor.digest);
        // With containerd's store, `docker save` of one platform keeps the index of all. But what `index.json` itself
        // names must be there.
        let Some(bytes) = self.read(documents, &path)? else {
            if depth == MAX_INDEXES {
                return Err(missing(&path, wanted_by));
            }
            self.pass_over(descriptor, "its manifest is not stored here");
            return Ok(());
        };
        // A check goes on with a wrong document: it may show more faults.
        let checked = check_digest(&path, &bytes).map(drop);
        self.problem(checked)?;
        let checked = check_size(&path, wanted_by, descriptor, &bytes);
        self.problem(checked)?;
        let manifest_error = |source| LayoutError::Manifest {
            member: display(&path),
            source,
        };
        let outline: Outline = parse(&path, &bytes)?;
        let media_type = outline.media_type.as_deref();
        let kind = outline.kind(&[&descriptor.media_type]);
        let kind = kind.map_err(manifest_error)?;
        // It has no config and no diff IDs.
        if kind == DocumentKind::Schema1 {
            return Err(manifest_error(ManifestError::Schema1));
        }
        if kind == DocumentKind::Index {
            let index = ImageIndex::parse(&bytes).map_err(manifest_error)?;
            if depth == 0 {
                self.pass_over(descriptor, "indexes are nested too deeply");
                return Ok(());
            }
            for child in &index.manifests {
                // The name is an annotation of the index's own descriptor; the images below it have none.
                let mut child = child.clone();
                child.annotations.extend(descriptor.annotations.clone());
                let result = self.walk(documents, &path, &child, depth - 1);
                self.problem(result)?;
            }
            return Ok(());
        }
        if kind == DocumentKind::Other || !outline.has_config() {
            let kind = outline.artifact_type.as_deref().or(media_type);
            self.pass_over(
                descriptor,
                &format!("it is {}, no image", kind.unwrap_or("unknown")),
            );
            return Ok(());
        }
        // Layouts made by hand have descriptors of type `application/json` or without a type.
        let declared = match DocumentKind::of(&descriptor.media_type) {
            DocumentKind::Manifest => &*descriptor.media_type,
            _ => "",
        };
        if let (Some(problems), Some(own)) = (&mut self.problems, media_type)
            && !descriptor.media_type.is_empty()
            && own != descriptor.media_type
        {
            problems.push(LayoutError::MediaType {
                member: display(&path),
                wanted_by: display(wanted_by),
                expected: descriptor.media_type.clone(),
                found: own.to_owned(),
            });
        }
        let manifest = Manifest::parse(bytes.into_owned(), declared).map_err(manifest_error)?;
        self.image(documents, &path, descriptor, manifest)
    }

    fn image(
        &mut self,
        documents: &dyn ImageDocuments,
        path: &ImagePath,
        descriptor: &Descriptor,
        manifest: Manifest,
    ) -> Result<(), LayoutError> {
        // Attestations, signatures and other artifacts have manifests too, but their config is not that of an image.
        let config_path = blob_path(manifest.config().digest);
        if is_attestation(descriptor) {
            self.pass_over(descriptor, "it is an attestation");
            return Ok(());
        }
        let media_type = &manifest.config().media_type;
        let says_image = media_type.contains(".image.") && media_type.ends_with("config.v1+json")
            || media_type.contains(".container.image.");
        let config = Some(manifest.config());
        let image = match self.choice(documents, path, &config_path, config) {
            // The config of an artifact can be anything: text, nothing, or a model of gigabytes.
            Err(
                LayoutError::Config { .. }
                | LayoutError::Missing { .. }
                | LayoutError::NoJson { .. }
                | LayoutError::TooLong { .. },
            ) if !says_image => {
                self.pass_over(
                    descriptor,
                    &format!("its config is {media_type:?}, no image"),
                );
                return Ok(());
            }
            // Its layers can be checked against the manifest all the same.
            Err(error) => {
                self.without_config.push(manifest);
                return Err(error);
            }
            Ok(image) => image,
        };
        let (names, aliases) = names(&descriptor.annotations);
        self.add(Choice {
            layers: manifest
                .layers()
                .iter()
                .map(|l| blob_path(l.digest))
                .collect(),
            manifest: Some(manifest),
            names,
            aliases,
            ..image
        });
        Ok(())
    }

    /// Reads and checks a config; the layers are for the caller to add.
    fn choice(
        &mut self,
        documents: &dyn ImageDocuments,
        wanted_by: &ImagePath,
        config_path: &ImagePath,
        descriptor: Option<&Descriptor>,
    ) -> Result<Choice, LayoutError> {
        let bytes = self
            .read(documents, config_path)?
            .ok_or_else(|| missing(config_path, wanted_by))?;
        let checked = check_digest(config_path, &bytes).map(drop);
        self.problem(checked)?;
        if let Some(descriptor) = descriptor {
            let checked = check_size(config_path, wanted_by, descriptor, &bytes);
            self.problem(checked)?;
        }
        let config = ImageConfig::parse(&bytes).map_err(|source| LayoutError::Config {
            member: display(config_path),
            source,
        })?;
        Ok(Choice {
            config_path: config_path.clone(),
            config,
            config_digest: Digest::of(&bytes),
            layers: Vec::new(),
            manifest: None,
            docker_layers: Vec::new(),
            names: Vec::new(),
            aliases: Vec::new(),
        })
    }

    fn pass_over(&mut self, descriptor: &Descriptor, why: &str) {
        let platform = descriptor.platform.as_ref();
        let platform = platform
            .filter(|p| p.os != "unknown")
            .map(|p| format!(" for {p}"))
            .unwrap_or_default();
        self.passed_over.push(format!(
            "{}{platform} was passed over: {why}",
            descriptor.digest
        ));
    }
}

/// Whether an entry of an index is one of those that BuildKit writes beside each image: an image manifest, whose config
/// and layers are a statement about the image.
///
/// Source: BuildKit, `docs/attestations/attestation-storage.md`.
pub(crate) fn is_attestation(entry: &Descriptor) -> bool {
    let platform = entry.platform.as_ref();
    entry.annotations.contains_key("vnd.docker.reference.type")
        || platform.is_some_and(|platform| platform.os == "unknown")
}

fn check_size(
    path: &ImagePath,
    wanted_by: &ImagePath,
    descriptor: &Descriptor,
    bytes: &[u8],
) -> Result<(), LayoutError> {
    let found = bytes.len() as u64;
    if found == descriptor.size {
        return Ok(());
    }
    Err(LayoutError::Size {
        member: display(path),
        wanted_by: display(wanted_by),
        expected: descriptor.size,
        found,
    })
}

/// The best name of a descriptor, and all names by which it can be requested.
fn names(annotations: &BTreeMap<String, String>) -> (Vec<String>, Vec<String>) {
    let all: Vec<String> = NAMES
        .iter()
        .filter_map(|key| annotations.get(*key))
        .cloned()
        .collect();
    // containerd's annotation comes first: it is a full name, while the OCI one is often only a tag.
    (all.first().cloned().into_iter().collect(), all)
}

/// The names in the annotations of a descriptor.
pub(crate) fn annotated(descriptor: &Descriptor) -> Vec<String> {
    names(&descriptor.annotations).1
}

/// Refuses a manifest with a layer whose bytes nobody can read.
pub(crate) fn check_layers(manifest: &Manifest) -> Result<(), LayoutError> {
    let count = manifest.layers().len();
    for (number, layer) in (1..).zip(manifest.layers()) {
        let (digest, media_type) = (layer.digest, layer.media_type.clone());
        match LayerKind::of(&layer.media_type) {
            LayerKind::Tar | LayerKind::Other => {}
            LayerKind::Foreign => {
                return Err(LayoutError::ForeignLayer {
                    number,
                    count,
                    digest,
                    media_type,
                });
            }
            LayerKind::Encrypted => {
                return Err(LayoutError::EncryptedLayer {
                    number,
                    count,
                    digest,
                    media_type,
                });
            }
        }
    }
    Ok(())
}
