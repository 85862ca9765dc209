//! [`xray`]: the stages in their order.

use jiff::Timestamp;

use super::contents::contents;
use super::error::XrayError;
use super::image::{distribution, image_info};
use super::layers::{efficiency, layers};
use super::merged::Merged;
use super::model::{Binaries, SCHEMA_VERSION, Security, Xray};
use super::packages;
use super::scan::{Scan, ScanOptions, scan};
use crate::transport::StoredImage;

/// How to analyse an image.
#[derive(Debug, Clone)]
pub struct XrayOptions {
    /// How to read it.
    pub scan: ScanOptions,
    /// The time that certificates are compared with.
    pub now: Timestamp,
}

impl Default for XrayOptions {
    fn default() -> Self {
        Self {
            scan: ScanOptions::default(),
            now: Timestamp::now(),
        }
    }
}

/// An image, analysed: the report, and what a comparison with another image needs beyond it.
#[derive(Debug)]
pub struct Analysis {
    /// The report; `gate` is none.
    pub xray: Xray,
    pub(super) scan: Scan,
    pub(super) merged: Merged,
}

/// Analyses an image. Blocks; `watch` is told how many stored bytes have been read, of how many, from any thread.
///
/// Fails only where there is nothing to report; what cannot be read is in [`Xray::problems`].
pub fn xray(
    image: &StoredImage,
    options: &XrayOptions,
    watch: &(dyn Fn(u64, u64) + Sync),
) -> Result<Analysis, XrayError> {
    let mut scan = scan(image, &options.scan, options.now, watch)?;
    let merged = Merged::new(&mut scan);
    let distribution = distribution(&scan, &merged);
    let read = packages::read(&scan, &merged, distribution.as_ref());
    let mut problems = image.notes.clone();
    problems.extend(
        scan.layers
            .iter()
            .flat_map(|layer| layer.problems.iter().cloned()),
    );
    problems.extend(merged.problems.iter().cloned());
    problems.extend(read.problems.iter().cloned());
    let xray = Xray {
        schema_version: SCHEMA_VERSION,
        minifier: env!("CARGO_PKG_VERSION").into(),
        image: image_info(image, &scan, &merged, Vec::new(), distribution),
        layers: layers(image, &scan, &merged, &[]),
        efficiency: efficiency(&merged),
        dockerfile: Vec::new(),
        contents: contents(&scan, &merged, &read.owners),
        packages: read.model(&merged),
        binaries: Binaries {
            files: Vec::new(),
            broken: Vec::new(),
            unused: Vec::new(),
            debug_bytes: 0,
        },
        waste: Vec::new(),
        security: Security {
            findings: Vec::new(),
            privileged: Vec::new(),
            certificates: Vec::new(),
            shells: Vec::new(),
            package_managers: Vec::new(),
            runs_as_root: false,
        },
        recommendations: Vec::new(),
        estimate: None,
        problems,
        gate: None,
    };
    Ok(Analysis { xray, scan, merged })
}
