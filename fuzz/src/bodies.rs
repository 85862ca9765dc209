//! The bodies of the fuzz targets, which also run as property tests (`tests/tests/fuzz_bodies.rs`): whatever the bytes
//! are, readers give a result or an error, and what they give keeps its promises.

use std::io::Write;

use minifier::analyze::rpm_database;
use minifier::image::{ImageConfig, ImageIndex, Manifest};
use minifier::probe::{links, openapi_routes};
use minifier::rootfs::tar::{StreamInput, TarReader, index_layer};
use minifier::rootfs::{
    EntryKind, ImagePath, IndexBudget, LayerEntry, LayerIndex, Metadata, RootFs,
};
use minifier::runtime::destination::{Landed, MountContent, Wish, WishOrigin, arrange};
use minifier::transport::check_archive;

/// Longest input that is looked at.
const MAX: usize = 1 << 20;

/// A layer's tar.
pub(crate) fn tar_reader(data: &[u8]) {
    let data = &data[..data.len().min(MAX)];
    let mut reader = TarReader::new(StreamInput::new(data));
    let Ok(layer) = index_layer(&mut reader, 0, &IndexBudget::default()) else {
        return;
    };
    for entry in &layer.index.entries {
        let path = entry.path.as_bytes();
        assert!(path.starts_with(b"/"));
        assert!(!path.split(|&b| b == b'/').any(|part| part == b".."));
        if let EntryKind::File(content) = &entry.kind
            && !layer.sparse.contains_key(&content.at)
        {
            assert!(
                content.at + content.size <= data.len() as u64,
                "a file beyond the end"
            );
        }
    }
}

/// A manifest and an index.
pub(crate) fn manifest(data: &[u8]) {
    let media_types = ["", "application/vnd.docker.distribution.manifest.v2+json"];
    for media_type in media_types {
        if let Ok(manifest) = Manifest::parse(data.to_vec(), media_type) {
            assert_eq!(manifest.bytes(), data);
            assert_eq!(manifest.descriptor().size, data.len() as u64);
        }
    }
    let _ = ImageIndex::parse(data);
}

/// A config.
pub(crate) fn config(data: &[u8]) {
    if let Ok(config) = ImageConfig::parse(data) {
        assert_eq!(config.to_bytes(), data);
        let _ = (config.platform(), config.healthcheck(), config.shell());
        let edited = config.with_layers(&[], &[], &Default::default());
        assert!(ImageConfig::parse(&edited.to_bytes()).is_ok());
    }
}

/// Layers on top of each other. The bytes are a list of entries: which layer, what kind, which of a few names.
pub(crate) fn whiteouts(data: &[u8]) {
    const NAMES: [&str; 8] = [
        "a",
        "b",
        "a/b",
        "a/b/c",
        "a/.wh.b",
        ".wh.a",
        "a/.wh..wh..opq",
        "../d",
    ];
    let mut layers: Vec<tar::Bytes> = Vec::new();
    for chunk in data.chunks_exact(3).take(256) {
        let layer = usize::from(chunk[0] % 4);
        while layers.len() <= layer {
            layers.push(tar::Bytes::default());
        }
        let name = NAMES[usize::from(chunk[1] % 8)];
        let target = NAMES[usize::from(chunk[2] >> 4) % 8];
        let kind = b"01256345"[usize::from(chunk[2] % 8)];
        layers[layer].add(name, kind, target);
    }
    let indexed: Result<Vec<LayerIndex>, _> = (0..)
        .zip(&layers)
        .map(|(number, layer)| {
            let mut reader = TarReader::new(StreamInput::new(layer.0.as_slice()));
            index_layer(&mut reader, number, &IndexBudget::default()).map(|layer| layer.index)
        })
        .collect();
    let Ok(indexed) = indexed else { return };
    if let Ok(tree) = RootFs::merge(indexed) {
        for (path, _) in tree.walk() {
            assert!(path.as_bytes().starts_with(b"/"));
            let name = path.file_name();
            assert!(!name.starts_with(b".wh."), "a whiteout is no file");
        }
    }
}

/// Mounts in an image full of links. Lines: `path -> target` is a link, `path/` a directory, `=path` a volume of the
/// image, `+path` a mount of the user's, anything else a file.
pub(crate) fn destinations(data: &[u8]) {
    let mut layer = LayerIndex::default();
    let mut wishes = Vec::new();
    for line in data[..data.len().min(MAX)].split(|&b| b == b'\n').take(256) {
        let wish = |origin, target: &[u8], content| Wish {
            origin,
            target: ImagePath::new(target),
            content,
        };
        let arrow = line.windows(4).position(|part| part == b" -> ");
        let kind = match (line, arrow) {
            ([b'=', target @ ..], _) => {
                wishes.push(wish(WishOrigin::Image, target, MountContent::Image(None)));
                continue;
            }
            ([b'+', target @ ..], _) => {
                wishes.push(wish(WishOrigin::Option, target, MountContent::Empty));
                continue;
            }
            (_, Some(at)) => EntryKind::Symlink {
                target: line[at + 4..].to_vec(),
            },
            ([.., b'/'], None) => EntryKind::Directory,
            _ => EntryKind::Fifo,
        };
        layer.entries.push(LayerEntry {
            path: ImagePath::new(&line[..arrow.unwrap_or(line.len())]),
            meta: Metadata::default(),
            kind,
        });
    }
    let Ok(tree) = RootFs::merge([layer]) else {
        return;
    };
    let Ok(arranged) = arrange(&tree, &wishes) else {
        return;
    };
    for Landed { path, .. } in &arranged.landed {
        assert!(!path.is_root());
        for system in ["/dev", "/proc", "/sys"] {
            assert!(
                !path.starts_with(&system.into()) || path.starts_with(&"/dev/shm".into()),
                "a mount at {path}"
            );
        }
        // The kernel's way of following links must agree that there is none left, but for what is not the image's.
        if !path.starts_with(&"/dev/shm".into()) {
            let links = tree
                .resolve(&ImagePath::root(), path.as_bytes(), true)
                .links;
            assert!(links.is_empty(), "{path} goes through {links:?}");
        }
    }
    let places: Vec<usize> = arranged
        .landed
        .iter()
        .map(|landed| landed.path.components().count())
        .collect();
    assert!(places.is_sorted(), "a mount would hide an earlier one");
}

/// An image archive, checked as `minify validate` does it.
pub(crate) fn archive(data: &[u8]) {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&data[..data.len().min(MAX)])
        .expect("room for it");
    let _ = check_archive(file);
}

/// A database of rpm, in any of its forms.
pub(crate) fn database(data: &[u8]) {
    let data = &data[..data.len().min(MAX)];
    let Ok(database) = rpm_database(data) else {
        return;
    };
    for package in &database.packages {
        assert!(!package.name.is_empty());
        for path in package.paths() {
            assert!(path.len() <= 4096, "a path that no system can use");
        }
        // Every name has bytes of its own in the database, but for those that its index counts as empty.
        let names = package.files.iter().map(|(_, name)| name.len());
        assert!(names.sum::<usize>() <= data.len());
    }
}

/// An answer over HTTP, read for links and as the description of an interface. They stay at the origin.
pub(crate) fn html(data: &[u8]) {
    const LINKS: usize = 1000;
    const LONGEST: usize = 8192;
    let data = &data[..data.len().min(MAX)];
    let url = url::Url::parse("http://127.0.0.1:8080/dir/page").expect("a URL");
    for kind in [Some("text/html"), Some("text/css"), None] {
        let found = links(&url, kind, data);
        assert!(found.len() <= LINKS);
        for link in &found {
            assert_eq!(link.origin(), url.origin());
            assert!(link.as_str().len() <= LONGEST && link.fragment().is_none());
        }
    }
    for route in openapi_routes(&url, data) {
        assert_eq!(route.origin(), url.origin());
    }
}

/// The least of a tar writer.
mod tar {
    #[derive(Default)]
    pub(super) struct Bytes(pub(super) Vec<u8>);

    impl Bytes {
        pub(super) fn add(&mut self, name: &str, kind: u8, target: &str) {
            let mut header = [0u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[100..107].copy_from_slice(b"0000755");
            header[108..115].copy_from_slice(b"0000000");
            header[116..123].copy_from_slice(b"0000000");
            header[124..135].copy_from_slice(b"00000000000");
            header[136..147].copy_from_slice(b"00000000000");
            header[148..156].copy_from_slice(b"        ");
            header[156] = kind;
            header[157..157 + target.len()].copy_from_slice(target.as_bytes());
            header[257..265].copy_from_slice(b"ustar\x0000");
            let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            self.0.extend(header);
        }
    }
}
