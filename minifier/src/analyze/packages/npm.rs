//! npm packages: `node_modules/NAME/package.json`, zips of Yarn's Plug'n'Play, and the application itself.
//!
//! Source: npm's documentation, `package.json`; Node.js, "Loading from node_modules folders"; Yarn, "Plug'n'Play".

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::documents::{MetadataForm, PackageDocuments};
use super::finder::Finder;
use super::metadata::PackageMetadata;
use super::trees::{is_in_tests, is_npm_project};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Files beside the `package.json` of an application that was installed.
const INSTALLED: [&str; 7] = [
    "node_modules",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    PNP[0],
    PNP[1],
];
/// Files by which Plug'n'Play finds packages.
const PNP: [&str; 2] = [".pnp.cjs", ".pnp.js"];

/// How a package is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NpmPlace {
    /// In a directory of a `node_modules`.
    Modules,
    /// It is what the image was made for, and was not installed by anyone.
    Application,
    /// In a zip that Plug'n'Play loads.
    Zip,
}

pub(crate) struct NpmPackage<'d> {
    /// Its `package.json`, or the zip.
    pub(crate) path: ImagePath,
    pub(crate) node: NodeId,
    /// The directory that the file is in.
    pub(crate) dir: ImagePath,
    pub(crate) metadata: Cow<'d, PackageMetadata>,
    pub(crate) place: NpmPlace,
}

/// Whether a file of that name can matter to [`npm_packages`].
pub(crate) fn can_name_npm(name: &[u8]) -> bool {
    name == b"package.json" || is_pnp(name) || name.ends_with(b".zip")
}

fn is_pnp(name: &[u8]) -> bool {
    PNP.iter().any(|pnp| pnp.as_bytes() == name)
}

/// Passes each package among regular files, which come in the order of their paths, to `each`: one at a time, as what
/// all of them need can take much memory. One whose file has several names is where the first of them is. Returns the
/// directories of applications that load their packages from zips.
pub(crate) fn npm_packages<'p, 'd, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
    files: impl Iterator<Item = (&'p ImagePath, NodeId)> + Clone,
    mut each: impl FnMut(NpmPackage<'d>) -> Result<(), D::Error>,
) -> Result<BTreeSet<ImagePath>, D::Error> {
    let plugged: BTreeSet<ImagePath> = files
        .clone()
        .filter(|(path, _)| is_pnp(path.file_name()))
        .filter_map(|(path, _)| path.parent())
        .collect();
    let mut seen = BTreeSet::new();
    for (path, node) in files {
        let Some(dir) = path.parent() else {
            continue;
        };
        let name = path.file_name();
        let (place, form) = if name == b"package.json" {
            let Some(place) = place(rootfs, &dir) else {
                continue;
            };
            (place, MetadataForm::Npm)
        } else if name.ends_with(b".zip") && is_loaded(&dir, &plugged) {
            (NpmPlace::Zip, MetadataForm::Yarn)
        } else {
            continue;
        };
        if place != NpmPlace::Zip && is_in_tests(rootfs, path, is_npm_project) {
            continue;
        }
        // A file of a hundred thousand names is read once.
        if !seen.insert(node) {
            continue;
        }
        let Some(metadata) = documents.metadata(path, node, form)? else {
            continue;
        };
        each(NpmPackage {
            path: path.clone(),
            node,
            dir,
            metadata,
            place,
        })?;
    }
    Ok(plugged)
}

impl NpmPackage<'_> {
    /// Its files that are no directories; of an application, whose files are the image's own, the one that names it.
    pub(crate) fn files(&self, finder: &mut Finder<'_>) -> BTreeSet<NodeId> {
        let dir = match self.place {
            NpmPlace::Modules => finder.rootfs.lookup(&self.dir),
            NpmPlace::Application | NpmPlace::Zip => None,
        };
        match dir {
            Some(dir) => finder.files_below(dir, Some(b"node_modules")),
            None => [self.node].into(),
        }
    }
}

/// How the package is there that has its `package.json` in a directory; `None` if it is a part of another one, or was
/// not installed.
fn place(rootfs: &RootFs, dir: &ImagePath) -> Option<NpmPlace> {
    if is_package_directory(dir) {
        return Some(NpmPlace::Modules);
    }
    let in_modules = dir.components().any(|name| name == b"node_modules");
    let application = !in_modules
        && INSTALLED
            .iter()
            .any(|name| rootfs.lookup(&dir.join(name)).is_some());
    application.then_some(NpmPlace::Application)
}

/// `…/node_modules/NAME` or `…/node_modules/@SCOPE/NAME`
fn is_package_directory(dir: &ImagePath) -> bool {
    let Some(parent) = dir.parent() else {
        return false;
    };
    let scoped = parent.file_name().starts_with(b"@");
    let modules = if scoped {
        parent.parent()
    } else {
        Some(parent)
    };
    modules.is_some_and(|modules| modules.file_name() == b"node_modules")
}

/// Whether Plug'n'Play loads the zips of a directory: the cache in the project's `.yarn`, or the user's that all
/// projects share. Without Plug'n'Play these are a cache of what is installed elsewhere.
fn is_loaded(cache: &ImagePath, plugged: &BTreeSet<ImagePath>) -> bool {
    let bytes = cache.as_bytes();
    if bytes.ends_with(b"/.yarn/cache") {
        let project = cache.parent().and_then(|yarn| yarn.parent());
        return project.is_some_and(|project| plugged.contains(&project));
    }
    bytes.ends_with(b"/berry/cache") && !plugged.is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::read_packages;
    use crate::analyze::testing::{TestImage, zip};

    #[test]
    fn packages_are_in_node_modules_and_in_zips_and_the_application_is_none() {
        let json = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
        let zipped = zip(&[("node_modules/z/package.json", json("z").as_bytes())]);
        let image = TestImage::new()
            .file("/app/package.json", json("app"))
            .file("/app/node_modules/a/package.json", json("a"))
            .file("/app/node_modules/a/lib/x.js", "x")
            .file(
                "/app/node_modules/a/node_modules/@s/b/package.json",
                r#"{"name":"@s/b"}"#,
            )
            .file("/pnp/.pnp.cjs", "x")
            .file("/pnp/.yarn/cache/z-npm-1.0.0.zip", &zipped)
            .file("/other/.yarn/cache/z-npm-2.0.0.zip", &zipped)
            .build();
        let index = read_packages(&image.files()).unwrap();
        let all = index.iter().map(|(p, f)| format!("{p}: {}", f.len()));
        assert_eq!(
            all.collect::<Vec<_>>(),
            ["@s/b: 1", "a 1.0.0: 2", "z 1.0.0: 1"]
        );
    }
}
