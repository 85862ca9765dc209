//! [`Documented`]: a layout or an archive in files of this host, by its documents.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::blobs::FileBlobs;
use super::image::Reading;
use super::layout_dir::LayoutDir;
use super::options::OpenOptions;
use super::spool::{seekable, standard_input};
use super::tar_file::TarFile;
use crate::image::{ImageConfig, Manifest};
use crate::rootfs::ImagePath;
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::location::{Location, OciImage, Place};
use crate::transport::select::{
    Choice, ImageDocuments, LayoutError, Select, WantedImage, blob_path, display,
};
use crate::transport::stored::{BlobStore, StoredImage};

/// Where images and their documents are.
pub(crate) enum Documented {
    /// A folder.
    Layout(Arc<LayoutDir>),
    /// An archive.
    Archive(TarFile),
}

/// Opens what is at a location, and says which of its images is wanted; `None` if it is not in files of this host.
/// Blocks.
pub(crate) fn documents(
    location: &Location,
    options: &OpenOptions,
) -> Result<Option<(Documented, Select)>, TransportError> {
    let read_error = |source| TransportError::Read {
        location: location.to_string(),
        source,
    };
    let by_image = |image: &Option<OciImage>| {
        image.as_ref().map(|image| match image {
            OciImage::Tag(tag) => WantedImage::Name(tag.clone()),
            OciImage::Digest(digest) => WantedImage::Manifest(*digest),
        })
    };
    let archive = |file: &PathBuf| {
        let file = File::open(file).map_err(read_error)?;
        seekable(file, location.as_str(), options)
    };
    let (file, name) = match location.place() {
        Place::OciLayout { dir, image } => {
            let dir = LayoutDir::open(dir).map_err(|source| match source.kind() {
                io::ErrorKind::NotADirectory => TransportError::WrongKind {
                    location: location.to_string(),
                    what: "it is no folder",
                },
                _ => read_error(source),
            })?;
            let select = Select {
                platform: options.platform.clone(),
                name: by_image(image),
                config: None,
            };
            return Ok(Some((Documented::Layout(Arc::new(dir)), select)));
        }
        Place::OciArchive { file, image } => (archive(file)?, by_image(image)),
        Place::DockerArchive { file, name } => {
            let name = name.as_ref().map(|name| name.full().to_owned());
            (archive(file)?, name.map(WantedImage::Name))
        }
        Place::Stdio => (standard_input(options)?, None),
        Place::Plain(_)
        | Place::DockerDaemon(_)
        | Place::Registry(_)
        | Place::ContainersStorage(_) => return Ok(None),
    };
    let select = Select {
        platform: options.platform.clone(),
        name,
        config: None,
    };
    let archive = Documented::archive(file, location.as_str(), &options.control)?;
    Ok(Some((archive, select)))
}

impl Documented {
    /// The archive in a file that is a plain tar.
    pub(crate) fn archive(
        file: File,
        location: &str,
        control: &Control,
    ) -> Result<Self, TransportError> {
        let tar = TarFile::scan(file, control);
        tar.map(Self::Archive)
            .map_err(|source| TransportError::Tar {
                location: location.to_owned(),
                source,
            })
    }

    pub(crate) fn documents(&self) -> &dyn ImageDocuments {
        match self {
            Self::Layout(dir) => &**dir,
            Self::Archive(tar) => tar,
        }
    }

    /// The wanted image.
    pub(crate) fn open(
        self,
        select: &Select,
        reading: &Reading<'_>,
    ) -> Result<StoredImage, TransportError> {
        let chosen = select.choose(self.documents());
        let (choice, notes) = chosen.map_err(|source| reading.layout_error(source))?;
        match self {
            Self::Layout(dir) => reading.of_layout(dir, choice, notes),
            Self::Archive(tar) => reading.of_archive(&tar, choice, notes),
        }
    }

    /// An image for a check: blobs may be missing.
    pub(crate) fn image(
        &self,
        location: &str,
        control: &Control,
        choice: Choice,
    ) -> Result<(Manifest, ImageConfig, Arc<dyn BlobStore>), TransportError> {
        if let Some(manifest) = choice.manifest {
            let blobs = self.blobs(&manifest);
            return Ok((manifest, choice.config, blobs));
        }
        let reading = Reading { location, control };
        let stored = match self {
            Self::Layout(dir) => reading.of_layout(dir.clone(), choice, Vec::new())?,
            Self::Archive(tar) => reading.of_archive(tar, choice, Vec::new())?,
        };
        Ok((stored.manifest, stored.config, stored.blobs))
    }

    /// The blobs of a manifest, as far as they are there.
    pub(crate) fn blobs(&self, manifest: &Manifest) -> Arc<dyn BlobStore> {
        let tar = match self {
            Self::Layout(dir) => return dir.clone(),
            Self::Archive(tar) => tar,
        };
        let mut blobs = FileBlobs::default();
        for layer in manifest.layers() {
            if let Ok(Some(range)) = tar.range(&blob_path(layer.digest)) {
                blobs.ranges.insert(layer.digest, range);
            }
        }
        Arc::new(blobs)
    }

    /// What is wrong with the layout or the archive itself, sentences.
    pub(crate) fn structure(&self, choice: Option<&Choice>) -> Vec<String> {
        let documents = self.documents();
        let mut wrong = Vec::new();
        if let Ok(Some(_)) = documents.document(&"index.json".into()) {
            match documents.document(&"oci-layout".into()) {
                Ok(Some(bytes)) => {
                    let layout: Option<Value> = serde_json::from_slice(&bytes).ok();
                    let version = layout.map(|layout| layout["imageLayoutVersion"].clone());
                    if version.is_none_or(|version| version != "1.0.0") {
                        wrong.push("oci-layout: its imageLayoutVersion is not 1.0.0".into());
                    }
                }
                Ok(None) => wrong.push("oci-layout is missing".into()),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        let Self::Archive(tar) = self else {
            return wrong;
        };
        for path in tar.repeated() {
            wrong.push(format!("{} is there more than once", display(path)));
        }
        let docker: &[ImagePath] = choice.map_or(&[], |choice| &choice.docker_layers);
        for path in docker {
            match tar.range(path) {
                Ok(Some(_)) => {}
                Ok(None) => wrong.push(format!(
                    "manifest.json names {}, which is missing",
                    display(path)
                )),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        if let Some(choice) = choice
            && !docker.is_empty()
            && docker.len() != choice.layers.len()
        {
            let (docker, oci) = (docker.len(), choice.layers.len());
            wrong.push(format!(
                "manifest.json names {docker} layers, the manifest of the OCI layout {oci}"
            ));
        }
        wrong
    }
}

impl LayoutError {
    /// Whether the question was wrong and not the image.
    pub(crate) fn is_of_choice(&self) -> bool {
        matches!(
            self,
            Self::NoManifest
                | Self::Empty
                | Self::NoImage { .. }
                | Self::Platform { .. }
                | Self::Ambiguous { .. }
        )
    }
}
