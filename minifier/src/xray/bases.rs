//! Base images and their sizes, for advice: of the same version and for the same C library.
//!
//! Only sizes that were published by those who make or measure these images; the source stands at each. If no such
//! figure is known for a version, the largest of another version stands for it, and the advice says so. Only tags
//! that have been published are named.

use super::model::{DistributionInfo, RuntimeKind};

/// A base image that could be built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) name: String,
    /// Bytes of all layers, uncompressed, on amd64, at the time of the source; they change with every release.
    pub(crate) size: u64,
    /// A description: contents, and how well the size is known.
    pub(crate) what: String,
}

/// The C library that programs of an image are linked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// glibc of Debian, by the release's name.
    Debian(&'static str),
    /// glibc of another distribution.
    Glibc,
    Musl,
    /// Not known: there is no distribution.
    Unknown,
}

impl System {
    pub(crate) fn of(distribution: Option<&DistributionInfo>) -> Self {
        let Some(distribution) = distribution else {
            return Self::Unknown;
        };
        let major = distribution.version.split('.').next().unwrap_or_default();
        match (distribution.id.as_str(), major) {
            ("debian", "11") => Self::Debian("bullseye"),
            ("debian", "12") => Self::Debian("bookworm"),
            ("debian", "13") => Self::Debian("trixie"),
            ("alpine" | "postmarketos" | "chimera", _) => Self::Musl,
            _ => Self::Glibc,
        }
    }
}

/// Size of the image of a version.
struct Figure {
    version: &'static str,
    size: u64,
}

const fn figure(version: &'static str, size: u64) -> Figure {
    Figure { version, size }
}

/// Docker's documentation of `FROM scratch`: an empty image.
pub(crate) fn scratch() -> Base {
    Base {
        name: "scratch".into(),
        size: 0,
        what: "nothing at all".into(),
    }
}

/// The README of GoogleContainerTools/distroless: "around 2 MiB".
pub(crate) fn distroless_static() -> Base {
    Base {
        name: "gcr.io/distroless/static-debian12".into(),
        size: 2 << 20,
        what: "certificates, time zones and a user; no shell, no libc".into(),
    }
}

// "Virtual Size (total size of all layers on-disk)" in docker-library/repo-info, repos/NAME/local/TAG.md; the image of
// that size was made on the day that is given.

/// debian/local: bookworm-slim, 2026-09-18; trixie-slim, 2024-12-02.
const DEBIAN: &[Figure] = &[figure("bookworm", 74_830_000), figure("trixie", 83_910_000)];
/// python/local/3.12-slim-bookworm.md, 2026-08-05.
const PYTHON: &[Figure] = &[figure("3.12", 124_300_000)];
/// node/local: 22-bookworm-slim, 2026-07-14; 24.19-bookworm-slim, 2026-08-05.
const NODE: &[Figure] = &[figure("22", 227_330_000), figure("24", 229_080_000)];
/// ruby/local/3.3-slim-bookworm.md, 2026-07-14.
const RUBY: &[Figure] = &[figure("3.3", 149_710_000)];
/// eclipse-temurin/local: 17-jre-jammy, 2026-07-02; 21-jre-jammy, 2026-08-04.
const JRE: &[Figure] = &[figure("17", 262_630_000), figure("21", 286_260_000)];
/// eclipse-temurin/local/17-jre-alpine.md, 2023-01-24.
const JRE_ALPINE: &[Figure] = &[figure("17", 169_870_000)];

// Tags in docker-library/repo-info, repos/NAME/local: versions by what they are built on.

/// python/local/VERSION-slim-RELEASE.md
const PYTHON_TAGS: Tags = &[
    ("bookworm", &["3.10", "3.11", "3.12", "3.13", "3.14"]),
    ("trixie", &["3.10", "3.11", "3.12", "3.13", "3.14"]),
];
/// node/local/VERSION-RELEASE-slim.md
const NODE_TAGS: Tags = &[
    ("bullseye", &["22", "24", "26"]),
    ("bookworm", &["22", "24", "26"]),
    ("trixie", &["22", "24", "26"]),
];
/// ruby/local/VERSION-slim-RELEASE.md
const RUBY_TAGS: Tags = &[
    ("bullseye", &["3.1", "3.2"]),
    ("bookworm", &["3.3", "3.4", "4.0"]),
    ("trixie", &["3.3", "3.4", "4.0"]),
];
/// eclipse-temurin/local/VERSION-jre-BASE.md
const JRE_TAGS: Tags = &[
    ("jammy", &["8", "11", "17", "21", "25"]),
    ("alpine", &["8", "11", "17", "21"]),
];

type Tags = &'static [(&'static str, &'static [&'static str])];

/// The image of a runtime's version that fits the C library; `None` if none is known.
pub(crate) fn of_runtime(kind: RuntimeKind, version: Option<&str>, system: System) -> Option<Base> {
    let numbers = numbers(version?);
    let major = numbers.first()?;
    let minor = || Some(format!("{major}.{}", numbers.get(1)?));
    let debian = match system {
        System::Debian(release) => release,
        // Programs that are not linked against Debian's glibc have to be built again in any case.
        _ => "bookworm",
    };
    let glibc = match system {
        System::Debian(_) => "",
        _ => "; its glibc is that of Debian, not that of this image",
    };
    let published = |tags: Tags, on: &str, version: &str| {
        let known = tags.iter().find(|(base, _)| *base == on);
        known.is_some_and(|(_, versions)| versions.contains(&version))
    };
    match (kind, system) {
        // Native libraries of a Java program are linked against the libc of its image.
        (RuntimeKind::Java, System::Musl) => {
            // `1.8.0` is Java 8.
            let major = java(&numbers)?;
            if !published(JRE_TAGS, "alpine", &major) {
                return None;
            }
            let name = format!("eclipse-temurin:{major}-jre-alpine");
            Some(base(
                &name,
                JRE_ALPINE,
                &major,
                "a JRE on Alpine, with musl",
            ))
        }
        (RuntimeKind::Java, _) => {
            let major = java(&numbers)?;
            if !published(JRE_TAGS, "jammy", &major) {
                return None;
            }
            let name = format!("eclipse-temurin:{major}-jre-jammy");
            Some(base(&name, JRE, &major, "a JRE on Ubuntu, with glibc"))
        }
        // No figures of their images on Alpine are known, and glibc is no choice for what is linked against musl.
        (_, System::Musl | System::Unknown) => None,
        (RuntimeKind::Python, _) => {
            let version = minor()?;
            if !published(PYTHON_TAGS, debian, &version) {
                return None;
            }
            let name = format!("python:{version}-slim-{debian}");
            Some(base(
                &name,
                PYTHON,
                &version,
                &format!("Python on Debian{glibc}"),
            ))
        }
        (RuntimeKind::Node, _) => {
            if !published(NODE_TAGS, debian, &major.to_string()) {
                return None;
            }
            let name = format!("node:{major}-{debian}-slim");
            Some(base(
                &name,
                NODE,
                &major.to_string(),
                &format!("Node.js on Debian{glibc}"),
            ))
        }
        (RuntimeKind::Ruby, _) => {
            let version = minor()?;
            if !published(RUBY_TAGS, debian, &version) {
                return None;
            }
            let name = format!("ruby:{version}-slim-{debian}");
            Some(base(
                &name,
                RUBY,
                &version,
                &format!("Ruby on Debian{glibc}"),
            ))
        }
        _ => None,
    }
}

/// The slim image of the release that a program was linked on.
pub(crate) fn of_system(system: System) -> Option<Base> {
    let System::Debian(release) = system else {
        return None;
    };
    let what = "glibc, a shell and apt; no documentation";
    Some(base(
        &format!("debian:{release}-slim"),
        DEBIAN,
        release,
        what,
    ))
}

fn base(name: &str, figures: &[Figure], version: &str, what: &str) -> Base {
    let known = figures.iter().find(|figure| figure.version == version);
    // The largest, so that the advice never promises more than it saves.
    let nearest = || figures.iter().max_by_key(|figure| figure.size);
    let size = known.or_else(nearest).map_or(0, |figure| figure.size);
    let measured = match known {
        Some(_) => String::new(),
        None => {
            let version = nearest().map_or("", |figure| figure.version);
            format!("; the size is that of version {version}, this one's is not known")
        }
    };
    Base {
        name: name.to_owned(),
        size,
        what: format!("{what}{measured}"),
    }
}

/// `jdk-21.0.11+10` is 21, `1.8.0_392` and `8u392` are 8.
fn java(numbers: &[u32]) -> Option<String> {
    match numbers {
        [1, major, ..] | [major, ..] => Some(major.to_string()),
        [] => None,
    }
}

/// The numbers that a version begins with.
fn numbers(version: &str) -> Vec<u32> {
    let start = version.find(|c: char| c.is_ascii_digit());
    let version = start.map_or("", |start| &version[start..]);
    let parts = version.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().ok()
    });
    parts.take(3).map_while(|number| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: RuntimeKind, version: &str, system: System) -> Option<String> {
        of_runtime(kind, Some(version), system).map(|base| base.name)
    }

    #[test]
    fn bases_are_of_the_same_version_and_for_the_same_c_library() {
        use RuntimeKind::{Java, Node, Python, Ruby};
        let bookworm = System::Debian("bookworm");
        for (kind, version, system, expected) in [
            (
                Java,
                "jdk-21.0.11+10",
                bookworm,
                "eclipse-temurin:21-jre-jammy",
            ),
            (
                Java,
                "21.0.2",
                System::Musl,
                "eclipse-temurin:21-jre-alpine",
            ),
            (
                Java,
                "1.8.0_392",
                System::Glibc,
                "eclipse-temurin:8-jre-jammy",
            ),
            (Java, "8u392", System::Glibc, "eclipse-temurin:8-jre-jammy"),
            (Node, "24.1.0", bookworm, "node:24-bookworm-slim"),
            (
                Node,
                "v22.19.0",
                System::Debian("trixie"),
                "node:22-trixie-slim",
            ),
            (Python, "3.11.2", bookworm, "python:3.11-slim-bookworm"),
            (Ruby, "3.3.3", System::Glibc, "ruby:3.3-slim-bookworm"),
        ] {
            assert_eq!(name(kind, version, system).as_deref(), Some(expected));
        }
        assert_eq!(name(Node, "24.1.0", System::Musl), None);
        assert_eq!(of_runtime(Node, None, bookworm), None);
        assert_eq!(of_system(System::Musl), None);
    }

    #[test]
    fn a_tag_that_nobody_published_is_not_named() {
        use RuntimeKind::{Java, Node, Python, Ruby};
        for (kind, version, system) in [
            // Its life ended before that release of Debian.
            (Node, "18.19.0", System::Debian("trixie")),
            // Odd versions of Node.js and of Java have short lives, or no image.
            (Node, "99.1.0", System::Glibc),
            (Java, "19.0.2", System::Glibc),
            (Java, "25.0.1", System::Musl),
            (Python, "2.7.18", System::Debian("bookworm")),
            (Ruby, "3.3.1", System::Debian("bullseye")),
        ] {
            assert_eq!(name(kind, version, system), None, "{version}");
        }
    }

    #[test]
    fn a_size_that_is_not_known_is_said_to_be_anothers() {
        let node = of_runtime(RuntimeKind::Node, Some("26.1"), System::Debian("bookworm"));
        let what = node.expect("a base").what;
        assert!(what.contains("that of version 24"), "{what}");
        let node = of_runtime(RuntimeKind::Node, Some("22.1"), System::Glibc);
        let what = node.expect("a base").what;
        assert!(
            !what.contains("size") && what.contains("its glibc is that of Debian"),
            "{what}"
        );
    }
}
