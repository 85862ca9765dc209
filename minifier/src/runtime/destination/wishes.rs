//! [`Wish`]: something that is to be mounted, from the image's config or from an option.

use std::path::PathBuf;

use super::error::DestinationError;
use crate::rootfs::ImagePath;
use crate::runtime::error::RuntimeError;

/// The longest path that a message quotes.
const QUOTED: usize = 200;

/// Who asked for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WishOrigin {
    /// The image.
    Image,
    /// The user.
    Option,
}

impl WishOrigin {
    /// The error of what was asked for at `target`.
    pub(crate) fn error(
        self,
        what: String,
        target: &ImagePath,
        source: DestinationError,
    ) -> RuntimeError {
        let related = |end: &ImagePath| end.starts_with(target) || target.starts_with(end);
        // An option that would be right with another image is not the user's mistake.
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

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountContent {
    /// Nothing at first.
    Empty,
    /// What the image has at that place; mounts of one name show what the first of them does.
    Image(Option<String>),
    /// A file or folder of this host.
    Host(PathBuf),
}

/// Something that is to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Who asked for it.
    pub origin: WishOrigin,
    /// Where, as they wrote it.
    pub target: ImagePath,
    /// What is seen there.
    pub content: MountContent,
}

impl Wish {
    /// Something at a path as text.
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

/// The error of a path that every container has.
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
