//! [`read_packages`]: asks the reader of each package manager in turn.

use super::finder::Finder;
use super::index::{Package, PackageIndex, PackageManager};
use super::npm::{NpmPlace, can_name_npm, npm_packages};
use super::python::{can_name_python, python_packages};
use super::{apk, dpkg, rpm};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId};

/// Reads the package databases of an image. Databases that cannot be parsed give fewer packages, not an error.
pub fn read_packages(files: &Files<'_>) -> Result<PackageIndex, ReadError> {
    let mut index = PackageIndex::default();
    let mut finder = Finder::new(files.rootfs);
    dpkg::read(files.rootfs, files, &mut finder, &mut index)?;
    apk::read(files.rootfs, files, &mut finder, &mut index)?;
    rpm::read(files.rootfs, files, &mut finder, &mut index)?;
    read_languages(files, &mut finder, &mut index)?;
    index.complete(finder.is_exhausted());
    Ok(index)
}

fn read_languages(
    files: &Files<'_>,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), ReadError> {
    let rootfs = files.rootfs;
    let named: Vec<(ImagePath, NodeId)> = rootfs
        .walk()
        .filter(|(path, node)| {
            let name = path.file_name();
            let wanted = can_name_python(name) || can_name_npm(name);
            wanted && rootfs.node(*node).content().is_some()
        })
        .collect();
    let named = named.iter().map(|(path, node)| (path, *node));
    python_packages(rootfs, files, named.clone(), |found| {
        let package = Package {
            name: found.metadata.name.clone(),
            version: found.metadata.version.clone(),
            manager: PackageManager::Python,
        };
        index.add(package, found.files(finder, files)?);
        Ok(())
    })?;
    npm_packages(rootfs, files, named, |found| {
        // The application is what the image is for, not a package that was installed into it.
        if found.place != NpmPlace::Application {
            let package = Package {
                name: found.metadata.name.clone(),
                version: found.metadata.version.clone(),
                manager: PackageManager::Npm,
            };
            index.add(package, found.files(finder));
        }
        Ok(())
    })?;
    Ok(())
}
