//! Base images and what they weigh, for advice.
//!
//! Only sizes that somebody who publishes or measures these images has written down; the source stands at each. Where no
//! such figure is known (distroless images of languages, images of PHP and .NET without an application) there is no entry.

/// A base image.
pub(crate) struct Base {
    /// Its name. Advice takes the smallest, so that one which is not the smallest of its kind need not be a reference.
    pub(crate) name: &'static str,
    /// Bytes of all layers, uncompressed, on amd64, at the time of the source; they change with every release.
    pub(crate) size: u64,
    /// What it has and what it lacks.
    pub(crate) what: &'static str,
}

const fn base(name: &'static str, size: u64, what: &'static str) -> Base {
    Base { name, size, what }
}

/// Docker's documentation of `FROM scratch`: an empty image.
pub(crate) const SCRATCH: Base = base("scratch", 0, "nothing at all");

/// The README of GoogleContainerTools/distroless: "around 2 MiB".
pub(crate) const DISTROLESS_STATIC: Base = base(
    "distroless static-debian12",
    2 << 20,
    "certificates, time zones and a user; no shell, no libc",
);

// "Virtual Size (total size of all layers on-disk)" in docker-library/repo-info, repos/NAME/local/TAG.md; the image of
// that size was made on the day that is given.

/// debian/local/bookworm-slim.md, 2026-09-18: 74.83 MB.
pub(crate) const DEBIAN_SLIM: Base = base(
    "debian:bookworm-slim",
    74_830_000,
    "glibc, a shell and apt; no documentation",
);
/// python/local/3.12-slim-bookworm.md, 2026-08-05: 124.3 MB.
pub(crate) const PYTHON_SLIM: Base = base(
    "python:3.12-slim-bookworm",
    124_300_000,
    "Python 3.12 on debian:bookworm-slim",
);
/// node/local/22-bookworm-slim.md, 2026-07-14: 227.33 MB.
pub(crate) const NODE_SLIM: Base = base(
    "node:22-bookworm-slim",
    227_330_000,
    "Node.js 22 on debian:bookworm-slim",
);
/// eclipse-temurin/local/17-jre-alpine.md, 2023-01-24: 169.87 MB.
pub(crate) const JRE_ALPINE: Base = base(
    "eclipse-temurin:17-jre-alpine",
    169_870_000,
    "a JRE 17 on Alpine",
);
/// ruby/local/3.3-slim-bookworm.md, 2026-07-14: 149.71 MB.
pub(crate) const RUBY_SLIM: Base = base(
    "ruby:3.3-slim-bookworm",
    149_710_000,
    "Ruby 3.3 on debian:bookworm-slim",
);
