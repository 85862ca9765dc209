//! [`arrange`]: where everything that is to be mounted lands, and in which order.

use std::collections::BTreeMap;

use super::covered::{Cover, Covered};
use super::error::DestinationError;
use super::opened::OpenedTree;
use super::resolve::{SYSTEM, Tree, TreeEntry, destination};
use super::wishes::{MountContent, Wish, WishOrigin, of_system};
use crate::rootfs::ImagePath;
use crate::runtime::error::RuntimeError;

/// Where a wish lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Its number in the list of wishes.
    pub wish: usize,
    /// The place, free of links also when all that comes before it is mounted.
    pub path: ImagePath,
}

/// What lands where.
pub struct Arranged<'a> {
    /// In the order of mounting: what lies above comes before what lies below.
    pub landed: Vec<Landed>,
    /// The tree with all of it mounted.
    pub tree: Covered<'a>,
}

/// Resolves every wish. Of an image's own volumes that land at one place, or where an option lands, the first is kept;
/// options that do so are refused.
pub fn arrange<'a>(tree: &'a dyn Tree, wishes: &[Wish]) -> Result<Arranged<'a>, RuntimeError> {
    for root in SYSTEM {
        let path = ImagePath::from(root);
        let wrong = match tree.entry(&path) {
            Ok(TreeEntry::Missing | TreeEntry::Directory) => continue,
            Ok(_) => DestinationError::NotADirectory(path),
            Err(source) => DestinationError::Look { path, source },
        };
        return Err(of_system(root, wrong));
    }
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
            // What is mounted by now must not lead it elsewhere.
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
