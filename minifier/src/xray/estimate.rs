//! What `minifier build` would reach, from static evidence alone.
//!
//! The closure is that of `plan`, with an empty trace: the same rules, the same ends, so that the two do not disagree
//! about anything but what only a run can show.

use super::entrypoint::Started;
use super::merged::Merged;
use super::model::{Confidence, Estimate, Runtime, RuntimeKind};
use super::scan::Scan;
use super::store::KeptStore;
use crate::image::Image;
use crate::plan::{Rules, RunFacts, plan};
use crate::trace::Trace;
use crate::transport::StoredImage;

/// The estimate; none where the image starts nothing that is there. The error is a sentence.
pub(crate) fn estimate(
    image: &StoredImage,
    scan: &Scan,
    merged: &Merged,
    started: &[Started],
    runtimes: &[Runtime],
) -> Result<Option<Estimate>, String> {
    let Some(main) = started.last() else {
        return Ok(None);
    };
    let runtime = runtimes.iter().find(|runtime| runtime.entrypoint).map(|runtime| runtime.kind);
    let confidence = match runtime {
        Some(RuntimeKind::Go | RuntimeKind::Rust | RuntimeKind::StaticNative) => Confidence::High,
        None | Some(RuntimeKind::DynamicNative) => Confidence::Medium,
        Some(_) => Confidence::Low,
    };
    let rules = Rules {
        // What an interpreter runs is most likely there.
        include_workdir: confidence == Confidence::Low && !matches!(image.config.working_dir(), "" | "/"),
        ..Rules::default()
    };
    let plain = Image {
        reference: image.reference.clone(),
        config: image.config.clone(),
    };
    let store = KeptStore(scan);
    let run = RunFacts::default();
    let planned = plan(&plain, &merged.rootfs, &store, &Trace::default(), &rules, &run)
        .map_err(|e| format!("estimate what a build would keep: {e}"))?;
    let basis = match confidence {
        Confidence::High => format!("{} needs no other file to start; data that it opens is not known", main.path),
        Confidence::Medium => format!("the libraries that {} needs by name; what it opens by itself is not known", main.path),
        Confidence::Low => format!("{} and the working directory; which modules it loads only a run can show, so that the result will be larger", main.path),
    };
    Ok(Some(Estimate {
        bytes: planned.kept.bytes,
        files: planned.kept.files,
        confidence,
        basis,
    }))
}
