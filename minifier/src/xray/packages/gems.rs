//! Ruby gems: `specifications/NAME-VERSION.gemspec` beside `gems/NAME-VERSION`.
//!
//! Source: RubyGems guides, "Specification reference".

use std::collections::BTreeSet;

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::Relations;
use crate::rootfs::NodeId;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    for file in reader.files() {
        let Some(stem) = file.path.file_name().strip_suffix(b".gemspec") else {
            continue;
        };
        let Some(metadata) = reader.metadata(file.node) else {
            continue;
        };
        // `NAME-VERSION-PLATFORM`; gems that run anywhere have no platform.
        let stem_text = String::from_utf8_lossy(stem);
        let full = format!("{}-{}", metadata.name, metadata.version);
        // Two platforms of a gem can be installed side by side, and scanners tell them apart by the qualifier.
        let platform = stem_text
            .strip_prefix(&full)
            .and_then(|rest| rest.strip_prefix('-'));
        let id = purl(
            "gem",
            "",
            &metadata.name,
            &metadata.version,
            &[("platform", platform.unwrap_or_default())],
        );
        let found = PackageInfo {
            architecture: platform.map(str::to_owned),
            licence: metadata.licence.clone(),
            supplier: metadata.supplier.clone(),
            layer: reader.first_layer(&file.path, file.node),
            location: file.path.to_string(),
            ..package(PackageKind::Gem, id, &metadata.name, &metadata.version)
        };
        let mut files: BTreeSet<NodeId> = [file.node].into();
        // Gems that come with Ruby have their specification in a directory more, and their files in its library.
        let mut dirs = file.path.ancestors().skip(1);
        let base = match dirs.next() {
            Some(dir) if dir.file_name() == b"specifications" => dirs.next(),
            other => other,
        };
        let tree = base.and_then(|base| reader.merged.rootfs.lookup(&base.join("gems").join(stem)));
        files.extend(
            tree.map(|dir| reader.finder.files_below(dir, None))
                .unwrap_or_default(),
        );
        let relations = Relations::needing(metadata.requires.iter().cloned());
        reader.found.add(found, files, relations);
    }
}
