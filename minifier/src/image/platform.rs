//! [`Platform`]: the operating system and architecture that an image is for.
//!
//! Source: OCI image spec, `image-index.md` (platform variants); containerd's `platforms` package for aliases.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system and architecture of an image, in Go's terms (`linux`, `amd64`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, such as `linux`.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// The error for a text that is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "parse the platform {0:?}: expected OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/amd64"
)]
pub struct PlatformError(String);

impl Platform {
    /// The platform that this program runs on.
    pub fn host() -> Self {
        Self::normalised(std::env::consts::OS, std::env::consts::ARCH, None)
    }

    /// Whether an image for `self` satisfies a request for `wanted`. If the request has no variant, any variant does.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        // Configs are written with any alias; `wanted` was normalised when it was parsed.
        let own = Self::normalised(&self.os, &self.architecture, self.variant.as_deref());
        own.os == wanted.os
            && own.architecture == wanted.architecture
            && (wanted.variant.is_none() || own.variant == wanted.variant)
    }

    /// Resolves aliases and omits a variant that is the architecture's default.
    fn normalised(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, variant) = match (architecture, variant.filter(|v| !v.is_empty())) {
            // As in containerd: v1, v8 and v7 are what the architecture means without a variant.
            ("x86_64" | "x86-64" | "amd64", Some("v1") | None) => ("amd64", None),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", Some("v8" | "8") | None) => ("arm64", None),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf" | "arm", None) => ("arm", Some("v7")),
            ("armel", None) => ("arm", Some("v6")),
            ("arm", Some("7")) => ("arm", Some("v7")),
            ("i386" | "i686" | "x86", variant) => ("386", variant),
            other => other,
        };
        Self {
            os: os.to_ascii_lowercase(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let valid = |part: &&str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
            !part.is_empty() && part.bytes().all(good)
        };
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(PlatformError(text.to_owned())),
        };
        if !parts.iter().all(valid) {
            return Err(PlatformError(text.to_owned()));
        }
        Ok(Self::normalised(
            os,
            &architecture.to_ascii_lowercase(),
            variant,
        ))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|v| write!(f, "/{v}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn aliases_and_default_variants_are_the_same_platform() {
        for (image, wanted, satisfied) in [
            ("linux/amd64", "linux/x86_64", true),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/aarch64/v8", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/amd64", "linux/arm64", false),
            ("windows/amd64", "linux/amd64", false),
        ] {
            assert_eq!(
                platform(image).satisfies(&platform(wanted)),
                satisfied,
                "{image} {wanted}"
            );
        }
    }

    #[test]
    fn other_texts_are_errors() {
        for text in ["", "amd64", "linux/", "linux/amd64/v1/x", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
