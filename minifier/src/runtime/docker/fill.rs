//! How much the Docker daemon will copy from an image into volumes when it creates a container.
//!
//! The daemon has no limit, and copies the same files once for each volume. A small image with a thousand volumes at `/`
//! would fill the host's disk, so the bytes are counted before.

use std::collections::BTreeSet;

use crate::rootfs::{ImagePath, NodeId, RootFs};
use crate::runtime::destination::{Landed, MountContent, Wish};
use crate::runtime::error::RuntimeError;
use crate::runtime::options::{Room, UnpackLimits};

/// Checks that an image and the volumes that begin with what it has at their places stay within `limits`.
pub(crate) fn check(
    rootfs: &RootFs,
    wishes: &[Wish],
    landed: &[Landed],
    limits: &UnpackLimits,
) -> Result<(), RuntimeError> {
    let mut room = Room {
        bytes: limits.bytes.saturating_sub(bytes(rootfs)),
        entries: limits.entries,
    };
    let mut filled = BTreeSet::new();
    for Landed { wish, path } in landed {
        let MountContent::Image(name) = &wishes[*wish].content else {
            continue;
        };
        // A volume that has something in it already is not filled again.
        if name.as_ref().is_some_and(|name| !filled.insert(name)) {
            continue;
        }
        take(rootfs, path, &mut room).map_err(|what| RuntimeError::VolumeTooLarge {
            target: path.clone(),
            limit: limits.of(what),
            what,
        })?;
    }
    Ok(())
}

/// Bytes of all files of an image.
fn bytes(rootfs: &RootFs) -> u64 {
    let files = rootfs.files_below(rootfs.root(), None);
    let sizes = files.into_iter().map(|file| rootfs.node(file).size());
    sizes.fold(0, u64::saturating_add)
}

/// Takes room for a copy of what is at and below `top`, in which a file of several names is one file.
fn take(rootfs: &RootFs, top: &ImagePath, room: &mut Room) -> Result<(), &'static str> {
    let mut files: BTreeSet<NodeId> = BTreeSet::new();
    let mut stack: Vec<NodeId> = rootfs.lookup(top).into_iter().collect();
    while let Some(id) = stack.pop() {
        let node = rootfs.node(id);
        let is_new_file = !node.is_dir() && files.insert(id);
        room.take(if is_new_file { node.size() } else { 0 })?;
        stack.extend(rootfs.children(id).values());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{ContentRef, EntryKind, LayerEntry, LayerIndex, Metadata};
    use crate::runtime::destination::{WishOrigin, arrange};

    /// An image with 1000 bytes at `/data/deep/file`, which has another name, and a link to `/data`.
    fn image() -> RootFs {
        let content = ContentRef {
            layer: 0,
            at: 0,
            size: 1000,
        };
        let (file, target) = (EntryKind::File(content), "/data/deep/file".into());
        let link = EntryKind::Symlink {
            target: b"data".to_vec(),
        };
        let entries = [
            ("/data/deep/file", file),
            ("/data/deep/same", EntryKind::HardLink { target }),
            ("/link", link),
            ("/empty", EntryKind::Directory),
        ];
        let entries = entries.map(|(path, kind)| LayerEntry {
            path: path.into(),
            meta: Metadata::default(),
            kind,
        });
        let entries = entries.into();
        RootFs::merge([LayerIndex { entries }]).unwrap()
    }

    fn checked(
        bytes: u64,
        entries: u64,
        volumes: &[(&str, MountContent)],
    ) -> Result<(), RuntimeError> {
        let rootfs = image();
        let wish = |(target, content): &(&str, MountContent)| {
            Wish::new(WishOrigin::Image, target, content.clone())
        };
        let wishes: Vec<Wish> = volumes.iter().map(wish).collect();
        let landed = arrange(&rootfs, &wishes)?.landed;
        check(&rootfs, &wishes, &landed, &UnpackLimits { bytes, entries })
    }

    #[test]
    fn what_is_copied_into_volumes_counts_with_the_image() {
        let of_image = || MountContent::Image(None);
        let through_link = [("/link", of_image())];
        assert!(
            checked(2000, 4, &through_link).is_ok(),
            "one file, two names"
        );
        let error = checked(1999, 4, &through_link).unwrap_err();
        assert_eq!(
            error.to_string(),
            "fill the volume at /data: the image and its volumes contain more than 1999 bytes"
        );
        let error = checked(2000, 3, &through_link).unwrap_err();
        assert!(error.to_string().ends_with("3 entries"), "{error}");
        // Only what begins with the image's files counts.
        for content in [MountContent::Empty, MountContent::Host("/".into())] {
            assert!(checked(0, 0, &[("/data", content)]).is_ok());
        }
        assert!(checked(1000, 1, &[("/empty", of_image())]).is_ok());
        assert!(checked(1000, 0, &[("/new", of_image())]).is_ok());
    }

    #[test]
    fn a_volume_of_one_name_is_filled_once_and_one_inside_another_again() {
        let named = || MountContent::Image(Some("v".to_owned()));
        let twice = [("/data", named()), ("/empty", named())];
        assert!(checked(2000, 4, &twice).is_ok());
        let nested = [
            ("/data", MountContent::Image(None)),
            ("/data/deep", named()),
        ];
        assert!(checked(3000, 7, &nested).is_ok());
        assert!(checked(2999, 7, &nested).is_err());
    }
}
