//! The image itself: names, digests, platform, sizes, distribution.

use super::merged::Merged;
use super::model::{DistributionInfo, ImageInfo, Runtime};
use super::scan::Scan;
use crate::rootfs::ImagePath;
use crate::transport::StoredImage;

/// Paths of os-release (`os-release(5)`); the first is usually a link to the second.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Names, digests, sizes and config of the image.
pub(crate) fn image_info(
    image: &StoredImage,
    scan: &Scan,
    merged: &Merged,
    runtimes: Vec<Runtime>,
    distribution: Option<DistributionInfo>,
) -> ImageInfo {
    let config = &image.config;
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
    ImageInfo {
        reference: image.reference.clone(),
        names: image.names.clone(),
        manifest: Some(image.manifest.digest().to_string()),
        id: config.digest().to_string(),
        platform: config.platform().to_string(),
        created: config.created().map(str::to_owned),
        stored_size: sum(&mut image.manifest.layers().iter().map(|blob| blob.size)),
        tar_size: sum(&mut scan.layers.iter().map(|layer| layer.tar_size)),
        size: sum(&mut merged.layers.iter().map(|layer| layer.size)),
        visible_size: merged.visible_size(),
        // A hard link is another name of the same file, and its bytes ship once.
        files: merged.first_files().count() as u64,
        distribution,
        runtimes,
        entrypoint: config.entrypoint().to_vec(),
        cmd: config.cmd().to_vec(),
        user: config.user().to_owned(),
        working_dir: config.working_dir().to_owned(),
        ports: config.exposed_ports().map(str::to_owned).collect(),
        volumes: config.volumes().map(str::to_owned).collect(),
        env: config.env().to_vec(),
        labels: config.labels().clone(),
        healthcheck: config.healthcheck().map(|check| check.test.clone()),
        stop_signal: config.stop_signal().map(str::to_owned),
        annotations: image.manifest.annotations().clone(),
    }
}

/// The distribution, by os-release; `None` if the image has none.
pub(crate) fn distribution(scan: &Scan, merged: &Merged) -> Option<DistributionInfo> {
    let text = OS_RELEASE.iter().find_map(|path| {
        // Through links, inside the image: Debian, Alpine and others link the first path to the second.
        let resolution = merged
            .rootfs
            .resolve(&ImagePath::root(), path.as_bytes(), true);
        let content = merged.rootfs.node(resolution.found()?.1).content()?;
        scan.extra(content)?.document.as_deref()
    })?;
    parse_os_release(&String::from_utf8_lossy(text))
}

fn parse_os_release(text: &str) -> Option<DistributionInfo> {
    let value = |key: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    };
    // Without an ID no purl can name the distribution, and a name alone is of no use to a scanner.
    let id = value("ID").filter(|id| !id.is_empty())?;
    Some(DistributionInfo {
        name: value("PRETTY_NAME")
            .or_else(|| value("NAME"))
            .unwrap_or_else(|| id.clone()),
        version: value("VERSION_ID").unwrap_or_default(),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian'\nVERSION_ID=\"12\"\nID=debian\n";
        let info = parse_os_release(text).unwrap();
        assert_eq!((info.id.as_str(), info.version.as_str()), ("debian", "12"));
        assert_eq!(info.name, "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(parse_os_release("NAME=x\n"), None);
    }
}
