//! The rebuild stage's options, progress, result and error.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::image::{Bundle, Digest, ImageConfig, LayerFile};
use crate::plan::Totals;
use crate::rootfs::ImagePath;
use crate::rootfs::tar::HeaderError;

/// How the kept files are spread over layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LayerMode {
    /// Each original layer with what stays of it; layers of which nothing stays are left out.
    #[default]
    Preserve,
    /// All layers merged into one, whose tar has each path once.
    Flatten,
}

/// Choices of the user that go into the bytes of the result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Whether the original's layers stay apart.
    pub layers: LayerMode,
    /// `SOURCE_DATE_EPOCH`, seconds: the time of creation of the image and of new history entries, and the upper
    /// limit of all times of files. Without it the original's times stay; the time of the build never counts.
    pub source_date_epoch: Option<i64>,
    /// Labels to add on top of the provenance labels.
    pub labels: BTreeMap<String, String>,
}

/// How far a rebuild is, over all layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildProgress {
    /// Entries written that are not directories.
    pub files: u64,
    /// Bytes of content written.
    pub bytes: u64,
}

/// Called after every entry and every chunk of content; `Break` ends the rebuild with [`RebuildError::Cancelled`].
pub type RebuildWatch<'a> = &'a mut dyn FnMut(RebuildProgress) -> ControlFlow<()>;

/// One layer of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuiltLayer {
    /// The uncompressed tar, in the scratch folder.
    pub file: LayerFile,
    /// Original layers (0 is the lowest) whose entries it holds, in order.
    pub from: Vec<usize>,
    /// Files and content bytes in it; hard links count once.
    pub totals: Totals,
}

/// The new image, complete, in files of the scratch folder.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// The original's config with the new layers, history and labels.
    pub config: ImageConfig,
    /// Digest of the config: Docker's image ID.
    pub image_id: Digest,
    /// The layers, lowest first.
    pub layers: Vec<RebuiltLayer>,
    /// Number of layers of the original.
    pub original_layers: usize,
    /// Over all layers; hard links count once.
    pub totals: Totals,
}

impl Rebuilt {
    /// The image as transports take it.
    pub fn bundle(&self) -> Bundle {
        Bundle {
            config: self.config.clone(),
            layers: self.layers.iter().map(|layer| layer.file.clone()).collect(),
        }
    }

    /// Bytes of all layers, uncompressed, as tar: what Docker shows as the size is the content alone.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.file.size).sum()
    }
}

/// Why an image cannot be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The keep set is not of this tree.
    #[error("rebuild {path}: the image has no such path")]
    NotInImage {
        /// The path of the keep set that failed.
        path: ImagePath,
    },
    /// The tree is not of this image.
    #[error("rebuild {path}: it is of layer {layer}, the image config has {layers} layers")]
    NoSuchLayer {
        /// The path of the keep set that failed.
        path: ImagePath,
        /// Its layer, 0 is the lowest.
        layer: usize,
        /// Layers of the image.
        layers: usize,
    },
    /// The name would make a file vanish on extraction.
    #[error("rebuild {path}: names starting with \".wh.\" are whiteouts in a layer")]
    WhiteoutName {
        /// The path of the keep set that failed.
        path: ImagePath,
    },
    /// Tar has no way to say it.
    #[error("rebuild {path}: {source}")]
    Header {
        /// The path of the keep set that failed.
        path: ImagePath,
        /// The part that tar cannot express.
        source: HeaderError,
    },
    /// The original bytes cannot be read.
    #[error("read the content of {path}: {source}")]
    Read {
        /// The path of the keep set that failed.
        path: ImagePath,
        /// The error of the system or of the content store.
        source: io::Error,
    },
    /// The content ended early or went on.
    #[error("read the content of {path}: it has {found} bytes, expected {expected}")]
    Length {
        /// The path of the keep set that failed.
        path: ImagePath,
        /// Bytes according to the layer.
        expected: u64,
        /// `N` or `more than N`.
        found: String,
    },
    /// The scratch folder or its disk.
    #[error("write a layer in {}: {source}", scratch.display())]
    Write {
        /// The scratch folder that the caller named.
        scratch: PathBuf,
        /// The error of the system or of the content store.
        source: io::Error,
    },
    /// The time is beyond what RFC 3339 can say.
    #[error("rebuild the config: SOURCE_DATE_EPOCH {0} is out of range")]
    SourceDateEpoch(i64),
    /// `watch` returned `Break`, so the rebuild ended early.
    #[error("rebuild the image: cancelled")]
    Cancelled,
}
