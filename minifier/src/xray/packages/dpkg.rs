//! dpkg: `/var/lib/dpkg/status` with `info/*.list`, and `status.d` of distroless images.
//!
//! Source: `deb-control(5)`, `dpkg-query(1)`.

use std::collections::{BTreeMap, BTreeSet};

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::model::{PackageInfo, PackageKind};

const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_D: &str = "/var/lib/dpkg/status.d";

/// Fields of a control file by name, first lines only.
type Stanza = BTreeMap<String, String>;

pub(super) fn read(reader: &mut Reader<'_>) {
    read_status(reader);
    read_status_d(reader);
}

fn read_status(reader: &mut Reader<'_>) {
    let path = ImagePath::from(STATUS);
    let Some(status) = reader.document(&path) else {
        return;
    };
    // The layer in whose database a package of that version appeared first.
    let mut first: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for (layer, status) in reader.documents_of_layers(&path) {
        for stanza in stanzas(status).iter().filter(|stanza| is_installed(stanza)) {
            first.entry(key(stanza)).or_insert(layer);
        }
    }
    let info = ImagePath::from("/var/lib/dpkg/info");
    let mut garbage = 0;
    for stanza in stanzas(status) {
        if !stanza.contains_key("Package") {
            garbage += 1;
            continue;
        }
        if !is_installed(&stanza) {
            continue;
        }
        let (name, _, architecture) = key(&stanza);
        if name.contains('/') || architecture.contains('/') {
            garbage += 1;
            continue;
        }
        let lists = [
            format!("{name}.list"),
            format!("{name}:{architecture}.list"),
        ];
        let list = lists
            .iter()
            .find_map(|list| reader.document(&info.join(list)));
        let lines = list.unwrap_or_default().split(|&b| b == b'\n');
        let mut files: BTreeSet<NodeId> =
            lines.filter_map(|path| reader.finder.file(path)).collect();
        // What dpkg itself keeps of it, which no list names.
        for suffix in [
            "list",
            "md5sums",
            "conffiles",
            "preinst",
            "postinst",
            "prerm",
            "postrm",
            "shlibs",
            "symbols",
            "triggers",
            "templates",
            "config",
        ] {
            for stem in [name.clone(), format!("{name}:{architecture}")] {
                files.extend(
                    reader
                        .merged
                        .rootfs
                        .lookup(&info.join(format!("{stem}.{suffix}"))),
                );
            }
        }
        let mut found = control(reader, &stanza);
        found.layer = first.get(&key(&stanza)).copied().unwrap_or_default();
        found.location = STATUS.into();
        reader.found.add(found, files);
    }
    if garbage > 0 {
        reader.problems.push(format!(
            "read {STATUS}: {garbage} of its entries are no packages"
        ));
    }
}

/// Distroless images have a file per package, and `NAME.md5sums` in place of the list.
fn read_status_d(reader: &mut Reader<'_>) {
    let rootfs = &reader.merged.rootfs;
    let dir = ImagePath::from(STATUS_D);
    let Some(node) = rootfs.lookup(&dir) else {
        return;
    };
    for (name, &child) in rootfs.children(node) {
        if name.ends_with(b".md5sums") {
            continue;
        }
        let path = dir.join(name);
        let Some(control_file) = reader
            .extra(child)
            .and_then(|extra| extra.document.as_deref())
        else {
            continue;
        };
        let sums = dir.join([name, b".md5sums".as_slice()].concat());
        let mut files: BTreeSet<NodeId> = [child].into();
        files.extend(rootfs.lookup(&sums));
        for line in reader
            .document(&sums)
            .unwrap_or_default()
            .split(|&b| b == b'\n')
        {
            let listed = line
                .get(32..)
                .map(<[u8]>::trim_ascii_start)
                .unwrap_or_default();
            files.extend(reader.finder.file(&[b"/", listed].concat()));
        }
        for stanza in stanzas(control_file) {
            if !stanza.contains_key("Package") {
                reader
                    .problems
                    .push(format!("read {path}: it is no entry of a package"));
                continue;
            }
            let mut found = control(reader, &stanza);
            found.layer = reader.lowest_layer(&path).unwrap_or_default();
            found.location = path.to_string();
            reader.found.add(found, files.clone());
        }
    }
}

/// What a stanza says, and the licence of the package's copyright file.
fn control(reader: &Reader<'_>, stanza: &Stanza) -> PackageInfo {
    let (name, version, architecture) = key(stanza);
    let distribution = reader.distribution;
    let vendor = distribution.map_or("debian", |d| d.id.as_str());
    let distro = distribution
        .filter(|d| !d.version.is_empty())
        .map(|d| format!("{}-{}", d.id, d.version))
        .unwrap_or_default();
    let id = purl(
        "deb",
        vendor,
        &name,
        &version,
        &[("arch", &architecture), ("distro", &distro)],
    );
    // `Source: glibc (2.36-9)`
    let source = stanza
        .get("Source")
        .map(|source| source.split(' ').next().unwrap_or_default());
    let copyright = format!("/usr/share/doc/{name}/copyright");
    let resolution = reader
        .merged
        .rootfs
        .resolve(&ImagePath::root(), copyright.as_bytes(), true);
    let metadata = resolution
        .found()
        .and_then(|(_, node)| reader.metadata(node));
    PackageInfo {
        architecture: (!architecture.is_empty()).then_some(architecture),
        licence: metadata.and_then(|metadata| metadata.licence.clone()),
        source: source.filter(|source| *source != name).map(str::to_owned),
        ..package(PackageKind::Deb, id, &name, &version)
    }
}

/// Name, version and architecture.
fn key(stanza: &Stanza) -> (String, String, String) {
    let field = |name: &str| stanza.get(name).cloned().unwrap_or_default();
    (field("Package"), field("Version"), field("Architecture"))
}

/// What `dpkg-query` calls installed: the last word of the status. It lists others too, such as removed packages of
/// which configuration is left; these have no files.
fn is_installed(stanza: &Stanza) -> bool {
    stanza
        .get("Status")
        .is_some_and(|status| status.ends_with(" installed"))
}

fn stanzas(text: &[u8]) -> Vec<Stanza> {
    let mut all = Vec::new();
    let mut current = Stanza::new();
    for line in text.split(|&b| b == b'\n').chain([&b""[..]]) {
        if line.is_empty() {
            if !current.is_empty() {
                all.push(std::mem::take(&mut current));
            }
        } else if !line[0].is_ascii_whitespace() {
            let line = String::from_utf8_lossy(line);
            match line.split_once(':') {
                Some((name, value)) if wanted(name) => {
                    current.insert(name.to_owned(), value.trim().to_owned());
                }
                Some(_) => {}
                None => {
                    current.insert(String::new(), String::new());
                }
            }
        }
    }
    all
}

fn wanted(name: &str) -> bool {
    matches!(
        name,
        "Package" | "Status" | "Version" | "Architecture" | "Source"
    )
}
