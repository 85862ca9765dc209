//! The estimated result of `minify build`, made without running the image.
//!
//! The closure is that of `plan`, with an empty trace: the same rules, the same ends, so that the two do not disagree
//! about anything but what only a run can show.

use std::collections::HashSet;

use super::entrypoint::StartedProgram;
use super::merged::Merged;
use super::model::{Confidence, Estimate, Runtime, RuntimeKind};
use super::packages::ReadPackages;
use super::scan::Scan;
use super::store::KeptStore;
use crate::image::Image;
use crate::plan::{Plan, Rules, RunFacts, plan};
use crate::rootfs::{ImagePath, MergedImage, NodeId, RootFs};
use crate::trace::Trace;
use crate::transport::StoredImage;

/// Facts that an image shows without being run.
pub(crate) struct StaticEvidence<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) read: &'a ReadPackages,
    pub(crate) started: &'a [StartedProgram],
    pub(crate) runtimes: &'a [Runtime],
}

/// The estimate; `None` if the image starts nothing that is there. The error is a sentence.
pub(crate) fn estimate(
    image: &StoredImage,
    evidence: &StaticEvidence<'_>,
) -> Result<Option<Estimate>, String> {
    let StaticEvidence {
        scan,
        merged,
        read,
        started,
        runtimes,
    } = *evidence;
    let Some(main) = started.last() else {
        return Ok(None);
    };
    let runtime = runtimes
        .iter()
        .find(|runtime| runtime.entrypoint)
        .map(|runtime| runtime.kind);
    let confidence = match runtime {
        Some(RuntimeKind::Go | RuntimeKind::Rust | RuntimeKind::StaticNative) => Confidence::High,
        None | Some(RuntimeKind::DynamicNative) => Confidence::Medium,
        Some(_) => Confidence::Low,
    };
    let by_name = Rules::default();
    let rules = Rules {
        // The working directory most likely has the sources that the interpreter runs.
        include_workdir: confidence == Confidence::Low
            && !matches!(image.config.working_dir(), "" | "/"),
        include_paths: runtime.map_or(Vec::new(), |kind| modules(kind, &main.path, &merged.rootfs)),
        ..Rules::default()
    };
    let plain = Image {
        reference: image.reference.clone(),
        config: image.config.clone(),
    };
    let store = KeptStore(scan);
    let run = RunFacts::default();
    // An empty trace: the plan then keeps what the image itself says is needed, by the rules of `build`.
    let planned = |rules: &Rules| {
        let read = MergedImage {
            image: &plain,
            rootfs: &merged.rootfs,
            content: &store,
        };
        plan(read, &Trace::default(), rules, &run)
            .map_err(|e| format!("estimate what a build would keep: {e}"))
    };
    let least = planned(&by_name)?;
    // Only interpreted programs have other rules, and planning takes a second for a large image.
    let planned = if rules == by_name {
        None
    } else {
        Some(planned(&rules)?)
    };
    let planned = planned.as_ref().unwrap_or(&least);
    let high = most(merged, read, planned);
    let basis = match confidence {
        Confidence::High => format!(
            "{} needs no other file to start; data that it opens is not known",
            main.path
        ),
        Confidence::Medium => format!(
            "at least {} and the libraries that it needs by name; at most all of the packages of these, and what belongs to \
             no package: what it opens by itself is not known",
            main.path
        ),
        Confidence::Low => format!(
            "at least {} alone; at most all modules of its runtime, the packages that they are from, and what belongs to no \
             package: which of them are loaded only a run can show",
            main.path
        ),
    };
    Ok(Some(Estimate {
        bytes: planned.kept.bytes,
        files: planned.kept.files,
        low: least.kept.bytes,
        high: high.max(planned.kept.bytes),
        confidence,
        basis,
    }))
}

/// The most that a run can be expected to use: all that is kept already, what no package of the distribution owns, and
/// all of the packages that something is kept of.
fn most(merged: &Merged, read: &ReadPackages, planned: &Plan) -> u64 {
    let kept: HashSet<NodeId> = planned
        .keep
        .iter()
        .filter_map(|(path, _)| merged.rootfs.lookup(path))
        .collect();
    let mut left_out = HashSet::new();
    for package in &read.packages {
        let system = package.info.kind.is_of_the_system();
        // A package of which nothing is kept has no file that the program names, and is unlikely to be loaded at run
        // time.
        if system && !package.files.iter().any(|node| kept.contains(node)) {
            left_out.extend(package.files.iter().copied());
        }
    }
    merged
        .first_files()
        .filter(|file| kept.contains(&file.node) || !left_out.contains(&file.node))
        .fold(0, |sum: u64, file| sum.saturating_add(file.content.size))
}

/// Directories in which a runtime has the modules that programs load by name.
fn modules(kind: RuntimeKind, program: &ImagePath, rootfs: &RootFs) -> Vec<String> {
    let home = program.parent().and_then(|bin| bin.parent());
    let named: &[&str] = match kind {
        RuntimeKind::Ruby => &[
            "/usr/lib/ruby",
            "/usr/local/lib/ruby",
            "/usr/local/bundle",
            "/var/lib/gems",
        ],
        RuntimeKind::Php => &["/usr/lib/php", "/usr/local/lib/php"],
        RuntimeKind::Dotnet => &["/usr/share/dotnet/shared", "/usr/lib/dotnet/shared"],
        _ => &[],
    };
    let mut paths: Vec<ImagePath> = named.iter().map(|path| ImagePath::from(*path)).collect();
    match kind {
        RuntimeKind::Java => paths.extend(home.map(|home| home.join("lib"))),
        RuntimeKind::Python => {
            for dir in ["/usr/lib", "/usr/local/lib"].map(ImagePath::from) {
                let children = rootfs.lookup(&dir).map(|id| rootfs.children(id));
                let names = children.into_iter().flat_map(|children| children.keys());
                let python = names.filter(|name| name.starts_with(b"python3"));
                paths.extend(python.map(|name| dir.join(name)));
            }
        }
        _ => {}
    }
    // `plan` refuses to include a path that the image does not have.
    paths.retain(|path| rootfs.get(path).is_some_and(|node| node.is_dir()));
    paths.iter().map(ToString::to_string).collect()
}
