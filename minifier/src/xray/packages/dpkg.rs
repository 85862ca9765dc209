//! dpkg: `/var/lib/dpkg/status` with `info/*.list`, and `status.d` of distroless images.
//!
//! Source: `deb-control(5)`, `dpkg-query(1)`.

use std::collections::{BTreeMap, BTreeSet};

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use super::relations::{MAX_NEEDS, Relations};
use crate::analyze::{Diversions, dpkg_has_files, md5sums_paths};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::model::{PackageInfo, PackageKind};

const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_D: &str = "/var/lib/dpkg/status.d";
const INFO: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";

/// Fields of a control file by name, first lines only.
type Stanza = BTreeMap<String, String>;

pub(super) fn read(reader: &mut Reader<'_>) {
    let diversions = reader.document(&ImagePath::from(DIVERSIONS));
    let diversions = Diversions::parse(diversions.unwrap_or_default());
    let known = read_status(reader, &diversions);
    read_status_d(reader, &diversions, &known);
}

/// Gives the identifiers of what it reads.
fn read_status(reader: &mut Reader<'_>, diversions: &Diversions<'_>) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let path = ImagePath::from(STATUS);
    let Some(status) = reader.document(&path) else {
        return known;
    };
    // The layer in whose database a package of that version appeared first.
    let mut first: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for (layer, status) in reader.documents_of_layers(&path) {
        for stanza in stanzas(status).filter(has_files) {
            first.entry(key(&stanza)).or_insert(layer);
        }
    }
    let info = ImagePath::from(INFO);
    let mut garbage = 0;
    for stanza in stanzas(status) {
        if !stanza.contains_key("Package") {
            garbage += 1;
            continue;
        }
        if !has_files(&stanza) {
            continue;
        }
        let (name, _, architecture) = key(&stanza);
        if name.contains('/') || architecture.contains('/') {
            garbage += 1;
            continue;
        }
        let mut files = info_files(reader, diversions, &name, &architecture);
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
        known.insert(found.id.clone());
        reader.found.add(found, files, relations(&stanza));
    }
    if garbage > 0 {
        reader.problems.push(format!(
            "read {STATUS}: {garbage} of its entries are no packages"
        ));
    }
    known
}

/// The files that `info` has for a package: those of its list, else of its checksums.
fn info_files(
    reader: &mut Reader<'_>,
    diversions: &Diversions<'_>,
    name: &str,
    architecture: &str,
) -> BTreeSet<NodeId> {
    let info = ImagePath::from(INFO);
    let stems = [name.to_owned(), format!("{name}:{architecture}")];
    let find = |suffix: &str| {
        let mut paths = stems
            .iter()
            .map(|stem| info.join(format!("{stem}.{suffix}")));
        paths.find_map(|path| reader.document_at(&path))
    };
    let Some((list, node, is_list)) = find("list")
        .map(|(node, list)| (list, node, true))
        .or_else(|| find("md5sums").map(|(node, sums)| (sums, node, false)))
    else {
        return BTreeSet::new();
    };
    // Thousands of entries of one name would have the same thousands of files.
    if !reader.lists.insert(node) {
        return BTreeSet::new();
    }
    let mut file = |path: &[u8]| reader.finder.file(diversions.place(name, path));
    match is_list {
        true => list.split(|&b| b == b'\n').filter_map(file).collect(),
        false => md5sums_paths(list).filter_map(|path| file(&path)).collect(),
    }
}

/// Distroless images have a file per package, and `NAME.md5sums` in place of the list; some have the lists in `info`.
/// `known` is in the other database too, which says more.
fn read_status_d(reader: &mut Reader<'_>, diversions: &Diversions<'_>, known: &BTreeSet<String>) {
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
        let mut databases: BTreeSet<NodeId> = [child].into();
        databases.extend(rootfs.lookup(&sums));
        let sums = reader.document_at(&sums);
        for stanza in stanzas(control_file) {
            if !stanza.contains_key("Package") {
                reader
                    .problems
                    .push(format!("read {path}: it is not the entry of a package"));
                continue;
            }
            let (name, _, architecture) = key(&stanza);
            let mut found = control(reader, &stanza);
            if known.contains(&found.id) {
                continue;
            }
            let mut files = databases.clone();
            match sums {
                // Of several entries the first one has them.
                Some((node, _)) if !reader.lists.insert(node) => {}
                Some((_, sums)) => {
                    let paths = md5sums_paths(sums);
                    files.extend(
                        paths.filter_map(|path| reader.finder.file(diversions.place(&name, &path))),
                    );
                }
                None if name.contains('/') || architecture.contains('/') => {}
                None => files.extend(info_files(reader, diversions, &name, &architecture)),
            }
            found.layer = reader.lowest_layer(&path).unwrap_or_default();
            found.location = path.to_string();
            reader.found.add(found, files, relations(&stanza));
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
        supplier: stanza.get("Maintainer").cloned(),
        ..package(PackageKind::Deb, id, &name, &version)
    }
}

/// Name, version and architecture.
fn key(stanza: &Stanza) -> (String, String, String) {
    let field = |name: &str| stanza.get(name).cloned().unwrap_or_default();
    (field("Package"), field("Version"), field("Architecture"))
}

fn has_files(stanza: &Stanza) -> bool {
    stanza
        .get("Status")
        .is_some_and(|status| dpkg_has_files(status))
}

/// `libc6 (>= 2.36), default-mta | mail-transport-agent, python3:any`
fn relations(stanza: &Stanza) -> Relations {
    let clauses = |field: &str| {
        let text = stanza.get(field).map(String::as_str).unwrap_or_default();
        text.split(',')
            .filter(|clause| !clause.trim().is_empty())
            .take(MAX_NEEDS)
    };
    let name = |clause: &str| {
        let end = clause.trim().split([' ', '(', ':']).next();
        end.unwrap_or_default().to_owned()
    };
    let needs = ["Pre-Depends", "Depends"].into_iter().flat_map(clauses);
    Relations {
        provides: clauses("Provides").map(name).collect(),
        needs: needs
            .map(|clause| clause.split('|').take(MAX_NEEDS).map(name).collect())
            .collect(),
        ids: Vec::new(),
    }
}

fn stanzas(text: &[u8]) -> impl Iterator<Item = Stanza> {
    let mut current = Stanza::new();
    let lines = text.split(|&b| b == b'\n').chain([&b""[..]]);
    lines.filter_map(move |line| {
        if line.is_empty() {
            let stanza = std::mem::take(&mut current);
            return (!stanza.is_empty()).then_some(stanza);
        }
        if !line[0].is_ascii_whitespace() {
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
        None
    })
}

fn wanted(name: &str) -> bool {
    matches!(
        name,
        "Package"
            | "Status"
            | "Version"
            | "Architecture"
            | "Source"
            | "Maintainer"
            | "Pre-Depends"
            | "Depends"
            | "Provides"
    )
}
