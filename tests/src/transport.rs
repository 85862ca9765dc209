//! What the tests of reading and loading images share: small archives, images in a daemon, comparing what is read.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use minifier::image::{DiffId, Digest, ImageConfig};
use minifier::rootfs::{ContentStore, EntryKind, LayerIndex};
use serde_json::{Value, json};
use xtask::docker::{TemporaryImage, docker_output};

use crate::command;

/// Content of every regular file, in the order of the layers; hashed, so that images of any size fit.
pub fn contents(layers: &[LayerIndex], store: &dyn ContentStore) -> Vec<(String, Digest)> {
    let mut contents = Vec::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = entry.kind {
            let mut bytes = Vec::new();
            let mut reader = store
                .open(content)
                .unwrap_or_else(|e| panic!("{}: {e}", entry.path));
            reader
                .read_to_end(&mut bytes)
                .unwrap_or_else(|e| panic!("{}: {e}", entry.path));
            assert_eq!(bytes.len() as u64, content.size, "{}", entry.path);
            contents.push((entry.path.to_string(), Digest::of(&bytes)));
        }
    }
    contents
}

/// A plain file of an archive.
pub fn append(builder: &mut tar::Builder<impl std::io::Write>, name: &str, body: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1);
    header.set_uid(0);
    header.set_gid(0);
    builder.append_data(&mut header, name, body).unwrap();
}

/// A docker-archive of one image with one layer that holds `/file`.
pub fn small_archive(body: &[u8], tags: &[&str]) -> (Vec<u8>, ImageConfig) {
    let mut layer = tar::Builder::new(Vec::new());
    append(&mut layer, "file", body);
    let layer = layer.into_inner().unwrap();
    archive_of(&layer, "amd64", &json!({"Cmd": ["/file"]}), tags)
}

/// A docker-archive in `folder` of an image of busybox for this architecture, with this `config`; gives its
/// location.
pub fn busybox_archive(folder: &Path, architecture: &str, config: &Value) -> String {
    let layer = busybox_layer().into_inner().unwrap();
    let (archive, _) = archive_of(&layer, architecture, config, &["app:1"]);
    let path = folder.join("image.tar");
    fs::write(&path, archive).unwrap();
    format!("docker-archive:{}", path.display())
}

/// A layer with busybox, to be gone on with.
pub fn busybox_layer() -> tar::Builder<Vec<u8>> {
    let busybox = fs::read(BUSYBOX).expect("busybox-static is installed");
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(busybox.len() as u64);
    header.set_mode(0o755);
    layer
        .append_data(&mut header, "bin/busybox", &busybox[..])
        .unwrap();
    layer
}

/// A docker-archive of one image with this layer.
pub fn archive_of(
    layer: &[u8],
    architecture: &str,
    config: &Value,
    tags: &[&str],
) -> (Vec<u8>, ImageConfig) {
    let config = json!({
        "os": "linux", "architecture": architecture, "config": config,
        "rootfs": {"type": "layers", "diff_ids": [DiffId::of(layer)]},
        "history": [{"created_by": "test"}],
    });
    let config = serde_json::to_vec(&config).unwrap();
    let name = format!("{}.json", Digest::of(&config).to_hex());
    let manifest = json!([{"Config": name, "RepoTags": tags, "Layers": ["l/layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "l/layer.tar", layer);
    append(&mut archive, &name, &config);
    append(
        &mut archive,
        "manifest.json",
        manifest.to_string().as_bytes(),
    );
    let config = ImageConfig::parse(&config).unwrap();
    (archive.into_inner().unwrap(), config)
}

const BUSYBOX: &str = "/bin/busybox";

/// Runs Docker's command line; gives what it prints.
pub fn docker(args: &[&str]) -> String {
    docker_output(args).expect("docker succeeds")
}

/// Image names of one test, removed at its end.
#[derive(Default)]
pub struct Names(Vec<TemporaryImage>);

impl Names {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for an image of the test `test`, which may come to exist.
    pub fn add(&mut self, test: &str) -> String {
        let name = format!("mflayers-{test}:{}", std::process::id());
        // An image goes before the one that it was made from.
        self.0.insert(0, TemporaryImage::new(&name));
        name
    }
}

/// One entry of the base layer, with PAX records as Go writes them.
fn entry(
    builder: &mut tar::Builder<Vec<u8>>,
    (kind, mode): (tar::EntryType, u32),
    name: &[u8],
    records: &[(&str, &[u8])],
    body: &[u8],
) {
    let mut header = tar::Header::new_ustar();
    header.set_path("placeholder").unwrap();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(1000);
    header.set_gid(1001);
    header.set_mtime(1_700_000_000);
    header.set_size(body.len() as u64);
    if kind == tar::EntryType::Char {
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
    }
    header.set_cksum();
    let records = [("path", name)].into_iter().chain(records.iter().copied());
    builder.append_pax_extensions(records).unwrap();
    builder.append(&header, body).unwrap();
}

/// Everything that is awkward in a layer.
pub fn base_layer() -> Vec<u8> {
    use tar::EntryType as Type;
    // VFS_CAP_REVISION_2 with CAP_NET_BIND_SERVICE.
    let capability = [&[1, 0, 0, 2, 0, 4, 0, 0][..], &[0; 12]].concat();
    let long = format!("data/{}/{}", "d".repeat(200), "f".repeat(200));
    let target = format!("/{}", "t".repeat(300));
    let mut b = tar::Builder::new(Vec::new());
    for dir in ["bin/", "data/", "data/opq/", "data/dir/", "etc/"] {
        entry(&mut b, (Type::Directory, 0o755), dir.as_bytes(), &[], b"");
    }
    entry(&mut b, (Type::Directory, 0o1777), b"tmp/", &[], b"");
    entry(
        &mut b,
        (Type::Regular, 0o755),
        b"bin/busybox",
        &[],
        &fs::read(BUSYBOX).unwrap(),
    );
    entry(
        &mut b,
        (Type::Symlink, 0o777),
        b"bin/sh",
        &[("linkpath", b"busybox")],
        b"",
    );
    entry(
        &mut b,
        (Type::Regular, 0o4755),
        b"data/setuid",
        &[],
        b"setuid",
    );
    entry(
        &mut b,
        (Type::Regular, 0o755),
        b"data/capable",
        &[("SCHILY.xattr.security.capability", &capability)],
        b"capable",
    );
    entry(
        &mut b,
        (Type::Regular, 0o644),
        b"data/n\xff\xfe\n",
        &[],
        b"not UTF-8",
    );
    entry(
        &mut b,
        (Type::Regular, 0o600),
        long.as_bytes(),
        &[],
        b"long",
    );
    entry(
        &mut b,
        (Type::Regular, 0o644),
        b"data/times",
        &[("mtime", b"1234.000000567")],
        b"times",
    );
    entry(
        &mut b,
        (Type::Regular, 0o644),
        b"data/before",
        &[("mtime", b"-1.5")],
        b"before 1970",
    );
    entry(
        &mut b,
        (Type::Link, 0o644),
        b"data/hard",
        &[("linkpath", b"data/times")],
        b"",
    );
    entry(
        &mut b,
        (Type::Symlink, 0o777),
        b"data/dangling",
        &[("linkpath", target.as_bytes())],
        b"",
    );
    entry(&mut b, (Type::Char, 0o666), b"data/null", &[], b"");
    entry(&mut b, (Type::Fifo, 0o644), b"data/fifo", &[], b"");
    entry(&mut b, (Type::Regular, 0o644), b"data/empty", &[], b"");
    entry(&mut b, (Type::Regular, 0o644), b"data/gone", &[], b"gone");
    entry(&mut b, (Type::Regular, 0o644), b"data/opq/old", &[], b"old");
    entry(&mut b, (Type::Regular, 0o644), b"data/dir/a", &[], b"a");
    entry(
        &mut b,
        (Type::Regular, 0o644),
        b"data/dir/b",
        &[],
        &vec![0; 3_000_000],
    );
    b.into_inner().unwrap()
}

/// Makes an image of one layer.
pub fn import(layer: &[u8], name: &str) {
    let mut child = xtask::docker::docker()
        .args(["import", "-", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(layer).unwrap();
    assert!(child.wait().unwrap().success());
}

/// An image with whiteouts, an opaque directory and a layer that occurs twice, on top of [`base_layer`].
pub fn trap_image(names: &mut Names, test: &str) -> String {
    let base = names.add(&format!("{test}-base"));
    import(&base_layer(), &base);
    let name = names.add(test);
    let context = tempfile::tempdir().unwrap();
    let dockerfile = format!(
        "FROM {base}\n\
         RUN [\"/bin/busybox\", \"rm\", \"-r\", \"/data/gone\", \"/data/dir/a\", \"/data/opq\"]\n\
         RUN [\"/bin/busybox\", \"mkdir\", \"/data/opq\"]\n\
         RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox rm -r /data/opq && /bin/busybox mkdir /data/opq \
             && echo new >/data/opq/new\"]\n\
         COPY copied /data/copied\n\
         RUN [\"/bin/busybox\", \"ln\", \"/data/times\", \"/data/third\"]\n\
         ENV KEY=value\n\
         CMD [\"/bin/sh\"]\n"
    );
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    fs::write(context.path().join("copied"), "copied").unwrap();
    let mut build = xtask::docker::docker();
    build.args(["build", "-q", "--no-cache", "--network", "none", "-t"]);
    // With the daemon's own builder: its layers are those that the tests know.
    build.env("DOCKER_BUILDKIT", "0").arg(&name);
    command::run(build.arg(context.path()));
    name
}
