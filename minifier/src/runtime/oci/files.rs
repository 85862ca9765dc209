//! The files that a container gets in place of the image's: `/etc/hosts`, `/etc/resolv.conf`, `/etc/hostname`.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::rootfs::ImagePath;
use crate::runtime::destination::{DestinationError, SYSTEM_FILES, Tree, of_system, system_file};
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::spec::Network;

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
    ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// Writes the files into a folder of `run`; returns each with its place in the tree.
pub(crate) fn write(
    run: &Path,
    hostname: &str,
    network: &Network,
    add_host: &[String],
    tree: &dyn Tree,
) -> Result<Vec<(PathBuf, ImagePath)>, RuntimeError> {
    let folder = run.join("etc");
    let doing = || host::<io::Error>(format!("write files to {}", folder.display()));
    let of_host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    fs::DirBuilder::new()
        .mode(0o755)
        .create(&folder)
        .map_err(doing())?;
    let mut files = Vec::new();
    for path in SYSTEM_FILES {
        let text = match path {
            "/etc/hosts" => hosts(hostname, add_host),
            "/etc/hostname" => format!("{hostname}\n"),
            _ => resolv_conf(&of_host, network),
        };
        let target = match system_file(tree, path) {
            Ok(target) => target,
            // Harmless as long as nothing is mounted there: a mount over `/dev/stdout` would take the container's output
            // away.
            Err(DestinationError::System(end)) => {
                tracing::warn!("the image's {path} leads to {end}: it is left as it is");
                continue;
            }
            Err(error) => return Err(of_system(path, error)),
        };
        let source = folder.join(path.trim_start_matches("/etc/"));
        fs::write(&source, text).map_err(doing())?;
        files.push((source, target));
    }
    Ok(files)
}

/// The container's own name leads to the loopback address: a private network has no other device.
fn hosts(hostname: &str, add_host: &[String]) -> String {
    let mut text = HOSTS.to_owned();
    for pair in add_host {
        if let Some((name, address)) = pair.split_once(':') {
            // In the host's network, which alone allows it here, the gateway to the host is the host itself.
            let address = if address == "host-gateway" {
                "127.0.0.1"
            } else {
                address
            };
            text.push_str(&format!("{address}\t{name}\n"));
        }
    }
    text.push_str(&format!("127.0.0.1\t{hostname}\n"));
    text
}

/// The host's file, without name servers on the host's loopback device (systemd-resolved), which a container cannot
/// reach.
fn resolv_conf(of_host: &str, network: &Network) -> String {
    if *network == Network::Host {
        return of_host.to_owned();
    }
    let is_local = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words
            .next()
            .filter(|word| *word == "nameserver")
            .and(words.next());
        // `fe80::1%eth0`: a zone is no part of the address.
        let address = address.and_then(|address| address.split('%').next()?.parse::<IpAddr>().ok());
        address.is_some_and(|address| address.is_loopback())
    };
    let kept = of_host.lines().filter(|line| !is_local(line));
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_of_the_hosts_loopback_are_left_out() {
        let host = "# x\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.1\nsearch a b\n";
        assert_eq!(
            resolv_conf(host, &Network::Private),
            "# x\nnameserver 10.0.0.1\nsearch a b\n"
        );
        assert_eq!(resolv_conf(host, &Network::Host), host);
    }

    #[test]
    fn hosts_have_the_added_names_and_the_own_one() {
        let text = hosts("me", &["db:10.0.0.1".into(), "v6:fe80::1".into()]);
        assert!(text.starts_with("127.0.0.1\tlocalhost\n"));
        assert!(
            text.ends_with("10.0.0.1\tdb\nfe80::1\tv6\n127.0.0.1\tme\n"),
            "{text}"
        );
    }
}
