//! Python distributions: their origins and needs.

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::Relations;
use super::urls::{DownloadOrigin, direct_url};
use crate::analyze::{normal_python_name, python_packages};
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    let documents = reader.documents();
    let (rootfs, places) = (&reader.merged.rootfs, reader.places());
    let Ok(()) = python_packages(rootfs, &documents, places, |found| {
        let (path, metadata) = (&found.path, &found.metadata);
        let egg = path.file_name().ends_with(b".egg");
        let origin = origin(reader, path);
        let files = found.files(&mut reader.finder, &documents)?;
        let id = purl("pypi", "", &found.normal, &metadata.version, &[]);
        let info = PackageInfo {
            licence: metadata.licence.clone(),
            supplier: metadata.supplier.clone(),
            download: origin.download,
            // An egg is one file, so its digest is that of the distribution. pip records the digest of a wheel.
            checksums: if egg {
                reader.checksum(found.node).into_iter().collect()
            } else {
                origin.checksums
            },
            layer: reader.first_layer(path, found.node),
            location: path.to_string(),
            vendored: found.vendored,
            ..package(PackageKind::Python, id, &metadata.name, &metadata.version)
        };
        // Names are compared in their normal form (PEP 503): `Foo.Bar` and `foo-bar` are the same.
        let needs = metadata.requires.iter();
        let relations = Relations {
            provides: vec![found.normal],
            ..Relations::needing(needs.map(|name| normal_python_name(name)))
        };
        reader.found.add(info, files, relations);
        Ok(())
    });
}

/// The origin of a distribution, as pip recorded it.
fn origin(reader: &mut PackageReader<'_>, path: &ImagePath) -> DownloadOrigin {
    let record = path.parent().map(|info| info.join("direct_url.json"));
    let Some((record, text)) = record.and_then(|path| {
        let text = reader.document(&path)?;
        Some((path, text))
    }) else {
        return DownloadOrigin::default();
    };
    direct_url(text).unwrap_or_else(|e| {
        reader.problems.push(format!("read {record}: {e}"));
        DownloadOrigin::default()
    })
}
