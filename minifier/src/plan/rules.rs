//! The user's [`Rules`] for the keep set, and [`RunFacts`] about the run.

use std::collections::BTreeSet;

use super::PlanError;
use super::patterns::Pattern;
use crate::evidence::{Retain, Rule};
use crate::rootfs::RootFs;

/// The user's rules. Paths and patterns start at the image's root, with or without a slash in front; `*` and `?` do
/// not match slashes, `**` does, `[…]` and `{a,b}` are known. What exists literally is taken literally.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// `--include-path`: files, or directories with everything in them.
    pub include_paths: Vec<String>,
    /// `--include-bin`: programs by path or by name on the image's `PATH`, with all they need.
    pub include_bins: Vec<String>,
    /// `--include-shell`: the image's shells and a few dozen usual commands, if they exist.
    pub include_shell: bool,
    /// `--include-workdir`: the working directory with everything in it.
    pub include_workdir: bool,
    /// `--include-certs`: all certificates that the system trusts.
    pub include_certs: bool,
    /// `--include-zoneinfo`: the time zone database.
    pub include_zoneinfo: bool,
    /// `--exclude`: these and what is below them goes, whatever else says that it stays.
    pub excludes: Vec<String>,
    /// How much evidence is taken.
    pub evidence: EvidenceRules,
}

/// What the user says about evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceRules {
    /// `--retain`: the level.
    pub retain: Retain,
    /// `--evidence RULE=off`: rules that are not asked.
    pub off: BTreeSet<Rule>,
    /// `--include-evidence`: groups that stay whatever they cost.
    pub include: BTreeSet<String>,
}

impl Rules {
    /// Checks the patterns, for an error before anything runs.
    pub fn check(&self) -> Result<(), PlanError> {
        let empty = RootFs::default();
        let includes = self
            .include_paths
            .iter()
            .map(|text| ("--include-path", text));
        let excludes = self.excludes.iter().map(|text| ("--exclude", text));
        for (option, text) in includes.chain(excludes) {
            Pattern::new(option, text, &empty)?;
        }
        Ok(())
    }
}

/// How the container was run, as far as that differs from the image's config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// `--entrypoint`, in words; `None` if the image's own was used.
    pub entrypoint: Option<Vec<String>>,
    /// `--cmd`, in words; `None` if the image's own was used.
    pub cmd: Option<Vec<String>>,
    /// `--user`, as for `docker run`; `None` if the image's own was used.
    pub user: Option<String>,
    /// `--workdir`; `None` if the image's own was used.
    pub working_dir: Option<String>,
    /// `--env`: entries `NAME=value`; of several with one name, the last counts.
    pub env: Vec<String>,
}

/// The entries of a list file: one per line, without surrounding blanks; empty lines and lines that start with `#`
/// do not count.
pub fn parse_list(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_comments_and_blank_lines() {
        let list = parse_list("# what we need\n/app\r\n\n  /etc/a b#c  \n#/no\n");
        assert_eq!(list, ["/app", "/etc/a b#c"]);
    }
}
