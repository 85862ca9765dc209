//! [`Documented`]: a layout or an archive in files of this host.

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

/// A place of images and their documents.
pub(crate) enum Documented {
    Layout(Arc<LayoutDir>),
    Archive(TarFile),
}

/// Opens the layout or archive at a location, with the request for one of its images. `None` if the location is not in
/// files of this host. Blocks.
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
                    what: "it is not a folder",
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
        // A stream has no name to choose by; the platform still decides.
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
    /// The archive in a file that is an uncompressed tar.
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

    /// Chooses the image and opens it.
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
        // Not as for reading, which fails if a blob is missing: that is a mismatch, to be reported beside others.
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

    /// The blobs of a manifest, as far as they exist.
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

    /// The faults of the layout or archive itself, a sentence each.
    pub(crate) fn structure(&self, choice: Option<&Choice>) -> Vec<String> {
        let documents = self.documents();
        let mut wrong = Vec::new();
        // Without `index.json` it is a plain docker-archive, which has no `oci-layout`.
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
        // An archive in both forms can contradict itself; each reader sees only one of them.
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
    /// Whether the request was at fault and not the image: then a check fails as a whole, and reports no mismatch.
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
