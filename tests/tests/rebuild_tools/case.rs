//! The trap image rebuilt, as an archive in a temporary folder.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use minifier::image::{Bundle, TaggedName};
use minifier::plan::KeepSet;
use minifier::rebuild::{LayerMode, RebuildOptions, Rebuilt, rebuild};
use minifier::rootfs::{ImagePath, MergedImage, RootFs};
use minifier::transport::{ArchiveInfo, check_archive, write_archive_file};
use minifier_tests::layers::keep;
use minifier_tests::listing::{self, ALL, Detail, Listing};
use minifier_tests::traps::{Traps, traps, write_original};
use tempfile::TempDir;

/// What a file system keeps of the listing.
pub(crate) const ON_DISK: Detail = Detail {
    link_modes: false,
    ..ALL
};

pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(crate) rebuilt: Rebuilt,
    pub(crate) original: Bundle,
    traps: Traps,
    rootfs: RootFs,
    keep: KeepSet,
}

impl Case {
    /// Some of each kind goes: a first name of a group, a folder with all in it, odd names.
    pub(crate) fn new(mode: LayerMode) -> Self {
        let dropped = [
            "/bin/capable",
            "/sizes/513",
            "/links/loop-a",
            "/mail",
            "/mail/private",
        ];
        Self::keeping(mode, |path| !dropped.iter().any(|d| *path == (*d).into()))
    }

    pub(crate) fn keeping(mode: LayerMode, choose: impl FnMut(&ImagePath) -> bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let traps = traps();
        let (image, original) = write_original(&traps, folder.path()).unwrap();
        let rootfs = RootFs::merge(traps.layers.clone()).unwrap();
        let keep = keep(&rootfs, choose);
        let options = RebuildOptions {
            layers: mode,
            ..RebuildOptions::default()
        };
        let mut watch = |_| ControlFlow::Continue(());
        let rebuilt = rebuild(
            MergedImage {
                image: &image,
                rootfs: &rootfs,
                content: &traps.store,
            },
            &keep,
            &options,
            folder.path(),
            &mut watch,
        )
        .unwrap();
        Self {
            folder,
            rebuilt,
            original,
            traps,
            rootfs,
            keep,
        }
    }

    pub(crate) fn expected(&self, detail: Detail) -> Listing {
        listing::of_tree(&self.rootfs, &self.traps.store, Some(&self.keep), detail)
    }

    pub(crate) fn archive(&self, tag: &str) -> (PathBuf, ArchiveInfo) {
        let path = self.folder.path().join("image.tar");
        let info = archive(&self.rebuilt.bundle(), tag, &path);
        (path, info)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) fn archive(bundle: &Bundle, tag: &str, path: &Path) -> ArchiveInfo {
    let tag: TaggedName = tag.parse().unwrap();
    let mut watch = |_| ControlFlow::Continue(());
    let info = write_archive_file(bundle, &[tag], 0, path, &mut watch).unwrap();
    assert_eq!(check_archive(File::open(path).unwrap()).unwrap(), []);
    info
}
