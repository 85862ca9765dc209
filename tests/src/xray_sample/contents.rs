//! Files and directories: a small tree with odd names, and one of any size.

use minifier::xray::model::{
    Contents, Directory, DuplicateGroup, FileKind, KindTotal, LargeFile, TreeNode, TreeNodeKind,
};

use super::HOSTILE;

fn file(name: &str, size: u64, layer: usize, kind: FileKind) -> TreeNode {
    TreeNode {
        name: name.to_owned(),
        kind: TreeNodeKind::File,
        size,
        files: 1,
        layer,
        file_kind: Some(kind),
        package: None,
        children: Vec::new(),
    }
}

fn rest(size: u64, files: u64) -> TreeNode {
    TreeNode {
        name: String::new(),
        kind: TreeNodeKind::Rest,
        files,
        file_kind: None,
        ..file("", size, 0, FileKind::Text)
    }
}

fn directory(name: &str, layer: usize, mut children: Vec<TreeNode>) -> TreeNode {
    children.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    TreeNode {
        name: name.to_owned(),
        kind: TreeNodeKind::Directory,
        size: children.iter().map(|c| c.size).sum(),
        files: children.iter().map(|c| c.files).sum(),
        layer,
        file_kind: None,
        package: None,
        children,
    }
}

fn owned(package: &str, node: TreeNode) -> TreeNode {
    TreeNode {
        package: Some(package.to_owned()),
        ..node
    }
}

fn tree() -> TreeNode {
    let libc = "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12";
    let deep = (0..40).fold(
        file("bottom.txt", 40_000, 2, FileKind::Text),
        |below, depth| directory(&format!("level-{depth}"), 2, vec![below]),
    );
    directory(
        "/",
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
                            rest(38_000_000, 5_000),
                        ],
                    ),
                    directory(
                        "bin",
                        0,
                        vec![
                            file("python3.11", 6_800_000, 1, FileKind::Program),
                            rest(17_000_000, 420),
                        ],
                    ),
                    directory(
                        "share",
                        0,
                        vec![
                            file("locale-archive", 3_000_000, 0, FileKind::Locale),
                            rest(24_000_000, 6_000),
                        ],
                    ),
                ],
            ),
            directory(
                "var",
                0,
                vec![directory("lib", 0, vec![rest(20_100_000, 300)])],
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
                    deep,
                ],
            ),
        ],
    )
}

pub(super) fn contents() -> Contents {
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
    Contents {
        tree: tree(),
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
    }
}

/// A tree of `files` files, none of them in a rest: what the HTML page has to cope with at worst.
pub fn big_tree(files: u64) -> TreeNode {
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
                inside.push(file(
                    &format!("file-{next}.dat"),
                    size,
                    (next % 7) as usize,
                    kind,
                ));
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
    directory("/", 0, vec![directory("node_modules", 1, packages)])
}
