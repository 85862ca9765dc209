//! [`Kernel`]: one of Debian's kernels, unpacked into the cache.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::Arch;
use super::apt::Apt;
use crate::{cache, command};

/// Where the kernels are: old ones in the older releases, the newest in backports.
const SUITES: [&str; 6] = [
    "bullseye-security",
    "bookworm",
    "bookworm-security",
    "trixie",
    "trixie-security",
    "trixie-backports",
];

/// What containers need and is no part of the image.
const MODULES: [&str; 1] = ["overlay"];

/// Of how many versions of a series the newest is looked for, where the mirror lists ones that it has no longer.
const ATTEMPTS: usize = 4;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) arch: Arch,
    /// As `uname -r` gives it.
    pub(crate) release: String,
    /// `vmlinuz`, and `modules/*.ko` in the order to load them.
    folder: PathBuf,
}

impl Kernel {
    /// The compressed kernel.
    pub(crate) fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// Its modules, uncompressed, in the order to load them.
    pub(crate) fn modules(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(self.folder.join("modules"))?;
        let mut modules: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        modules.sort();
        Ok(modules)
    }
}

/// The newest kernel of each series (`6.1`), from the cache if one is there and `refresh` is not set. A kernel that could
/// not be fetched is reported on standard error by name, and has no kernel in the result.
pub(crate) fn get(
    arch: Arch,
    series: &[String],
    refresh: bool,
) -> Result<Vec<(String, Option<Kernel>)>> {
    let cached = if refresh { Vec::new() } else { cached(arch)? };
    let mut apt = None;
    let mut kernels = Vec::new();
    for series in series {
        let there = newest(series, cached.iter().map(|kernel| kernel.release.clone()));
        let kernel = match there.first() {
            Some(release) => cached
                .iter()
                .find(|kernel| kernel.release == *release)
                .cloned(),
            None => {
                let apt = match &apt {
                    Some(apt) => apt,
                    None => apt.insert(Apt::new("kernels", arch.debian(), &SUITES)?),
                };
                fetch_newest(arch, series, apt)?
            }
        };
        kernels.push((series.clone(), kernel));
    }
    Ok(kernels)
}

fn cached(arch: Arch) -> Result<Vec<Kernel>> {
    let folder = cache::subdir(&format!("kernels/{}", arch.debian()))?;
    let names = fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.file_name());
    let releases = names.filter_map(|name| name.into_string().ok());
    let kernel = |release: String| Kernel {
        arch,
        folder: folder.join(&release),
        release,
    };
    Ok(releases
        .filter(|name| !name.starts_with('.'))
        .map(kernel)
        .collect())
}

fn fetch_newest(arch: Arch, series: &str, apt: &Apt) -> Result<Option<Kernel>> {
    let flavour = format!("-cloud-{}", arch.debian());
    let prefix = format!("linux-image-{series}");
    let names = apt.names(&prefix)?;
    let releases = names.iter().filter_map(|name| {
        let release = name.strip_prefix("linux-image-")?;
        release.ends_with(&flavour).then(|| release.to_owned())
    });
    let candidates = newest(series, releases);
    for release in candidates.iter().take(ATTEMPTS) {
        let unpacked = tempfile::tempdir_in(cache::subdir("kernels")?)?;
        match download(release, apt, unpacked.path()) {
            Ok(()) => return store(arch, release, unpacked.path()).map(Some),
            Err(error) => eprintln!("kernels: {release} cannot be had: {error:#}"),
        }
    }
    eprintln!(
        "kernels: SKIPPED {series} on {}: the mirror has none",
        arch.debian()
    );
    Ok(None)
}

fn download(release: &str, apt: &Apt, folder: &Path) -> Result<()> {
    eprintln!("kernels: fetching {release}");
    let image = format!("linux-image-{release}");
    // Newer kernels come in several packages.
    let parts = ["linux-binary-", "linux-modules-"].map(|part| format!("{part}{release}"));
    let mut packages: Vec<String> = apt.dependencies(&image)?;
    packages.retain(|name| parts.contains(name));
    packages.push(image);
    apt.unpack(&packages, folder)
}

fn store(arch: Arch, release: &str, unpacked: &Path) -> Result<Kernel> {
    let folder = cache::filled(&format!("kernels/{}", arch.debian()), release, |folder| {
        take(unpacked, release, folder)
    })?;
    Ok(Kernel {
        arch,
        release: release.to_owned(),
        folder,
    })
}

/// Takes what is needed out of an unpacked package.
fn take(unpacked: &Path, release: &str, folder: &Path) -> Result<()> {
    let places = ["lib/modules", "usr/lib/modules"].map(|place| unpacked.join(place).join(release));
    let place = places.iter().find(|place| place.is_dir());
    let place = place.context("the packages have no modules")?;
    // Beside the modules from 7.2 on.
    let images = [
        unpacked.join(format!("boot/vmlinuz-{release}")),
        place.join("vmlinuz"),
    ];
    let image = images.iter().find(|image| image.is_file());
    fs::copy(
        image.context("the packages have no kernel")?,
        folder.join("vmlinuz"),
    )?;
    let mut found = Vec::new();
    list(place, &mut found)?;
    let modules = folder.join("modules");
    fs::create_dir(&modules)?;
    let mut wanted: Vec<String> = MODULES.map(str::to_owned).to_vec();
    let mut taken: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(name) = wanted.pop() {
        let bytes = module(&name, &found)?;
        wanted.extend(needs(&bytes));
        taken.retain(|(one, _)| *one != name);
        taken.push((name, bytes));
    }
    // What a module needs was taken after it.
    for (order, (name, bytes)) in taken.iter().rev().enumerate() {
        fs::write(modules.join(format!("{order:02}-{name}.ko")), bytes)?;
    }
    Ok(())
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// The module's bytes, uncompressed.
fn module(name: &str, found: &[PathBuf]) -> Result<Vec<u8>> {
    let file_name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let is = |path: &&PathBuf| {
        let file = file_name(path).replace('-', "_");
        file.strip_prefix(&name.replace('-', "_"))
            .is_some_and(|rest| matches!(rest, ".ko" | ".ko.xz"))
    };
    let path = found
        .iter()
        .find(is)
        .with_context(|| format!("no module {name}"))?;
    if path.extension().is_some_and(|extension| extension == "ko") {
        return fs::read(path).with_context(|| format!("read {}", path.display()));
    }
    let mut xz = Command::new("xz");
    let output = xz
        .args(["--decompress", "--stdout"])
        .arg(path)
        .output()
        .context("start xz")?;
    ensure!(
        output.status.success(),
        "{}: {}",
        command::describe(&xz),
        output.status
    );
    Ok(output.stdout)
}

/// The modules that a module names as needed, in its `depends=` string.
fn needs(module: &[u8]) -> Vec<String> {
    let mut strings = module.split(|byte| *byte == 0);
    let depends = strings.find_map(|string| string.strip_prefix(b"depends="));
    let depends = String::from_utf8_lossy(depends.unwrap_or_default()).into_owned();
    depends
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The releases of a series, newest first: `6.1` has `6.1.0-56`, and not `6.12`.
fn newest(series: &str, releases: impl Iterator<Item = String>) -> Vec<String> {
    let in_series = |release: &String| {
        release
            .strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    let mut releases: Vec<String> = releases.filter(in_series).collect();
    releases.sort_by(|one, other| compare(other, one));
    releases
}

/// By the numbers in them.
fn compare(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        let parts = text.split(|c: char| !c.is_ascii_digit());
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    numbers(one)
        .cmp(&numbers(other))
        .then_with(|| one.cmp(other))
}

/// Parses what stands on the command line: a series such as `6.1`.
pub(crate) fn check_series(series: &str) -> Result<()> {
    if series.is_empty() || !series.chars().all(|c| c.is_ascii_digit() || c == '.') {
        bail!("{series:?} is no kernel version: name one such as 6.1");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_ends_where_its_number_does() {
        let releases = ["6.1.0-9-x", "6.12.1-x", "6.1.0-56-x", "6.1-x"].map(str::to_owned);
        assert_eq!(
            newest("6.1", releases.into_iter()),
            ["6.1.0-56-x", "6.1.0-9-x", "6.1-x"]
        );
    }

    #[test]
    fn the_newest_of_several_series_is_by_number() {
        let releases = ["7.2.13+deb14-x", "7.3.4+deb13-x", "6.18.1-x"].map(str::to_owned);
        assert_eq!(newest("7", releases.into_iter())[0], "7.3.4+deb13-x");
    }

    #[test]
    fn needed_modules_are_read_from_the_module() {
        assert_eq!(needs(b"x\0license=GPL\0depends=a,b\0y"), ["a", "b"]);
        assert!(needs(b"depends=\0").is_empty());
    }

    #[test]
    fn names_that_are_no_versions_are_refused() {
        assert!(check_series("6.1").is_ok());
        assert!(check_series("6.*").is_err() && check_series("").is_err());
    }
}
