//! Why a path stays or goes.

use serde::Serialize;

use super::{Exclusion, Plan, Reason};
use crate::analyze::Package;
use crate::rootfs::{End, ImagePath, RootFs};

/// The answer of a plan about a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The path, with the links on its way followed, but not a last one.
    pub path: ImagePath,
    /// The links on its way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ImagePath>,
    /// The path that a last link leads to, in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<ImagePath>,
    /// The package that the path belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// Whether it stays, and why.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether a path stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The path is in the keep set.
    Kept {
        /// At least one, in the order of [`Reason`].
        reasons: Vec<Reason>,
    },
    /// It goes, because a rule says so.
    Excluded(Exclusion),
    /// It goes: nothing touched it, and nothing that stays needs it.
    Unused,
    /// The image does not have it.
    NotInImage {
        /// The first path on its way that does not exist, or is not a directory.
        at: ImagePath,
    },
}

impl Plan {
    /// Explains a path of the image that this plan is for.
    pub fn explain(&self, rootfs: &RootFs, path: &ImagePath) -> Explanation {
        let root = ImagePath::root();
        let resolution = rootfs.resolve(&root, path.as_bytes(), false);
        let mut out = Explanation {
            path: path.clone(),
            links: resolution.links.clone(),
            target: None,
            package: None,
            verdict: Verdict::Unused,
        };
        let node = match resolution.end {
            End::Found { path, node } => {
                out.path = path;
                node
            }
            End::Missing { path: at } | End::NotADirectory { path: at } => {
                out.verdict = Verdict::NotInImage { at };
                return out;
            }
            End::Loop => {
                let at = resolution.links.last().unwrap_or(path).clone();
                out.verdict = Verdict::NotInImage { at };
                return out;
            }
        };
        out.package = self.packages.owner(node).cloned();
        if rootfs.node(node).link_target().is_some() {
            let followed = rootfs.resolve(&root, out.path.as_bytes(), true);
            out.target = followed.found().map(|(target, _)| target.clone());
        }
        if let Some(reasons) = self.keep.reasons(&out.path) {
            let reasons = reasons.iter().cloned().collect();
            out.verdict = Verdict::Kept { reasons };
        } else if let Some(exclusion) = self.excluded.get(&out.path) {
            out.verdict = Verdict::Excluded(exclusion.clone());
        }
        out
    }
}
