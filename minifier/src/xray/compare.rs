//! [`compare`]: differences between two analysed images.

use std::collections::{BTreeMap, BTreeSet};

use super::analysis::Analysis;
use super::model::{
    ChangeKind, Comparison, FileChange, PackageChange, PackageInfo, SCHEMA_VERSION, SideSummary,
    ValueChange,
};
use crate::rootfs::{ImagePath, Metadata, NodeId, NodeKind};

/// Compares two analysed images: files, packages and config. Analyse both with the same [`ScanOptions`](super::ScanOptions), since without contents files are compared by size and time.
pub fn compare(from: &Analysis, to: &Analysis) -> Comparison {
    let (files, unchanged_files) = files(from, to);
    let problems = |analysis: &Analysis| {
        let reference = analysis.xray.image.reference.clone();
        let name = move |problem: &String| format!("{reference}: {problem}");
        analysis.xray.problems.iter().map(name).collect::<Vec<_>>()
    };
    let of_to: BTreeSet<&str> = to
        .xray
        .layers
        .iter()
        .map(|layer| layer.diff_id.as_str())
        .collect();
    let common = from
        .xray
        .layers
        .iter()
        .filter(|layer| of_to.contains(layer.diff_id.as_str()));
    Comparison {
        schema_version: SCHEMA_VERSION,
        minifier: env!("CARGO_PKG_VERSION").into(),
        from: side(from),
        to: side(to),
        files,
        unchanged_files,
        packages: packages(from, to),
        config: config(from, to),
        common_layers: common.map(|layer| layer.diff_id.clone()).collect(),
        problems: [problems(from), problems(to)].concat(),
    }
}

fn side(analysis: &Analysis) -> SideSummary {
    let xray = &analysis.xray;
    SideSummary {
        reference: xray.image.reference.clone(),
        id: xray.image.id.clone(),
        size: xray.image.size,
        stored_size: xray.image.stored_size,
        files: xray.image.files,
        layers: xray.layers.len(),
        packages: xray.packages.packages.len(),
        efficiency: xray.efficiency.score,
    }
}

/// Entries that are not directories, by path. Directories change with what is in them, and would be listed twice.
fn entries(analysis: &Analysis) -> BTreeMap<ImagePath, NodeId> {
    let rootfs = &analysis.merged.rootfs;
    rootfs
        .walk()
        .filter(|(_, id)| !rootfs.node(*id).is_dir())
        .collect()
}

fn files(from: &Analysis, to: &Analysis) -> (Vec<FileChange>, u64) {
    let (old, new) = (entries(from), entries(to));
    let size = |analysis: &Analysis, id: Option<&NodeId>| {
        id.map_or(0, |&id| analysis.merged.rootfs.node(id).size())
    };
    let (mut changes, mut unchanged) = (Vec::new(), 0);
    let paths: BTreeSet<&ImagePath> = old.keys().chain(new.keys()).collect();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        let change = match (before, after) {
            (None, _) => Some(ChangeKind::Added),
            (_, None) => Some(ChangeKind::Removed),
            (Some(&before), Some(&after)) => changed(from, before, to, after),
        };
        match change {
            Some(change) => changes.push(FileChange {
                path: path.to_string(),
                change,
                from_size: size(from, before),
                to_size: size(to, after),
            }),
            None => unchanged += 1,
        }
    }
    changes.sort_by(|a, b| {
        let difference = |change: &FileChange| change.from_size.abs_diff(change.to_size);
        difference(b)
            .cmp(&difference(a))
            .then_with(|| a.path.cmp(&b.path))
    });
    (changes, unchanged)
}

fn changed(from: &Analysis, before: NodeId, to: &Analysis, after: NodeId) -> Option<ChangeKind> {
    let (old, new) = (
        from.merged.rootfs.node(before),
        to.merged.rootfs.node(after),
    );
    let digest = |analysis: &Analysis, id: NodeId| {
        let content = analysis.merged.rootfs.node(id).content()?;
        analysis.scan.facts(content)?.sha256
    };
    let same = match (&old.kind, &new.kind) {
        (NodeKind::File { .. }, NodeKind::File { .. }) => {
            // If contents were not looked at, the time of the last change has to do.
            match (digest(from, before), digest(to, after)) {
                (Some(a), Some(b)) => a == b,
                _ => old.size() == new.size() && old.meta.mtime == new.meta.mtime,
            }
        }
        (a, b) => a == b,
    };
    // Without times, which every rebuild changes.
    fn meta(meta: &Metadata) -> impl PartialEq + '_ {
        (meta.mode, meta.uid, meta.gid, &meta.xattrs)
    }
    if same {
        (meta(&old.meta) != meta(&new.meta)).then_some(ChangeKind::Metadata)
    } else {
        Some(ChangeKind::Content)
    }
}

/// Packages are the same by kind, name, architecture and place; where one version of a name went and another came at
/// another place, that is a change too.
fn packages(from: &Analysis, to: &Analysis) -> Vec<PackageChange> {
    let list = |analysis: &Analysis| {
        let mut by_name: BTreeMap<
            (super::model::PackageKind, String, Option<String>),
            Vec<PackageInfo>,
        > = BTreeMap::new();
        for package in &analysis.xray.packages.packages {
            let key = (
                package.kind,
                package.name.clone(),
                package.architecture.clone(),
            );
            by_name.entry(key).or_default().push(package.clone());
        }
        by_name
    };
    let (mut old, mut new) = (list(from), list(to));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let mut changes = Vec::new();
    for key in keys {
        let (mut before, mut after) = (
            old.remove(&key).unwrap_or_default(),
            new.remove(&key).unwrap_or_default(),
        );
        // Several versions of a name can be installed (npm, Debian's kernels): equal ones cancel each other out.
        before.retain(|package| {
            let same = after
                .iter()
                .position(|other| other.version == package.version);
            same.map(|index| after.remove(index)).is_none()
        });
        let pairs = before.len().max(after.len());
        let (mut before, mut after) = (before.into_iter(), after.into_iter());
        changes.extend((0..pairs).map(|_| PackageChange {
            from: before.next(),
            to: after.next(),
        }));
    }
    changes
}

fn config(from: &Analysis, to: &Analysis) -> Vec<ValueChange> {
    let fields = |analysis: &Analysis| {
        let image = &analysis.xray.image;
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut set = |name: &str, value: String| fields.insert(name.to_owned(), value);
        let words = |words: &[String]| {
            if words.is_empty() {
                String::new()
            } else {
                serde_json::json!(words).to_string()
            }
        };
        set("Architecture", image.platform.clone());
        set("Cmd", words(&image.cmd));
        set("Entrypoint", words(&image.entrypoint));
        set("ExposedPorts", image.ports.join(" "));
        set(
            "Healthcheck",
            words(image.healthcheck.as_deref().unwrap_or_default()),
        );
        set("StopSignal", image.stop_signal.clone().unwrap_or_default());
        set("User", image.user.clone());
        set("Volumes", image.volumes.join(" "));
        set("WorkingDir", image.working_dir.clone());
        for entry in &image.env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            set(&format!("Env.{name}"), value.to_owned());
        }
        for (name, value) in &image.labels {
            set(&format!("Labels.{name}"), value.clone());
        }
        fields
    };
    let (old, new) = (fields(from), fields(to));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |fields: &BTreeMap<String, String>, name: &String| {
        fields.get(name).cloned().unwrap_or_default()
    };
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| ValueChange {
            field: name.clone(),
            from: value(&old, name),
            to: value(&new, name),
        })
        .collect()
}
