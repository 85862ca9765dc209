//! Python distributions: `*.dist-info/METADATA` with `RECORD`, `*.egg-info/PKG-INFO`, eggs, and the copies that pip and
//! setuptools bring for themselves.
//!
//! Source: PyPA, "Recording installed projects"; setuptools, "The internal structure of Python eggs"; pip, "Vendoring
//! policy".

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::documents::{MAX_DOCUMENT, MAX_LIST, MetadataForm, PackageDocuments, document_at};
use super::finder::Finder;
use super::metadata::PackageMetadata;
use super::trees::{is_in_tests, is_python_leftover, is_python_tree};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Directories of copies that a distribution has for its own use.
const VENDORED: [&[u8]; 2] = [b"_vendor", b"_vendored"];

/// An installed distribution.
pub(crate) struct PythonPackage<'d> {
    /// The file that names it.
    pub(crate) path: ImagePath,
    pub(crate) node: NodeId,
    pub(crate) metadata: Cow<'d, PackageMetadata>,
    /// Its name as indexes normalise it.
    pub(crate) normal: String,
    /// Whether it is a copy that another distribution has for its own use.
    pub(crate) vendored: bool,
    /// The code of a copy that has no metadata.
    copy: Option<NodeId>,
}

/// Whether a file of that name can matter to [`python_packages`].
pub(crate) fn can_name_python(name: &[u8]) -> bool {
    matches!(name, b"METADATA" | b"PKG-INFO" | b"RECORD" | b"vendor.txt")
        || name.ends_with(b".egg-info")
        || name.ends_with(b".egg")
}

/// Passes each installed distribution among regular files, which come in the order of their paths, to `each`: one at a
/// time, as what all of them need can take much memory.
pub(crate) fn python_packages<'p, 'd, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
    files: impl Iterator<Item = (&'p ImagePath, NodeId)> + Clone,
    mut each: impl FnMut(PythonPackage<'d>) -> Result<(), D::Error>,
) -> Result<(), D::Error> {
    // Copies that are known: where, and which.
    let mut copies = BTreeSet::new();
    for (path, node) in files.clone() {
        let Some(metadata) = installed(rootfs, documents, path, node)? else {
            continue;
        };
        let normal = normal_python_name(&metadata.name);
        let dir = vendored(path);
        let vendored = dir.is_some();
        copies.extend(dir.map(|dir| (dir, normal.clone())));
        each(PythonPackage {
            path: path.clone(),
            node,
            metadata,
            normal,
            vendored,
            copy: None,
        })?;
    }
    for (path, node) in files {
        // Copies that have no metadata: pip lists them, `NAME==VERSION` on each line.
        let dir = path.parent().filter(|dir| dir.file_name() == b"_vendor");
        let (b"vendor.txt", Some(dir)) = (path.file_name(), dir) else {
            continue;
        };
        let Some(list) = documents.document(path, node, MAX_DOCUMENT)? else {
            continue;
        };
        for line in String::from_utf8_lossy(&list).lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let Some((name, version)) = line.split_once("==") else {
                continue;
            };
            let normal = normal_python_name(name.trim());
            // Distributions take copies out and leave the list as it was.
            let module = normal.replace('-', "_");
            let copy = rootfs
                .lookup(&dir.join(&module))
                .or_else(|| rootfs.lookup(&dir.join(format!("{module}.py"))));
            // Each once: a list of a megabyte could name one a hundred thousand times.
            if copy.is_some() && copies.insert((dir.clone(), normal.clone())) {
                each(PythonPackage {
                    path: path.clone(),
                    node,
                    metadata: Cow::Owned(named(name.trim(), version.trim())),
                    normal,
                    vendored: true,
                    copy,
                })?;
            }
        }
    }
    Ok(())
}

impl PythonPackage<'_> {
    /// Its files that are no directories.
    pub(crate) fn files<D: PackageDocuments>(
        &self,
        finder: &mut Finder<'_>,
        documents: &D,
    ) -> Result<BTreeSet<NodeId>, D::Error> {
        if let Some(copy) = self.copy {
            let is_dir = finder.rootfs.node(copy).is_dir();
            return Ok(if is_dir {
                finder.files_below(copy, None)
            } else {
                [copy].into()
            });
        }
        let mut files: BTreeSet<NodeId> = [self.node].into();
        let info = self.path.parent().unwrap_or_else(ImagePath::root);
        if !matches!(self.path.file_name(), b"METADATA" | b"PKG-INFO" | b"RECORD") {
            return Ok(files);
        }
        let base = info.parent().unwrap_or_else(ImagePath::root);
        // An egg holds the code beside its metadata.
        let tree = match info.file_name() {
            b"EGG-INFO" if base.file_name().ends_with(b".egg") => &base,
            _ => &info,
        };
        if let Some(dir) = finder.rootfs.lookup(tree) {
            files.extend(finder.files_below(dir, None));
        }
        let rootfs = finder.rootfs;
        let mut insert = |base: &ImagePath, name: &[u8]| {
            let name = name.trim_ascii();
            if !name.is_empty() {
                files.extend(finder.file(base.join(name).as_bytes()));
            }
        };
        let list = |name: &str, limit| {
            let list = document_at(rootfs, documents, &info.join(name), limit)?;
            Ok(list.map(|(_, list)| list))
        };
        // RECORD is relative to the directory that holds the dist-info, installed-files.txt to the egg-info itself.
        if info.file_name().ends_with(b".dist-info") {
            if let Some(record) = list("RECORD", MAX_LIST)? {
                record_names(&record).for_each(|name| insert(&base, name));
            }
        } else if info.file_name().ends_with(b".egg-info")
            && let Some(list) = list("installed-files.txt", MAX_DOCUMENT)?
        {
            list.split(|&b| b == b'\n')
                .for_each(|line| insert(&info, line));
        }
        Ok(files)
    }
}

fn named(name: &str, version: &str) -> PackageMetadata {
    PackageMetadata {
        name: name.to_owned(),
        version: version.to_owned(),
        ..PackageMetadata::default()
    }
}

/// Source: PyPA, "Names and normalization".
pub(crate) fn normal_python_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The metadata of the distribution that a file names, if it is installed.
fn installed<'d, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
    path: &ImagePath,
    node: NodeId,
) -> Result<Option<Cow<'d, PackageMetadata>>, D::Error> {
    let name = path.file_name();
    let info = path.parent().unwrap_or_else(ImagePath::root);
    let folder = info.file_name();
    let (form, folder) = match name {
        b"METADATA" if folder.ends_with(b".dist-info") => (MetadataForm::Python, folder),
        b"RECORD" if folder.ends_with(b".dist-info") => {
            return by_record(rootfs, documents, path, node);
        }
        b"PKG-INFO" if folder.ends_with(b".egg-info") || folder == b"EGG-INFO" => {
            (MetadataForm::Python, folder)
        }
        _ if name.ends_with(b".egg-info") => (MetadataForm::Python, name),
        _ if name.ends_with(b".egg") => (MetadataForm::Egg, name),
        _ => return Ok(None),
    };
    if is_python_leftover(folder) {
        return Ok(None);
    }
    let metadata = documents.metadata(path, node, form)?;
    Ok(metadata.filter(|_| !is_in_tests(rootfs, path, is_python_tree)))
}

/// Name and version by the name of a folder without readable metadata, `Flask-3.0.0.dist-info`: files that nothing opens are
/// taken out of images, and `RECORD` still says what else there is.
fn by_record<'d, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
    path: &ImagePath,
    node: NodeId,
) -> Result<Option<Cow<'d, PackageMetadata>>, D::Error> {
    let info = path.parent().unwrap_or_else(ImagePath::root);
    let folder = info.file_name();
    let stem = std::str::from_utf8(folder).ok();
    let stem = stem.and_then(|folder| folder.strip_suffix(".dist-info"));
    let Some((name, version)) = stem.and_then(|stem| stem.rsplit_once('-')) else {
        return Ok(None);
    };
    if name.is_empty() || is_python_leftover(folder) || is_in_tests(rootfs, path, is_python_tree) {
        return Ok(None);
    }
    let metadata = info.join("METADATA");
    if let Some(node) = rootfs.lookup(&metadata)
        && documents
            .metadata(&metadata, node, MetadataForm::Python)?
            .is_some()
    {
        return Ok(None);
    }
    let record = documents.document(path, node, MAX_LIST)?;
    Ok(record.map(|_| Cow::Owned(named(name, version))))
}

/// The directory of copies that a path lies in.
fn vendored(path: &ImagePath) -> Option<ImagePath> {
    let folders: Vec<&[u8]> = path.components().collect();
    let last = folders.iter().rposition(|name| VENDORED.contains(name))?;
    Some(ImagePath::new(folders[..=last].join(&b'/')))
}

/// The names in a `RECORD`, one of each line; empty lines have an empty one.
fn record_names(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    record.split(|&b| b == b'\n').filter_map(|line| {
        // Names with commas are quoted.
        match line.strip_prefix(b"\"") {
            Some(quoted) => quoted.split(|&b| b == b'"').next(),
            None => line.split(|&b| b == b',').next(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_packages;
    use super::*;
    use crate::analyze::testing::{TestImage, zip};

    fn listed(image: TestImage) -> Vec<String> {
        let image = image.build();
        let index = read_packages(&image.files()).unwrap();
        let all = index.iter().map(|(p, f)| format!("{p}: {}", f.len()));
        all.collect()
    }

    #[test]
    fn names_are_normalised_as_indexes_do_it() {
        assert_eq!(normal_python_name("Zope.Interface__x"), "zope-interface-x");
    }

    #[test]
    fn distributions_are_named_by_their_metadata_and_without_it_by_their_folder() {
        let listed = listed(
            TestImage::new()
                .file("/site/zope/app.py", "x")
                .file("/site/bin", "x")
                .file(
                    "/site/zope_interface-5.0.dist-info/METADATA",
                    "Name: Zope.Interface\nVersion: 5.0\n\n",
                )
                .file(
                    "/site/zope_interface-5.0.dist-info/RECORD",
                    "zope/app.py,sha256=a,1\n\"zope/a,b.py\",,\n../site/bin,,\n",
                )
                .file("/site/Flask-3.0.0.dist-info/RECORD", "site/gone.py,,\n"),
        );
        assert_eq!(listed, ["Flask 3.0.0: 1", "Zope.Interface 5.0: 4"]);
    }

    #[test]
    fn eggs_and_copies_are_distributions() {
        let site = "/usr/lib/python3/dist-packages";
        let metadata = |name: &str| format!("Name: {name}\nVersion: 1.0\n\n");
        let egg = zip(&[("EGG-INFO/PKG-INFO", metadata("zipped").as_bytes())]);
        let listed = listed(
            TestImage::new()
                .file(&format!("{site}/a.egg-info/PKG-INFO"), metadata("a"))
                .file(
                    &format!("{site}/a.egg-info/installed-files.txt"),
                    "../a.py\nPKG-INFO\n",
                )
                .file(&format!("{site}/a.py"), "x")
                .file(&format!("{site}/b-1.0.egg-info"), metadata("b"))
                .file(&format!("{site}/zipped-1.0-py3.9.egg"), egg)
                .file(&format!("{site}/e.egg/EGG-INFO/PKG-INFO"), metadata("e"))
                .file(&format!("{site}/e.egg/e.py"), "x")
                .file(&format!("{site}/pip/_vendor/vendor.txt"), "rich==13.7\n")
                .file(&format!("{site}/pip/_vendor/rich.py"), "x"),
        );
        let expected = [
            "a 1.0: 3",
            "b 1.0: 1",
            "e 1.0: 2",
            "rich 13.7: 1",
            "zipped 1.0: 1",
        ];
        assert_eq!(listed, expected);
    }
}
