//! [`System`]: Debian's packages for the emulated machine, unpacked into the cache: the C library and the container
//! runtimes that run in it, and what the image that is built there is made of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::Arch;
use super::apt::{Apt, system_suites};
use super::initramfs::Initramfs;
use crate::cache;

/// For the machine itself: the runtimes and what they are linked with.
const MACHINE: [&str; 13] = [
    "crun",
    "libc6",
    "libcap2",
    "libgcc-s1",
    "libgcrypt20",
    "libgpg-error0",
    "liblz4-1",
    "liblzma5",
    "libseccomp2",
    "libsystemd0",
    "libyajl2",
    "libzstd1",
    "runc",
];
/// For the image.
const IMAGE: [&str; 4] = ["base-files", "busybox", "libc6", "libgcc-s1"];
/// Where the runtimes are.
const RUNTIMES: [&str; 2] = ["usr/bin/crun", "usr/sbin/runc"];
/// Libraries that `guest`, `minifier` and the runtimes need, by the start of their names.
const LIBRARIES: [&str; 13] = [
    "ld-linux",
    "libc.so.6",
    "libcap.so",
    "libgcc_s.so",
    "libgcrypt.so",
    "libgpg-error.so",
    "liblz4.so",
    "liblzma.so",
    "libm.so.6",
    "libseccomp.so",
    "libsystemd.so",
    "libyajl.so",
    "libzstd.so",
];

/// See the module.
pub(crate) struct System {
    root: PathBuf,
}

impl System {
    /// Fetches it once.
    pub(crate) fn get(arch: Arch) -> Result<Self> {
        let suites = system_suites()?;
        let packages = Sha256::digest([MACHINE.as_slice(), &IMAGE].concat().join(" "));
        let packages = hex::encode(&packages[..6]);
        let key = format!("{}-{}-{packages}", arch.debian(), suites[0]);
        let root = cache::filled("kernels/system", &key, |folder| {
            eprintln!(
                "kernels: fetching {} and {}",
                MACHINE.join(" "),
                IMAGE.join(" ")
            );
            let apt = Apt::new("system", arch.debian(), &suites)?;
            for (packages, place) in [(&MACHINE[..], "machine"), (&IMAGE, "image")] {
                let packages: Vec<String> = packages.iter().map(|&name| name.into()).collect();
                apt.unpack(&packages, &folder.join(place))?;
            }
            Ok(())
        })?;
        Ok(Self { root })
    }

    /// The tree of the image.
    pub(crate) fn image(&self) -> PathBuf {
        self.root.join("image")
    }

    /// Puts the libraries and the runtimes into a machine.
    pub(crate) fn install(&self, archive: &mut Initramfs) -> Result<()> {
        let machine = self.root.join("machine");
        for runtime in RUNTIMES {
            archive.file(&machine.join(runtime), &format!("/{runtime}"))?;
        }
        let mut found = 0;
        for folder in ["lib", "lib64", "usr/lib"] {
            found += libraries(&machine.join(folder), &format!("/{folder}"), archive)?;
        }
        ensure!(
            found >= LIBRARIES.len(),
            "only {found} libraries in {}",
            machine.display()
        );
        Ok(())
    }
}

/// Adds the libraries in a folder and those right below it; how many there were.
fn libraries(from: &Path, to: &str, archive: &mut Initramfs) -> Result<usize> {
    let mut found = 0;
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(0);
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .context("a name")?;
        let to = format!("{to}/{name}");
        if path.is_dir() && !path.is_symlink() {
            if name.ends_with("-linux-gnu") {
                found += libraries(&path, &to, archive)?;
            }
        } else if LIBRARIES.iter().any(|library| name.starts_with(library)) {
            match fs::read_link(&path) {
                Ok(target) => archive.link(target.to_str().context("a target")?, &to),
                Err(_) => archive.file(&path, &to)?,
            }
            found += 1;
        }
    }
    Ok(found)
}
