//! The Debian packages the project works with, and how the missing ones get installed.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, command};

/// What a package is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Making and running an image without a container engine.
    Oci,
    /// Making and running images by Docker, and the independent tools that check rebuilt ones.
    Images,
    /// Compiling the kernel side.
    Ebpf,
    /// Looking at reports as people do.
    Reports,
    /// Compiling for arm64.
    Arm64,
}

/// A package and how to see that nothing is to be done.
struct Need {
    package: &'static str,
    group: Group,
    /// A program that serves as well, wherever it came from (Docker CE's client, another npm).
    or_program: Option<&'static str>,
}

const fn package(group: Group, package: &'static str) -> Need {
    Need {
        package,
        group,
        or_program: None,
    }
}

const fn program(group: Group, package: &'static str, program: &'static str) -> Need {
    Need {
        package,
        group,
        or_program: Some(program),
    }
}

const NEEDS: &[Need] = &[
    program(Group::Images, "crun", "crun"),
    program(Group::Images, "docker.io", "dockerd"),
    program(Group::Images, "gcc", "gcc"),
    program(Group::Images, "apache2-utils", "htpasswd"),
    package(Group::Images, "busybox-static"),
    program(Group::Images, "g++", "g++"),
    program(Group::Images, "db5.3-util", "db5.3_load"),
    program(Group::Images, "docker-registry", "docker-registry"),
    program(Group::Images, "iproute2", "ip"),
    package(Group::Images, "libc6-dev"),
    package(Group::Oci, "mmdebstrap"),
    program(Group::Images, "npm", "npm"),
    program(Group::Images, "openssl", "openssl"),
    program(Group::Images, "podman", "podman"),
    program(Group::Images, "python3-pip", "pip"),
    program(Group::Images, "rpm", "rpmbuild"),
    program(Group::Oci, "runc", "runc"),
    program(Group::Images, "skopeo", "skopeo"),
    program(Group::Oci, "umoci", "umoci"),
    package(Group::Ebpf, "libpolly-22-dev"),
    package(Group::Ebpf, "libstd-rust-web-dev-bpf"),
    package(Group::Ebpf, "libzstd-dev"),
    package(Group::Ebpf, "llvm-22-dev"),
    package(Group::Ebpf, "rustc-web"),
    package(Group::Ebpf, "zlib1g-dev"),
    program(Group::Reports, "chromium", "chromium"),
    package(Group::Arm64, "gcc-aarch64-linux-gnu"),
    package(Group::Arm64, "libc6-dev-arm64-cross"),
    package(Group::Arm64, "libstd-rust-web-dev"),
    package(Group::Arm64, "rustc-web"),
];

/// Installs what is missing of every group.
pub(crate) fn install_missing() -> Result<()> {
    install_missing_for(&[Group::Oci, Group::Images, Group::Ebpf, Group::Reports])
}

/// Installs what is missing of `groups`.
pub(crate) fn install_missing_for(groups: &[Group]) -> Result<()> {
    if missing(groups).is_empty() {
        return Ok(());
    }
    let _lock = cache::lock("packages")?;
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "install packages: run `apt-get install {}` or this as root",
            missing.join(" ")
        );
    }
    eprintln!("setup: installing {}", missing.join(" "));
    if package_lists_exist() && install(&missing).is_ok() {
        return Ok(());
    }
    command::capture(apt_get().arg("update")).context("update the package lists")?;
    install(&missing)
}

/// What is missing of `groups`.
fn missing(groups: &[Group]) -> Vec<&'static str> {
    let installed = installed_packages();
    NEEDS
        .iter()
        .filter(|need| groups.contains(&need.group))
        .filter(|need| !installed.contains(need.package))
        .filter(|need| need.or_program.and_then(command::on_path).is_none())
        .map(|need| need.package)
        .collect()
}

fn install(packages: &[&str]) -> Result<()> {
    command::capture(
        apt_get()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )?;
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "Dpkg::Use-Pty=0"])
        // Unattended upgrades of a machine that has just started hold it for some minutes.
        .args(["-o", "DPkg::Lock::Timeout=600"]);
    command
}

fn package_lists_exist() -> bool {
    fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    })
}

/// The packages of `NEEDS` that are installed completely.
fn installed_packages() -> BTreeSet<String> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"]);
    query.args(NEEDS.iter().map(|need| need.package));
    // It exits with 1 when one is unknown, and still lists the others.
    let Ok(output) = query.output() else {
        return BTreeSet::new();
    };
    parse_installed(&String::from_utf8_lossy(&output.stdout))
}

fn parse_installed(listing: &str) -> BTreeSet<String> {
    listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_installed_packages_count_as_missing() {
        let listing = "gcc installed\nrunc not-installed\npodman half-configured\n";
        assert_eq!(parse_installed(listing), BTreeSet::from(["gcc".to_owned()]));
    }
}
