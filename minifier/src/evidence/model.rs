//! [`Group`]: one finding of evidence.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::rootfs::ImagePath;

/// What kind of evidence a group rests on. Each is switched by `--evidence NAME=on|off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A directory that is empty in the original: somebody wants to write into it.
    EmptyDirectory,
    /// A file that no package manager owns: the application's own.
    Unowned,
    /// A program that a shell script or crontab names.
    Script,
    /// A program or file that an executable names in its data.
    Program,
    /// A path that configuration names.
    Configuration,
    /// An import in Python source.
    Python,
    /// A `require` or `import` in JavaScript source.
    #[serde(rename = "javascript")]
    JavaScript,
    /// What belongs with a program or library, by the table of plug-ins.
    Plugin,
    /// Files that stand for one another, of which one was used.
    Family,
    /// A part of a language's runtime.
    Runtime,
}

impl Rule {
    /// Every rule, in the order in which reports list them.
    pub const ALL: [Self; 10] = [
        Self::EmptyDirectory,
        Self::Unowned,
        Self::Script,
        Self::Program,
        Self::Configuration,
        Self::Python,
        Self::JavaScript,
        Self::Plugin,
        Self::Family,
        Self::Runtime,
    ];

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyDirectory => "empty-directory",
            Self::Unowned => "unowned",
            Self::Script => "script",
            Self::Program => "program",
            Self::Configuration => "configuration",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Plugin => "plugin",
            Self::Family => "family",
            Self::Runtime => "runtime",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Rule`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a rule of evidence; rules are {all}", all = Rule::ALL.map(Rule::name).join(", "))]
pub struct UnknownRule(pub String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let found = Self::ALL.into_iter().find(|rule| rule.name() == name);
        found.ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

/// Whose file says that something is needed. The application's own word counts first when the budget is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file that no package owns, or that the image's config names.
    Application,
    /// Something that the workload used, of which this is the rest.
    Used,
    /// A file that a package brought.
    Package,
}

/// The place that says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EvidenceSource {
    /// The file; it stays.
    pub file: ImagePath,
    /// Line, from 1; `None` for files without lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The words there: a module, a program, a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

impl fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// Paths that belong together because one place says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The kind of evidence.
    pub rule: Rule,
    /// What it is, unique within the rule: a module's name, a directory with a pattern.
    pub name: String,
    /// The place that says so.
    pub source: EvidenceSource,
    /// Whose place that is.
    pub origin: Origin,
    /// The paths, as they stand in the merged tree or lead there through links.
    pub paths: BTreeSet<ImagePath>,
}

impl Group {
    /// Its name in `--include-evidence` and in reports: the rule and what it is.
    pub fn id(&self) -> String {
        format!("{}:{}", self.rule, self.name)
    }
}

/// Something that a reader could not take as evidence: a computed name, a file that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The kind of evidence that is missing for it.
    pub rule: Rule,
    /// The place.
    pub source: EvidenceSource,
    /// Why nothing follows from it.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rules_are_read_as_they_are_written() {
        for rule in Rule::ALL {
            assert_eq!(rule.name().parse(), Ok(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
        assert!("pyhton".parse::<Rule>().is_err());
    }
}
