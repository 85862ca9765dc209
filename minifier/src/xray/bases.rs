//! Base images and what they weigh, for advice.

/// A base image.
pub(crate) struct Base {
    /// Its reference.
    pub(crate) name: &'static str,
    /// Bytes of its files, uncompressed, on amd64; rounded, as they change with every release.
    pub(crate) size: u64,
    /// What it has and what it lacks.
    pub(crate) what: &'static str,
}

const MB: u64 = 1_000_000;

const fn base(name: &'static str, megabytes: u64, what: &'static str) -> Base {
    Base {
        name,
        size: megabytes * MB,
        what,
    }
}

/// Sizes: as Docker shows them for the tags of 2024 and 2025 (the official images' and distroless' documentation).
pub(crate) const SCRATCH: Base = base("scratch", 0, "nothing at all");
pub(crate) const DISTROLESS_STATIC: Base = base(
    "gcr.io/distroless/static-debian12:nonroot",
    2,
    "certificates, time zones and a user; no shell, no libc",
);
pub(crate) const DISTROLESS_BASE: Base = base(
    "gcr.io/distroless/base-debian12:nonroot",
    21,
    "glibc and OpenSSL; no shell",
);
pub(crate) const DISTROLESS_CC: Base = base(
    "gcr.io/distroless/cc-debian12:nonroot",
    24,
    "glibc, libgcc and libstdc++; no shell",
);
pub(crate) const DISTROLESS_PYTHON: Base = base(
    "gcr.io/distroless/python3-debian12:nonroot",
    53,
    "Python 3.11; no shell, no pip",
);
pub(crate) const DISTROLESS_NODE: Base = base(
    "gcr.io/distroless/nodejs22-debian12:nonroot",
    141,
    "Node.js 22; no shell, no npm",
);
pub(crate) const DISTROLESS_JAVA: Base = base(
    "gcr.io/distroless/java17-debian12:nonroot",
    226,
    "a headless JRE 17; no shell",
);
pub(crate) const DEBIAN_SLIM: Base =
    base("debian:bookworm-slim", 75, "Debian without documentation");
pub(crate) const PYTHON_SLIM: Base =
    base("python:3.12-slim", 125, "Python on debian:bookworm-slim");
pub(crate) const NODE_SLIM: Base = base("node:22-slim", 220, "Node.js on debian:bookworm-slim");
pub(crate) const NODE_ALPINE: Base = base("node:22-alpine", 155, "Node.js on Alpine");
pub(crate) const JRE_ALPINE: Base = base("eclipse-temurin:17-jre-alpine", 185, "a JRE on Alpine");
pub(crate) const RUBY_SLIM: Base = base("ruby:3.3-slim", 200, "Ruby on debian:bookworm-slim");
pub(crate) const PHP_ALPINE: Base = base("php:8.3-fpm-alpine", 85, "PHP FPM on Alpine");
pub(crate) const DOTNET_CHISELED: Base = base(
    "mcr.microsoft.com/dotnet/runtime:8.0-noble-chiseled",
    85,
    "the .NET runtime; no shell",
);
