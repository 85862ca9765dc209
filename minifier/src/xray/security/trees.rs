//! [`Trees`]: directories that others publish, known by how they are laid out: a language's own library, a cache of
//! packages, a toolchain. Keys and passwords in them are everybody's: examples and tests.
//!
//! A kind of tree is known by marks, which are paths below its root that its tools always make. So it does not matter
//! where somebody put it.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use crate::rootfs::ImagePath;
use crate::xray::merged::Body;

/// A kind of tree.
struct TreeLayout {
    /// Paths below the root, of files or directories.
    marks: &'static [&'static str],
    /// Fewest marks that prove it: names that others use as well prove nothing alone.
    least: u32,
    /// The directories below the root that are others' work; empty for all of it.
    parts: &'static [&'static str],
}

const fn whole(marks: &'static [&'static str], least: u32) -> TreeLayout {
    TreeLayout {
        marks,
        least,
        parts: &[],
    }
}

const fn parts(
    marks: &'static [&'static str],
    least: u32,
    parts: &'static [&'static str],
) -> TreeLayout {
    TreeLayout {
        marks,
        least,
        parts,
    }
}

/// Sources: what the tools' documentation says that they write, and the official images.
const KINDS: &[TreeLayout] = &[
    // Python's own library, also that of pyenv, uv and conda.
    whole(
        &[
            "os.py",
            "encodings/__init__.py",
            "lib-dynload",
            "site-packages",
            "json/decoder.py",
        ],
        2,
    ),
    // An environment of conda, and a package in its cache.
    parts(
        &["conda-meta"],
        1,
        &[
            "lib",
            "share",
            "include",
            "pkgs",
            "ssl",
            "man",
            "doc",
            "docs",
            "compiler_compat",
            "info",
        ],
    ),
    whole(&["info/index.json", "info/files", "info/paths.json"], 2),
    // Go's own tree, its cache of modules, and modules that are vendored.
    parts(
        &[
            "VERSION",
            "go.env",
            "bin/go",
            "src/go.mod",
            "src/runtime",
            "src/crypto",
            "pkg/tool",
            "api",
        ],
        3,
        &["src", "test", "api", "doc", "lib", "misc", "pkg"],
    ),
    parts(&["pkg/mod/cache"], 1, &["pkg"]),
    parts(&["vendor/modules.txt"], 1, &["vendor"]),
    // Crates from a registry, also vendored ones; Cargo's home; toolchains of rustup.
    whole(
        &[
            ".cargo-ok",
            ".cargo_vcs_info.json",
            ".cargo-checksum.json",
            "Cargo.toml.orig",
        ],
        1,
    ),
    parts(
        &[
            "registry/index",
            "registry/cache",
            "registry/src",
            "git/db",
            "git/checkouts",
        ],
        2,
        &["registry", "git"],
    ),
    // Its own folder alone: a distribution has it below /usr/lib.
    parts(&["rustlib"], 1, &["rustlib"]),
    // A package of R, and R itself.
    whole(
        &[
            "DESCRIPTION",
            "NAMESPACE",
            "INDEX",
            "Meta/package.rds",
            "help/AnIndex",
        ],
        2,
    ),
    parts(
        &[
            "library/base",
            "library/stats",
            "bin/R",
            "etc/Renviron",
            "etc/ldpaths",
        ],
        2,
        &["library", "share", "doc", "tests", "include", "modules"],
    ),
    // Erlang/OTP; packages of Hex.
    parts(
        &[
            "bin/erl",
            "usr/include",
            "releases/RELEASES",
            "misc/format_man_pages",
            "Install",
        ],
        2,
        &["lib", "usr", "misc", "man", "doc", "releases"],
    ),
    whole(&["hex_metadata.config"], 1),
    // Ruby's own library; Perl's.
    whole(
        &[
            "rubygems.rb",
            "set.rb",
            "openssl.rb",
            "bundler.rb",
            "erb.rb",
        ],
        2,
    ),
    whole(&["strict.pm", "warnings.pm", "Carp.pm", "Exporter.pm"], 2),
    // Packages of Composer; PHP's PEAR.
    parts(
        &[
            "vendor/autoload.php",
            "vendor/composer/installed.json",
            "vendor/composer",
        ],
        1,
        &["vendor"],
    ),
    whole(&[".registry", ".channels", "PEAR.php", "peclcmd.php"], 2),
    // Java, .NET, NuGet.
    parts(
        &[
            "release",
            "bin/java",
            "lib/modules",
            "lib/jvm.cfg",
            "lib/security/cacerts",
            "jmods",
        ],
        3,
        &["lib", "demo", "sample", "legal", "include", "jmods"],
    ),
    parts(
        &[
            "host/fxr",
            "shared/Microsoft.NETCore.App",
            "sdk",
            "packs",
            "ThirdPartyNotices.txt",
        ],
        2,
        &[
            "shared",
            "sdk",
            "packs",
            "templates",
            "host",
            "sdk-manifests",
            "library-packs",
        ],
    ),
    whole(&[".nupkg.metadata", ".signature.p7s"], 1),
    // npm's cache, a package of Homebrew, an OCaml switch, a LuaRocks tree.
    parts(
        &["_cacache/content-v2", "_cacache/index-v5"],
        1,
        &["_cacache"],
    ),
    whole(&["INSTALL_RECEIPT.json"], 1),
    parts(
        &[".opam-switch"],
        1,
        &["lib", "share", "doc", "man", ".opam-switch"],
    ),
    whole(&["rock_manifest"], 1),
];

/// The marks by their last component: kind and mark.
type Marks = HashMap<&'static [u8], Vec<(usize, usize)>>;

fn marks() -> &'static Marks {
    static MARKS: OnceLock<Marks> = OnceLock::new();
    MARKS.get_or_init(|| {
        let mut marks = Marks::new();
        for (number, kind) in KINDS.iter().enumerate() {
            for (at, mark) in kind.marks.iter().enumerate() {
                let last = mark.rsplit('/').next().unwrap_or(mark);
                marks.entry(last.as_bytes()).or_default().push((number, at));
            }
        }
        marks
    })
}

/// The trees of an image, in whichever layer: one that a later layer removes ships nevertheless.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// Kinds of each root, as bits.
    roots: BTreeMap<Vec<u8>, u64>,
}

impl Trees {
    /// Looks through the files of all layers, which are in the order of their paths.
    pub(crate) fn new(bodies: &[Body]) -> Self {
        let marks = marks();
        let mut seen: BTreeMap<(usize, Vec<u8>), u32> = BTreeMap::new();
        let mut last: &[u8] = b"/";
        for body in bodies {
            let path = body.path.as_bytes();
            // Directories that the last path went through have been looked at.
            // Paths are sorted, so a directory is looked at when its first file comes, and not for each of a million.
            let common = last.iter().zip(path).take_while(|(a, b)| a == b).count();
            let known = path[..common].iter().rposition(|&b| b == b'/').unwrap_or(0);
            last = path;
            let mut start = known;
            while start < path.len() {
                let end = memchr::memchr(b'/', &path[start + 1..])
                    .map_or(path.len(), |at| start + 1 + at);
                for &(kind, mark) in marks.get(&path[start + 1..end]).into_iter().flatten() {
                    let root = path[..end]
                        .strip_suffix(KINDS[kind].marks[mark].as_bytes())
                        .and_then(|root| root.strip_suffix(b"/"));
                    if let Some(root) = root {
                        *seen.entry((kind, root.to_vec())).or_default() |= 1 << mark;
                    }
                }
                start = end;
            }
        }
        let mut roots: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for ((kind, root), marks) in seen {
            // The root of the file system is everybody's.
            if marks.count_ones() >= KINDS[kind].least && !root.is_empty() {
                *roots.entry(root).or_default() |= 1 << kind;
            }
        }
        Self { roots }
    }

    /// Whether a path lies in a tree that others publish.
    pub(crate) fn publish(&self, path: &ImagePath) -> bool {
        let bytes = path.as_bytes();
        let slashes = memchr::memchr_iter(b'/', bytes).skip(1);
        slashes.into_iter().any(|at| self.covers(bytes, at)) || is_package_directory(path)
    }

    /// Whether the directory that ends at `at` is a root, and the path in one of its parts.
    fn covers(&self, path: &[u8], at: usize) -> bool {
        let Some(&kinds) = self.roots.get(&path[..at]) else {
            return false;
        };
        let below = &path[at + 1..];
        let first = below.split(|&b| b == b'/').next().unwrap_or_default();
        let of_kind = |(number, kind): (usize, &TreeLayout)| {
            kinds & (1 << number) != 0
                && (kind.parts.is_empty() || kind.parts.iter().any(|part| part.as_bytes() == first))
        };
        KINDS.iter().enumerate().any(of_kind)
    }
}

/// Directories whose very name makes them one of packages: `node_modules/NAME`, `site-packages/NAME`,
/// `gems/NAME-VERSION`, and Go's `NAME@vVERSION`.
fn is_package_directory(path: &ImagePath) -> bool {
    let parts: Vec<&[u8]> = path.components().collect();
    let dirs = &parts[..parts.len().saturating_sub(1)];
    dirs.iter().enumerate().any(|(at, &dir)| {
        let next = dirs.get(at + 1);
        let has_version = |name: &&[u8]| {
            let tail = name
                .iter()
                .rposition(|&b| b == b'-')
                .map(|at| &name[at + 1..]);
            tail.is_some_and(|tail| tail.first().is_some_and(u8::is_ascii_hexdigit))
        };
        match dir {
            b"node_modules" | b"site-packages" | b"dist-packages" => next.is_some(),
            b"gems" => next.is_some_and(has_version),
            _ => memchr::memmem::find(dir, b"@v")
                .is_some_and(|at| dir.get(at + 2).is_some_and(u8::is_ascii_digit)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::ContentRef;

    fn trees(paths: &[&str]) -> Trees {
        let mut bodies: Vec<Body> = paths
            .iter()
            .map(|path| Body {
                path: (*path).into(),
                content: ContentRef {
                    layer: 0,
                    at: 0,
                    size: 1,
                },
                visible: true,
            })
            .collect();
        bodies.sort_by(|a, b| a.path.cmp(&b.path));
        Trees::new(&bodies)
    }

    #[test]
    fn trees_are_known_by_their_layout_wherever_they_lie() {
        let found = trees(&[
            "/opt/x/python/lib/python3.12/os.py",
            "/opt/x/python/lib/python3.12/encodings/__init__.py",
            "/srv/env/conda-meta/history",
            "/home/me/sdk/VERSION",
            "/home/me/sdk/src/runtime/proc.go",
            "/home/me/sdk/src/crypto/aes/aes.go",
            "/deps/ring-0.17/Cargo.toml.orig",
            "/app/vendor/modules.txt",
        ]);
        for path in [
            "/opt/x/python/lib/python3.12/test/certdata/key.pem",
            "/srv/env/ssl/key.pem",
            "/home/me/sdk/src/crypto/tls/key.pem",
            "/deps/ring-0.17/src/key.pem",
            "/app/vendor/example.org/key.pem",
            "/app/node_modules/tls/key.pem",
            "/x/gems/puma-6.4/key.pem",
            "/m/golang.org/x/crypto@v0.1.0/key.pem",
        ] {
            assert!(found.publish(&path.into()), "{path}");
        }
        for path in [
            "/opt/x/python/lib/key.pem",
            "/srv/env/etc/key.pem",
            "/home/me/sdk/key.pem",
            "/app/key.pem",
            "/app/node_modules/key.pem",
            "/app/gems/key.pem",
            "/vendor/key.pem",
        ] {
            assert!(!found.publish(&path.into()), "{path}");
        }
    }

    #[test]
    fn one_name_that_others_use_too_makes_no_tree() {
        for paths in [
            &["/app/os.py", "/app/key.pem"][..],
            &["/app/VERSION", "/app/api/key.pem"],
        ] {
            assert!(!trees(paths).publish(&paths[1].into()), "{paths:?}");
        }
    }
}
