//! The demo's image: Debian with nginx, made by mmdebstrap and umoci, in an OCI layout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cache, command};

const SUITE: &str = "bookworm";
/// Raise when the way the image is made changes.
const KEY: &str = "nginx-1";

/// An image in an OCI layout.
pub(crate) struct Layout {
    folder: PathBuf,
    tag: &'static str,
}

impl Layout {
    pub(crate) fn new(folder: PathBuf, tag: &'static str) -> Self {
        Self { folder, tag }
    }

    /// As minifier takes it.
    pub(crate) fn location(&self) -> String {
        format!("oci:{}:{}", self.folder.display(), self.tag)
    }

    /// As umoci takes it.
    pub(crate) fn umoci(&self) -> String {
        format!("{}:{}", self.folder.display(), self.tag)
    }

    /// Bytes of all its blobs.
    pub(crate) fn size(&self) -> Result<u64> {
        let blobs = self.folder.join("blobs/sha256");
        let mut size = 0;
        for blob in fs::read_dir(&blobs).with_context(|| format!("list {}", blobs.display()))? {
            size += blob?.metadata()?.len();
        }
        Ok(size)
    }
}

/// The cached image.
pub(crate) fn layout() -> Result<Layout> {
    let folder = cache::filled("demo", KEY, |folder| {
        let layout = Layout::new(folder.join("layout"), "nginx");
        let work = tempfile::tempdir_in(folder)?;
        make(&layout, work.path())
    })?;
    Ok(Layout::new(folder.join("layout"), "nginx"))
}

fn make(layout: &Layout, work: &Path) -> Result<()> {
    let (tarball, bundle) = (work.join("root.tar"), work.join("bundle"));
    let mut bootstrap = Command::new("mmdebstrap");
    bootstrap.args([
        "--quiet",
        "--variant=minbase",
        "--include=nginx-light",
        SUITE,
    ]);
    command::capture(bootstrap.arg(&tarball))?;
    let umoci = |arguments: &[&str]| {
        let mut umoci = Command::new("umoci");
        command::capture(umoci.args(arguments)).map(|_| ())
    };
    let image = layout.umoci();
    umoci(&["init", "--layout", &layout.folder.display().to_string()])?;
    umoci(&["new", "--image", &image])?;
    umoci(&["unpack", "--image", &image, &bundle.display().to_string()])?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--xattrs", "--file"]);
    unpack.arg(&tarball).arg("--directory");
    command::capture(unpack.arg(bundle.join("rootfs")))?;
    umoci(&["repack", "--image", &image, &bundle.display().to_string()])?;
    umoci(&[
        "config",
        "--image",
        &image,
        "--config.cmd=nginx",
        "--config.cmd=-g",
        "--config.cmd=daemon off;",
        "--config.exposedports=80/tcp",
        "--config.stopsignal=SIGQUIT",
        "--history.created_by=nginx on Debian",
    ])?;
    umoci(&["gc", "--layout", &layout.folder.display().to_string()])
}
