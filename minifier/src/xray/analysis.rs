//! [`xray`]: the stages of an analysis, in their order.

use jiff::Timestamp;

use super::advice::{Grounds, advise, names};
use super::binaries::binaries;
#[cfg(test)]
use super::claims::Advice;
use super::contents::contents;
use super::dockerfile::dockerfile;
use super::entrypoint::started;
use super::error::XrayError;
use super::estimate::{StaticEvidence, estimate};
use super::hide::hide_secrets;
use super::image::{distribution, image_info};
use super::layers::{efficiency, layers};
use super::merged::Merged;
use super::model::{SCHEMA_VERSION, Xray};
use super::packages;
use super::runtimes::runtimes;
use super::scan::{Scan, ScanOptions, scan};
use super::security::{FindingSources, IgnoreList, Masker, security};
use super::waste::{WasteSources, waste};
use crate::transport::{Control, StoredImage};

/// Options of an analysis.
#[derive(Debug, Clone)]
pub struct XrayOptions {
    /// Options and limits for reading the layers.
    pub scan: ScanOptions,
    /// The time that certificates are compared with.
    pub now: Timestamp,
    /// Findings that are accepted.
    pub ignore: IgnoreList,
    /// Whether the secrets of the config and of the history appear in the report. Those of files never do.
    pub show_secrets: bool,
}

impl Default for XrayOptions {
    fn default() -> Self {
        Self {
            scan: ScanOptions::default(),
            now: Timestamp::now(),
            ignore: IgnoreList::default(),
            show_secrets: false,
        }
    }
}

/// An image, analysed: the report, and what a comparison with another image needs beyond it.
#[derive(Debug)]
pub struct Analysis {
    /// The report. Its `gate` is `None`: rules are evaluated by [`gate::evaluate`](super::gate::evaluate).
    pub xray: Xray,
    pub(crate) scan: Scan,
    pub(crate) merged: Merged,
    /// The advice, with what it claims.
    #[cfg(test)]
    pub(crate) advice: Vec<Advice>,
}

/// Analyses an image without running it. Blocks until all layers are read, on several threads; `control` counts the
/// stored bytes that have been read, and can cancel the analysis.
///
/// # Errors
///
/// [`XrayError::Cancelled`] if `control` cancelled the analysis, and [`XrayError::TooManyEntries`] if the entries of the
/// layers would take far more memory than is stored of them. A layer or a file that cannot be read is no error: it is a
/// sentence in [`Xray::problems`], and the rest of the report covers everything else.
///
/// # Examples
///
/// ```
/// # use std::collections::BTreeMap;
/// # use minifier::image::{Bundle, ImageConfig};
/// # use minifier::transport::{LayerCompression, bundle_to_stored};
/// use minifier::transport::Control;
/// use minifier::xray::{XrayOptions, xray};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = br#"{
/// #     "os": "linux",
/// #     "architecture": "amd64",
/// #     "config": {"Env": ["API_TOKEN=t7Gh2kLp9"]},
/// #     "rootfs": {"type": "layers", "diff_ids": []}
/// # }"#;
/// # let bundle = Bundle { config: ImageConfig::parse(config)?, layers: Vec::new() };
/// # let scratch = std::env::temp_dir();
/// # let image = bundle_to_stored(&bundle, BTreeMap::new(), LayerCompression::GZIP, &scratch, &Control::none())?;
/// // `image` is what `transport::open_image` returns.
/// let analysis = xray(&image, &XrayOptions::default(), &Control::none())?;
/// let report = &analysis.xray;
/// assert!(!report.is_partial(), "{:?}", report.problems);
/// for finding in &report.security.findings {
///     println!("{:?}: {}", finding.severity, finding.message);
/// }
/// # assert!(report.security.findings.iter().any(|finding| finding.detail == "named-variable"));
/// # Ok(())
/// # }
/// ```
pub fn xray(
    image: &StoredImage,
    options: &XrayOptions,
    control: &Control,
) -> Result<Analysis, XrayError> {
    let config = &image.config;
    let reference = &image.reference;
    // Each stage may take seconds for a large image, and none of them watches `control` itself.
    let go_on = || {
        if control.is_cancelled() {
            Err(XrayError::Cancelled {
                image: reference.clone(),
            })
        } else {
            Ok(())
        }
    };
    let mut scan = scan(image, &options.scan, options.now, control)?;
    let merged = Merged::new(&mut scan);
    go_on()?;
    // Before the packages: the purl of a Debian, Alpine or rpm package names the distribution.
    let distribution = distribution(&scan, &merged);
    let read = packages::read(&scan, &merged, distribution.as_ref());
    go_on()?;
    let dockerfile = dockerfile(config, &merged);
    let layers = layers(image, &scan, &merged, &dockerfile);
    let efficiency = efficiency(&merged);
    let base: Vec<bool> = layers.iter().map(|layer| layer.base).collect();
    // Whether a layer belongs to the base decides which paths may be left out of a tree with too many.
    let (contents, copies) = contents(&scan, &merged, &read.owners, &base);
    go_on()?;
    let (binaries, broken) = binaries(&scan, &merged, &read.owners);
    go_on()?;
    let wasted = waste(&WasteSources {
        scan: &scan,
        merged: &merged,
        read: &read,
        binaries: &binaries,
        contents: &contents,
        copies: &copies,
        efficiency: &efficiency,
    });
    go_on()?;
    let security = security(&FindingSources {
        config,
        scan: &scan,
        merged: &merged,
        owners: &read.owners,
        binaries: &binaries,
        unread: !read.unread.is_empty(),
        ignore: &options.ignore,
        now: options.now,
    });
    go_on()?;
    let started = started(config, &scan, &merged.rootfs);
    // Without contents, an ELF file looks like any other file, and every entrypoint would be an unknown native
    // program.
    let runtimes = if options.scan.contents {
        runtimes(config, &scan, &merged, &read, &started)
    } else {
        Vec::new()
    };
    go_on()?;
    let estimate = if options.scan.contents {
        estimate(
            image,
            &StaticEvidence {
                scan: &scan,
                merged: &merged,
                read: &read,
                started: &started,
                runtimes: &runtimes,
            },
        )
    } else {
        Ok(None)
    };
    let mut problems = problems(image, &scan);
    problems.extend(merged.problems.iter().cloned());
    problems.extend(read.problems.iter().cloned());
    problems.extend(broken);
    // An estimate is an extra: if it fails, the rest of the report is still right.
    let estimate = estimate.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let image = image_info(image, &scan, &merged, runtimes, distribution);
    let packages = read.model(&merged);
    go_on()?;
    let advised = advise(&Grounds {
        config,
        scan: &scan,
        merged: &merged,
        read: &read,
        image: &image,
        steps: &dockerfile,
        files: &wasted.files,
        packages: &packages,
        binaries: &binaries,
        security: &security,
        started: &started,
        base: &layers.iter().map(|layer| layer.base).collect::<Vec<_>>(),
        names: &names(&merged),
    });
    let recommendations = advised.all.iter();
    let recommendations = recommendations.map(|advice| advice.recommendation.clone());
    let mut xray = Xray {
        schema_version: SCHEMA_VERSION,
        minifier: env!("CARGO_PKG_VERSION").into(),
        image,
        layers,
        efficiency,
        dockerfile,
        contents,
        packages,
        binaries,
        waste: wasted.waste,
        security,
        recommendations: recommendations.collect(),
        fixable: advised.together,
        estimate,
        problems,
        gate: None,
    };
    // At the end and in one place: advice, steps and layers quote the config and the history, and each of them could be
    // forgotten.
    if !options.show_secrets {
        hide_secrets(&mut xray, &Masker::new(config, []));
    }
    Ok(Analysis {
        xray,
        scan,
        merged,
        #[cfg(test)]
        advice: advised.all,
    })
}

/// One sentence for each layer, or part of one, that could not be read.
fn problems(image: &StoredImage, scan: &Scan) -> Vec<String> {
    let mut problems = Vec::new();
    let (blobs, diff_ids) = (image.manifest.layers().len(), image.config.diff_ids().len());
    // The diff IDs say which blob is which layer. Engines refuse such an image, but an analysis can still say what is
    // stored.
    if blobs != diff_ids {
        problems.push(format!(
            "the manifest names {blobs} layers, the config {diff_ids}"
        ));
    }
    problems.extend(
        scan.layers
            .iter()
            .flat_map(|layer| layer.problems.iter().cloned()),
    );
    problems
}
