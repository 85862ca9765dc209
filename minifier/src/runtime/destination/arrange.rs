//! [`arrange`]: where everything that is to be mounted lands, and in which order.

use std::collections::BTreeMap;

use super::covered::{Cover, Covered};
use super::error::DestinationError;
use super::opened::OpenedTree;
use super::resolve::{Tree, TreeEntry, destination};
use super::wishes::{MountContent, Wish, WishOrigin, of_system};
use crate::rootfs::{ImagePath, SYSTEM_MOUNTS};
use crate::runtime::error::RuntimeError;

/// The place of a wish in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Its number in the list of wishes.
    pub wish: usize,
    /// The path, free of links even after everything before it is mounted.
    pub path: ImagePath,
}

/// All wishes with their places.
pub struct Arranged<'a> {
    /// In the order of mounting: a parent comes before the places below it.
    pub landed: Vec<Landed>,
    /// The tree with everything mounted.
    pub tree: Covered<'a>,
}

/// Resolves every wish.
///
/// If several of the image's own volumes land at one place, or one lands at the place of an option, the first is kept. Two
/// options at one place are an error.
pub fn arrange<'a>(tree: &'a dyn Tree, wishes: &[Wish]) -> Result<Arranged<'a>, RuntimeError> {
    // A link at one of these would move the container's devices or /proc into the image (CVE-2025-31133 and its like).
    for root in SYSTEM_MOUNTS {
        let path = ImagePath::from(root);
        let wrong = match tree.entry(&path) {
            Ok(TreeEntry::Missing | TreeEntry::Directory) => continue,
            Ok(_) => DestinationError::NotADirectory(path),
            Err(source) => DestinationError::Look { path, source },
        };
        return Err(of_system(root, wrong));
    }
    // Each is resolved in the tree without mounts first: only that gives the order in which to mount.
    let mut places: BTreeMap<ImagePath, usize> = BTreeMap::new();
    for (number, wish) in wishes.iter().enumerate() {
        let landing = destination(tree, &wish.target).map_err(|error| wish.error(error))?;
        match places.get(&landing.path) {
            None => drop(places.insert(landing.path, number)),
            Some(_) if wish.origin == WishOrigin::Image => {}
            Some(_) => return Err(wish.error(DestinationError::Taken(landing.path))),
        }
    }
    let mut landed: Vec<Landed> = places
        .into_iter()
        .map(|(path, wish)| Landed { wish, path })
        .collect();
    landed.sort_by_key(|one| one.path.components().count());
    let mut covered = Covered::new(tree);
    let mut named: BTreeMap<&str, ImagePath> = BTreeMap::new();
    for Landed { wish, path } in &landed {
        let wish = &wishes[*wish];
        let check = |covered: &Covered<'_>| {
            // A folder of the host, mounted above, can contain a link at this place; the runtime would follow it.
            let landing = destination(covered, path)?;
            if landing.path != *path {
                return Err(DestinationError::Covered(path.clone()));
            }
            Ok(landing.entry)
        };
        let there = check(&covered).map_err(|error| wish.error(error))?;
        let cover = match &wish.content {
            MountContent::Empty => Cover::Empty,
            MountContent::Image(None) => Cover::Copy(path.clone()),
            // A named volume that is mounted twice is filled once, by its first place, and shows the same at both.
            MountContent::Image(Some(name)) => {
                Cover::Copy(named.entry(name).or_insert_with(|| path.clone()).clone())
            }
            MountContent::Host(host) => Cover::Host(OpenedTree::at(host).map_err(|source| {
                let path = host.clone();
                wish.error(DestinationError::Source { path, source })
            })?),
        };
        let is_directory = match &cover {
            Cover::Host(tree) => tree
                .entry(&ImagePath::root())
                .is_ok_and(|entry| entry == TreeEntry::Directory),
            _ => true,
        };
        match there {
            // The kernel mounts directories on directories and files on files only. A missing place is made as needed.
            TreeEntry::File | TreeEntry::Other if is_directory => {
                return Err(wish.error(DestinationError::NotADirectory(path.clone())));
            }
            TreeEntry::Directory if !is_directory => {
                return Err(wish.error(DestinationError::Directory(path.clone())));
            }
            _ => covered.mount(path.clone(), cover),
        }
    }
    Ok(Arranged {
        landed,
        tree: covered,
    })
}
