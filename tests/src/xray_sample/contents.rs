//! Files and directories: a small tree with odd names, and one of any size.

use minifier::xray::model::{
    Contents, Directory, DuplicateGroup, FileKind, FileTree, KindTotal, LargeFile, LayerFiles,
    LinkTarget, Mark, MarkedNode, OtherKind, TreeKind, TreeNode,
};

use super::HOSTILE;

/// A path that is to be flattened into columns.
struct Node {
    name: String,
    kind: TreeKind,
    size: u64,
    layer: u32,
    package: Option<String>,
    children: Vec<Node>,
}

fn node(name: &str, kind: TreeKind, size: u64, layer: u32) -> Node {
    Node {
        name: name.to_owned(),
        kind,
        size,
        layer,
        package: None,
        children: Vec::new(),
    }
}

fn file(name: &str, size: u64, layer: u32, kind: FileKind) -> Node {
    node(name, TreeKind::File(kind), size, layer)
}

fn other(name: &str, layer: u32, kind: OtherKind) -> Node {
    node(name, TreeKind::Other(kind), 0, layer)
}

fn directory(name: &str, layer: u32, mut children: Vec<Node>) -> Node {
    children.sort_by(|a, b| a.name.cmp(&b.name));
    Node {
        size: children.iter().map(|c| c.size).sum(),
        children,
        ..other(name, layer, OtherKind::Directory)
    }
}

fn owned(package: &str, node: Node) -> Node {
    Node {
        package: Some(package.to_owned()),
        ..node
    }
}

/// The tree below `root`, and what each of `layers` layers added, as if none had touched what another one has.
fn flatten(root: Node, layers: usize) -> (FileTree, Vec<LayerFiles>) {
    let mut tree = FileTree::default();
    let mut by_layer = vec![LayerFiles::default(); layers];
    let mut before = vec![0; layers];
    let mut waiting = vec![(root, 0)];
    while let Some((node, depth)) = waiting.pop() {
        let number = tree.push(TreeNode {
            name: &node.name,
            depth,
            kind: node.kind,
            size: node.size,
            layer: node.layer,
        });
        if let Some(package) = node.package {
            tree.package_names.push(package);
            tree.packages[number as usize] = tree.package_names.len() as u32;
        }
        if matches!(node.kind, TreeKind::File(_)) {
            let entry = MarkedNode {
                node: number,
                mark: Mark::Added,
                hidden: false,
                size: node.size,
            };
            let layer = node.layer as usize;
            by_layer[layer].push(std::mem::replace(&mut before[layer], number), entry);
        }
        let children = node.children.into_iter().rev();
        waiting.extend(children.map(|child| (child, depth + 1)));
    }
    (tree, by_layer)
}

fn tree() -> (FileTree, Vec<LayerFiles>) {
    let libc = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12";
    let deep = (0..40).fold(
        file("bottom.txt", 40_000, 2, FileKind::Text),
        |below, depth| directory(&format!("level-{depth}"), 2, vec![below]),
    );
    let root = directory(
        "",
        0,
        vec![
            directory(
                "usr",
                0,
                vec![
                    directory(
                        "lib",
                        0,
                        vec![
                            owned(libc, file("libc.so.6", 1_922_136, 0, FileKind::Library)),
                            file("libpython3.11.so.1.0", 7_800_000, 1, FileKind::Library),
                            directory(
                                "gcc",
                                1,
                                vec![
                                    file("cc1", 31_000_000, 1, FileKind::Program),
                                    file("lto1", 29_000_000, 1, FileKind::Program),
                                ],
                            ),
                            file("libicudata.so.72", 38_000_000, 1, FileKind::Library),
                        ],
                    ),
                    directory(
                        "bin",
                        0,
                        vec![
                            file("python3.11", 6_800_000, 1, FileKind::Program),
                            other("python3", 1, OtherKind::Link),
                            file("gdb", 17_000_000, 1, FileKind::Program),
                        ],
                    ),
                    directory(
                        "share",
                        0,
                        vec![
                            file("locale-archive", 3_000_000, 0, FileKind::Locale),
                            file("icons.cache", 24_000_000, 0, FileKind::Data),
                        ],
                    ),
                ],
            ),
            directory(
                "var",
                0,
                vec![directory(
                    "lib",
                    0,
                    vec![file("cache.bin", 20_100_000, 0, FileKind::Binary)],
                )],
            ),
            directory(
                "app",
                2,
                vec![
                    file(HOSTILE, 2_000_000, 3, FileKind::Data),
                    file("\\x1b[31mname\\xff", 1_500_000, 3, FileKind::Binary),
                    file(&"very-long-name-".repeat(16), 900_000, 3, FileKind::Code),
                    file("__proto__", 800_000, 3, FileKind::Code),
                    file("日本語のファイル名.txt", 700_000, 3, FileKind::Text),
                    file("empty", 0, 3, FileKind::Empty),
                    file("empty.link", 0, 3, FileKind::Empty),
                    file("shop.db", 1_400_000, 3, FileKind::Data),
                    deep,
                ],
            ),
            directory("tmp", 0, vec![other("wheel.tar.gz", 2, OtherKind::Gone)]),
        ],
    );
    let (mut tree, mut by_layer) = flatten(root, 4);
    let find = |wanted: &str| {
        let mut found = None;
        tree.each_path(|node, path| found = found.or((path == wanted).then_some(node)));
        found.expect("it is in the sample")
    };
    let (wheel, database) = (find("/tmp/wheel.tar.gz"), find("/app/shop.db"));
    let (python, empty, link) = (
        find("/usr/bin/python3"),
        find("/app/empty"),
        find("/app/empty.link"),
    );
    let target = format!("../{HOSTILE}");
    tree.links.push(LinkTarget {
        node: python,
        target,
    });
    tree.hard_links.push((link, empty));
    let entry = |node, mark, hidden, size| MarkedNode {
        node,
        mark,
        hidden,
        size,
    };
    for (layer, entry) in [
        (1, entry(python, Mark::Added, false, 0)),
        (1, entry(wheel, Mark::Added, true, 20_000_000)),
        (2, entry(wheel, Mark::Removed, false, 20_000_000)),
        (2, entry(database, Mark::Added, true, 1_300_000)),
        (3, entry(database, Mark::Changed, false, 1_400_000)),
    ] {
        let files: &mut LayerFiles = &mut by_layer[layer];
        let mut entries: Vec<MarkedNode> =
            files.entries().filter(|e| e.node != entry.node).collect();
        entries.push(entry);
        entries.sort_by_key(|entry| entry.node);
        *files = LayerFiles::default();
        let mut before = 0;
        for entry in entries {
            files.push(std::mem::replace(&mut before, entry.node), entry);
        }
    }
    (tree, by_layer)
}

pub(crate) fn contents() -> Contents {
    let large = |path: &str, size, layer, kind, package: Option<&str>| LargeFile {
        path: path.to_owned(),
        size,
        layer,
        kind,
        package: package.map(str::to_owned),
    };
    let directory = |path: &str, size, files| Directory {
        path: path.to_owned(),
        size,
        files,
    };
    let kind = |kind, files, size| KindTotal { kind, files, size };
    let (tree, by_layer) = tree();
    Contents {
        tree,
        by_layer,
        largest_files: vec![
            large(
                "/usr/lib/gcc/cc1",
                31_000_000,
                1,
                FileKind::Program,
                Some("pkg:deb/debian/gcc-12@12.2.0-14?arch=amd64"),
            ),
            large("/usr/lib/gcc/lto1", 29_000_000, 1, FileKind::Program, None),
            large(
                &format!("/app/{HOSTILE}"),
                2_000_000,
                3,
                FileKind::Data,
                None,
            ),
        ],
        largest_directories: vec![
            directory("/usr/lib", 107_722_136, 5_004),
            directory("/usr/share", 27_000_000, 6_001),
            directory("/app", 5_940_000, 7),
        ],
        kinds: vec![
            kind(FileKind::Program, 430, 84_000_000),
            kind(FileKind::Library, 900, 61_000_000),
            kind(FileKind::Documentation, 5_000, 14_000_000),
            kind(FileKind::Code, 3_400, 30_000_000),
            kind(FileKind::Text, 2_615, 16_500_000),
        ],
        duplicates: vec![DuplicateGroup {
            sha256: "9f".repeat(32),
            size: 350_000,
            wasted: 700_000,
            count: 3,
            paths: vec![
                "/app/a.js".to_owned(),
                "/app/b.js".to_owned(),
                format!("/app/{HOSTILE}.js"),
            ],
        }],
        duplicate_bytes: 910_000,
        duplicate_documentation_bytes: 210_000,
    }
}

/// A tree of `files` files, and what each of `layers` layers added: what the HTML page has to cope with.
pub fn big_tree(files: u64, layers: u32) -> (FileTree, Vec<LayerFiles>) {
    const KINDS: [FileKind; 5] = [
        FileKind::Library,
        FileKind::Code,
        FileKind::Documentation,
        FileKind::Data,
        FileKind::Program,
    ];
    let mut next = 0_u64;
    let mut packages = Vec::new();
    while next < files {
        let mut folders = Vec::new();
        for folder in 0..10 {
            let mut inside = Vec::new();
            while next < files && inside.len() < 25 {
                // Spread over four orders of magnitude, without any randomness.
                let size = 64 + (next.wrapping_mul(2_654_435_761) % 1_000_003).pow(2) / 4_000_000;
                let kind = KINDS[(next % 5) as usize];
                let layer = (next % u64::from(layers)) as u32;
                inside.push(file(&format!("file-{next}.dat"), size, layer, kind));
                next += 1;
            }
            folders.push(directory(&format!("folder-{folder}"), 1, inside));
        }
        packages.push(directory(
            &format!("package-{}", packages.len()),
            1,
            folders,
        ));
    }
    let root = directory("", 0, vec![directory("node_modules", 1, packages)]);
    flatten(root, layers as usize)
}
