//! [`Wish`]: a requested mount, from the image's config or from an option.

use std::path::PathBuf;

use super::error::DestinationError;
use crate::rootfs::ImagePath;
use crate::runtime::error::RuntimeError;

/// The longest path that a message quotes: an image can name one of megabytes.
const QUOTED: usize = 200;

/// The origin of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WishOrigin {
    /// The image's config.
    Image,
    /// An option of the user.
    Option,
}

impl WishOrigin {
    /// The error of a wish at `target`, which blames the image or the option.
    pub(crate) fn error(
        self,
        what: String,
        target: &ImagePath,
        source: DestinationError,
    ) -> RuntimeError {
        let related = |end: &ImagePath| end.starts_with(target) || target.starts_with(end);
        // `--volume x:/data` is right with most images. If this image has a link from /data to /proc, that is its fault.
        let by_image = match &source {
            DestinationError::System(end) | DestinationError::NotADirectory(end) => {
                self == Self::Image || !related(end)
            }
            DestinationError::Root => self == Self::Image || !target.is_root(),
            DestinationError::Loop => true,
            DestinationError::Covered(_) => false,
            _ => self == Self::Image,
        };
        RuntimeError::Destination {
            what,
            by_image,
            source,
        }
    }
}

/// The content of a requested mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountContent {
    /// An empty directory.
    Empty,
    /// The image's files at that place. Volumes of one name have those of the first place.
    Image(Option<String>),
    /// A file or folder of this host.
    Host(PathBuf),
}

/// A requested mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The image or an option.
    pub origin: WishOrigin,
    /// The path as written, before links are followed.
    pub target: ImagePath,
    /// Its content when the container starts.
    pub content: MountContent,
}

impl Wish {
    /// A mount at `target`.
    pub fn new(origin: WishOrigin, target: &str, content: MountContent) -> Self {
        Self {
            origin,
            target: ImagePath::new(target),
            content,
        }
    }

    pub(crate) fn error(&self, source: DestinationError) -> RuntimeError {
        let what = match self.origin {
            WishOrigin::Image => format!("mount the image's VOLUME {}", quoted(&self.target)),
            WishOrigin::Option => format!("mount something at {}", quoted(&self.target)),
        };
        self.origin.error(what, &self.target, source)
    }
}

/// The error of a path that the engine itself mounts at.
pub(crate) fn of_system(path: &str, source: DestinationError) -> RuntimeError {
    let what = format!("mount the system's {path} over the image's");
    WishOrigin::Image.error(what, &path.into(), source)
}

/// A path as a message shows it.
pub(crate) fn quoted(path: &ImagePath) -> String {
    match path.as_bytes().len() {
        length if length > QUOTED => format!("of {length} bytes"),
        _ => path.to_string(),
    }
}
