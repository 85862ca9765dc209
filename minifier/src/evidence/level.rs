//! [`Retain`]: how much evidence is taken.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// `--retain`: how much of what the workload did not use stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retain {
    /// What the workload used and what that needs.
    #[default]
    Traced,
    /// Evidence too, if its price is low.
    Likely,
}

impl Retain {
    /// Every level, from the smallest image to the largest.
    pub const ALL: [Self; 2] = [Self::Traced, Self::Likely];

    /// Its name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traced => "traced",
            Self::Likely => "likely",
        }
    }
}

impl fmt::Display for Retain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no [`Retain`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a level; levels are {all}", all = Retain::ALL.map(Retain::name).join(", "))]
pub struct UnknownRetain(pub String);

impl FromStr for Retain {
    type Err = UnknownRetain;

    fn from_str(name: &str) -> Result<Self, UnknownRetain> {
        let found = Self::ALL.into_iter().find(|level| level.name() == name);
        found.ok_or_else(|| UnknownRetain(name.to_owned()))
    }
}
