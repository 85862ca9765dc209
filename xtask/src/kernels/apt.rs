//! [`Apt`]: Debian's package lists and packages in a folder of the cache, of suites and machines that the system itself
//! may not be set up for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::{cache, command};

/// Package lists are fetched again after this time.
const FRESH: Duration = Duration::from_secs(24 * 3600);

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// See the module. Nobody else uses the folder while this lives: apt refuses, and does not wait, if another one holds its
/// locks, and `apt-cache` must not read lists that are being replaced.
pub(crate) struct Apt {
    root: PathBuf,
    architecture: &'static str,
    _lock: cache::Lock,
}

impl Apt {
    /// The package lists of these suites (`bookworm`, `bookworm-security`, …) for one machine, fetched where they are
    /// missing or older than a day.
    pub(crate) fn new(
        name: &str,
        architecture: &'static str,
        suites: &[impl AsRef<str>],
    ) -> Result<Self> {
        let folder = format!("kernels/apt/{name}-{architecture}");
        let lock = cache::lock(&folder)?;
        let root = cache::subdir(&folder)?;
        for folder in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(root.join(folder))?;
        }
        let apt = Self {
            root,
            architecture,
            _lock: lock,
        };
        let sources = sources(&mirrors()?, suites);
        let file = apt.root.join("sources.list");
        let stamp = apt.root.join("updated");
        if fs::read_to_string(&file).unwrap_or_default() != sources || !is_fresh(&stamp) {
            fs::write(&file, sources)?;
            eprintln!("kernels: fetching package lists ({name}, {architecture})");
            command::capture(apt.apt("apt-get").arg("update"))
                .context("fetch the package lists")?;
            fs::write(&stamp, "")?;
        }
        Ok(apt)
    }

    /// Names of the packages that start with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let printed = command::capture(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        Ok(printed.lines().map(str::to_owned).collect())
    }

    /// Names of the packages that `package` depends on, without alternatives.
    pub(crate) fn dependencies(&self, package: &str) -> Result<Vec<String>> {
        let printed = command::capture(self.apt("apt-cache").args(["show", package]))?;
        Ok(dependencies(&printed))
    }

    /// Downloads packages and unpacks them into `folder`; nothing of them is run.
    pub(crate) fn unpack(&self, packages: &[String], folder: &Path) -> Result<()> {
        let debs = tempfile::tempdir_in(&self.root)?;
        let mut download = self.apt("apt-get");
        download.arg("download").args(packages);
        command::capture(download.current_dir(debs.path()))?;
        unpack_all(debs.path(), folder)
    }

    /// The same for a package of `suite` with all that it needs and this system does not have.
    pub(crate) fn unpack_with_needs(
        &self,
        package: &str,
        suite: &str,
        folder: &Path,
    ) -> Result<()> {
        let archives = self.root.join("archives");
        let mut download = self.apt("apt-get");
        download.args([
            "install",
            "--download-only",
            "--yes",
            "--no-install-recommends",
        ]);
        download.args(["--target-release", suite, package]);
        command::capture(&mut download)?;
        unpack_all(&archives, folder)?;
        command::capture(self.apt("apt-get").arg("clean")).map(drop)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut option = |name: &str, value: &Path| {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        };
        option("Dir::Etc::SourceList", &self.root.join("sources.list"));
        option("Dir::Etc::SourceParts", Path::new("/nonexistent"));
        option("Dir::State::Lists", &self.root.join("lists"));
        option("Dir::Cache", &self.root);
        option("Dir::Cache::Archives", &self.root.join("archives"));
        // Whoever runs this may write to the folder; apt's own user may not.
        command.args([
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "Acquire::Languages=none",
        ]);
        let architecture = format!("APT::Architecture={}", self.architecture);
        let architectures = format!("APT::Architectures={}", self.architecture);
        command.args(["-q", "-o", &architecture, "-o", &architectures]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

fn is_fresh(stamp: &Path) -> bool {
    let age = fs::metadata(stamp)
        .and_then(|metadata| metadata.modified())
        .map(|written| {
            SystemTime::now()
                .duration_since(written)
                .unwrap_or_default()
        });
    age.is_ok_and(|age| age < FRESH)
}

fn unpack_all(debs: &Path, folder: &Path) -> Result<()> {
    let mut unpacked = 0;
    for entry in fs::read_dir(debs).with_context(|| format!("list {}", debs.display()))? {
        let deb = entry?.path();
        if deb.extension().is_some_and(|extension| extension == "deb") {
            command::capture(Command::new("dpkg").arg("-x").arg(&deb).arg(folder))?;
            unpacked += 1;
        }
    }
    ensure!(unpacked > 0, "no package came");
    Ok(())
}

/// Where this system gets Debian's packages and their security updates from.
struct Mirrors {
    main: String,
    security: String,
}

/// The Debian suites that this system gets its packages from, such as `bookworm` and `bookworm-security`.
pub(crate) fn system_suites() -> Result<Vec<String>> {
    let printed = index_targets("$(REPO_URI) $(CODENAME)")?;
    let mut suites: Vec<String> = Vec::new();
    for line in printed.lines() {
        let (uri, suite) = line.split_once(' ').context("a line without a suite")?;
        let uri = uri.trim_end_matches('/');
        let debian = uri.ends_with("/debian") || uri.ends_with("/debian-security");
        if debian && !suites.iter().any(|one| one == suite) {
            suites.push(suite.to_owned());
        }
    }
    // The release itself first: its name is the shortest.
    suites.sort_by_key(String::len);
    ensure!(
        !suites.is_empty(),
        "apt has no source with Debian's packages"
    );
    Ok(suites)
}

fn index_targets(format: &str) -> Result<String> {
    command::capture(Command::new("apt-get").args(["indextargets", "--format", format]))
}

fn mirrors() -> Result<Mirrors> {
    let printed = index_targets("$(REPO_URI)")?;
    let ending = |end: &str| {
        let mut uris = printed.lines().map(|line| line.trim_end_matches('/'));
        uris.find(|uri| uri.ends_with(end)).map(str::to_owned)
    };
    let (main, security) = (ending("/debian"), ending("/debian-security"));
    match (main, security) {
        (Some(main), Some(security)) => Ok(Mirrors { main, security }),
        _ => bail!("apt has no source with Debian's packages and none with their security updates"),
    }
}

fn sources(mirrors: &Mirrors, suites: &[impl AsRef<str>]) -> String {
    let line = |suite: &str| {
        let mirror = if suite.ends_with("-security") {
            &mirrors.security
        } else {
            &mirrors.main
        };
        format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")
    };
    suites.iter().map(|suite| line(suite.as_ref())).collect()
}

fn dependencies(shown: &str) -> Vec<String> {
    let lines = shown
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "));
    let words = lines.flat_map(|line| line.split(", "));
    words
        .filter(|word| !word.contains('|'))
        .filter_map(|word| word.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_named_without_versions_and_alternatives() {
        let shown = "Package: a\nDepends: dracut | tool, b (= 1), c:any\nSize: 3\n";
        assert_eq!(dependencies(shown), ["b", "c:any"]);
    }

    #[test]
    fn security_suites_come_from_the_security_mirror() {
        let mirrors = Mirrors {
            main: "http://m/debian".into(),
            security: "http://m/debian-security".into(),
        };
        let lines = sources(&mirrors, &["x", "x-security"]);
        assert!(lines.contains("http://m/debian x main\n"), "{lines}");
        assert!(
            lines.contains("http://m/debian-security x-security main\n"),
            "{lines}"
        );
    }
}
