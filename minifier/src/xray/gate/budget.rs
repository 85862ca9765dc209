//! Budgets by language: a size to aim at, and a maximum.

use std::fmt;
use std::str::FromStr;

use crate::units::Size;
use crate::xray::model::{Runtime, RuntimeKind};

/// A target that should be reached and a maximum that must be, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimits {
    /// Above this the rule warns.
    pub target: u64,
    /// Above this the rule fails.
    pub max: u64,
}

/// The language that a budget is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The language of the entrypoint.
    Auto,
    /// Go: 10 MB, at most 20 MB.
    Go,
    /// Rust: 10 MB, at most 15 MB.
    Rust,
    /// Python: 50 MB, at most 80 MB.
    Python,
    /// Node.js: 70 MB, at most 100 MB.
    Node,
    /// Java: 90 MB, at most 120 MB.
    Java,
}

/// The value of `--budget`: a language, with limits of its own or those of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeBudget {
    /// The language whose limits count.
    pub language: Language,
    /// Limits that replace those of the language; `None` for the language's own.
    pub limits: Option<SizeLimits>,
}

const MB: u64 = 1_000_000;

impl Language {
    const NAMES: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("go", Self::Go),
        ("rust", Self::Rust),
        ("python", Self::Python),
        ("node", Self::Node),
        ("java", Self::Java),
    ];

    fn limits(self) -> Option<SizeLimits> {
        let (target, max) = match self {
            Self::Auto => return None,
            Self::Go => (10, 20),
            Self::Rust => (10, 15),
            Self::Python => (50, 80),
            Self::Node => (70, 100),
            Self::Java => (90, 120),
        };
        Some(SizeLimits {
            target: target * MB,
            max: max * MB,
        })
    }

    fn of(kind: RuntimeKind) -> Option<Self> {
        match kind {
            RuntimeKind::Go => Some(Self::Go),
            RuntimeKind::Rust => Some(Self::Rust),
            RuntimeKind::Python => Some(Self::Python),
            RuntimeKind::Node => Some(Self::Node),
            RuntimeKind::Java => Some(Self::Java),
            RuntimeKind::Ruby
            | RuntimeKind::Php
            | RuntimeKind::Dotnet
            | RuntimeKind::StaticNative
            | RuntimeKind::DynamicNative => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, l)| l == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl SizeBudget {
    /// The language that counts for an image with `runtimes`, and its limits; `None` if there are no limits for it.
    pub fn resolve(&self, runtimes: &[Runtime]) -> Option<(Language, SizeLimits)> {
        let language = match self.language {
            Language::Auto => runtimes
                .iter()
                .find(|runtime| runtime.entrypoint)
                .and_then(|runtime| Language::of(runtime.kind)),
            language => Some(language),
        };
        match (language, self.limits) {
            // Limits that were given count for any image, also if its language is not known.
            (language, Some(limits)) => Some((language.unwrap_or(Language::Auto), limits)),
            (Some(language), None) => Some((language, language.limits()?)),
            (None, None) => None,
        }
    }
}

impl FromStr for SizeBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limits) = match text.split_once('=') {
            Some((name, limits)) => (name, Some(limits)),
            None => (text, None),
        };
        let name = name.trim().to_ascii_lowercase();
        let Some(&(_, language)) = Language::NAMES.iter().find(|(n, _)| *n == name) else {
            let names = Language::NAMES.map(|(name, _)| name).join(", ");
            return Err(format!("{name:?} has no budget: expected one of {names}"));
        };
        let limits = limits.map(parse_limits).transpose()?;
        Ok(Self { language, limits })
    }
}

/// `TARGET/MAX`
fn parse_limits(text: &str) -> Result<SizeLimits, String> {
    let (target, max) = text
        .split_once('/')
        .ok_or_else(|| format!("`{text}` is not TARGET/MAX, such as `40MB/60MB`"))?;
    let size = |text: &str| text.parse::<Size>().map_err(|e| format!("cannot {e}"));
    let (target, max) = (size(target)?.0, size(max)?.0);
    // Swapped by mistake; such a budget could never warn.
    if target > max {
        return Err(format!("the target `{text}` is above its maximum"));
    }
    Ok(SizeLimits { target, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(kind: RuntimeKind, entrypoint: bool) -> Runtime {
        Runtime {
            kind,
            version: None,
            evidence: String::new(),
            entrypoint,
        }
    }

    #[test]
    fn auto_is_the_language_of_the_entrypoint() {
        let budget: SizeBudget = "auto".parse().unwrap();
        let runtimes = [
            runtime(RuntimeKind::Node, false),
            runtime(RuntimeKind::Go, true),
        ];
        let go = SizeLimits {
            target: 10 * MB,
            max: 20 * MB,
        };
        assert_eq!(budget.resolve(&runtimes), Some((Language::Go, go)));
        assert_eq!(budget.resolve(&runtimes[..1]), None);
        assert_eq!(budget.resolve(&[runtime(RuntimeKind::Ruby, true)]), None);
    }

    #[test]
    fn limits_of_its_own_go_before_the_table() {
        let budget: SizeBudget = "java=1MB/2MB".parse().unwrap();
        assert_eq!(
            budget.resolve(&[]),
            Some((
                Language::Java,
                SizeLimits {
                    target: MB,
                    max: 2 * MB
                }
            ))
        );
        let any: SizeBudget = "auto=1MB/2MB".parse().unwrap();
        assert!(any.resolve(&[]).is_some());
    }

    #[test]
    fn what_is_no_budget_is_refused() {
        for text in ["", "cobol", "go=", "go=1MB", "go=2MB/1MB", "go=x/y"] {
            assert!(text.parse::<SizeBudget>().is_err(), "{text}");
        }
    }
}
