//! [`Speaker`]: a module that names others, and how much its word counts.

use std::rc::Rc;

use super::facts::Facts;
use super::search::stem;
use super::tools::is_tool;
use crate::evidence::{EvidenceSource, Origin};
use crate::rootfs::ImagePath;

/// How far from what the workload used the imports inside functions of packages are followed, to the same package.
/// Each step asks for what is less likely than the one before, and to other packages only the first is taken.
const MAX_DISTANCE: u8 = 2;
/// Names of modules, or of their directory, whose strings name others: frameworks load what they find there.
const SETTINGS: [&[u8]; 4] = [b"settings", b"global_settings", b"config", b"defaults"];

/// A module that names others.
pub(crate) struct Speaker {
    pub(crate) path: ImagePath,
    pub(crate) dir: ImagePath,
    /// The name of the package around all the packages that it is in; empty if it is in none.
    pub(crate) top: String,
    pub(crate) package: String,
    pub(crate) facts: Rc<Facts>,
    pub(crate) is_own: bool,
    pub(crate) origin: Origin,
    pub(crate) distance: u8,
}

impl Speaker {
    /// A place in it.
    pub(crate) fn source(&self, line: u32, symbol: &str) -> EvidenceSource {
        EvidenceSource {
            file: self.path.clone(),
            // Native code has no lines.
            line: (line > 0).then_some(line),
            symbol: Some(symbol.to_owned()),
        }
    }

    /// Whether a function that imports a module will be called: the application's own, or one of a package near what
    /// the workload used.
    pub(crate) fn is_likely(&self, module: &str) -> bool {
        let top = module.split('.').next().unwrap_or_default();
        let limit = if top == self.top { MAX_DISTANCE } else { 1 };
        self.is_own || self.distance < limit && !is_tool(module)
    }

    /// Whether its strings name what a framework loads.
    pub(crate) fn has_settings(&self) -> bool {
        let stem = stem(self.path.file_name()).unwrap_or_default();
        SETTINGS.contains(&stem) || SETTINGS.contains(&self.dir.file_name())
    }
}
