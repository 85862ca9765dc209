//! [`IgnoreList`]: findings that were reviewed and accepted, each with a reason and an expiry date.
//!
//! The file is YAML; docs/secrets.md describes it. An entry names findings by path, by rule and by fingerprint: all that
//! it gives must fit. One that has expired hides nothing, and is reported.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use thiserror::Error;

use crate::rootfs::ImagePath;
use crate::xray::model::{Finding, FindingLocation, IgnoreEntry, IgnoreState, IgnoredFinding};

/// Why a file of accepted findings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IgnoreFileError {
    /// It is not YAML, or not a list of entries.
    #[error("parse the list: {0}")]
    Yaml(String),
    /// An entry that cannot be used, numbered from 1.
    #[error("apply entry {entry} of the list: {reason}")]
    AcceptedEntry {
        /// Number of the entry in the file, from 1.
        entry: usize,
        /// The reason, as a fragment of a sentence.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    ignore: Vec<WrittenEntry>,
}

/// An entry as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    path: Option<String>,
    rule: Option<String>,
    fingerprint: Option<String>,
    #[serde(default)]
    reason: String,
    expires: Option<String>,
}

/// Findings that are accepted.
#[derive(Debug, Clone, Default)]
pub struct IgnoreList {
    entries: Vec<AcceptedEntry>,
}

#[derive(Debug, Clone)]
struct AcceptedEntry {
    path: Option<(String, GlobMatcher)>,
    rule: Option<String>,
    fingerprint: Option<String>,
    reason: String,
    /// The last day on which it holds.
    expires: Option<Date>,
}

impl IgnoreList {
    /// The list of `text`, the contents of a `.minifier-ignore`.
    ///
    /// # Errors
    ///
    /// If it is not YAML of that form, or an entry names no finding, has no reason, or has a pattern or a date that is
    /// not valid.
    pub fn parse(text: &str) -> Result<Self, IgnoreFileError> {
        let file: Option<File> =
            serde_saphyr::from_str(text).map_err(|e| IgnoreFileError::Yaml(e.to_string()))?;
        let written = file.map(|file| file.ignore).unwrap_or_default();
        let entries = written.into_iter().zip(1..).map(|(written, entry)| {
            AcceptedEntry::new(written)
                .map_err(|reason| IgnoreFileError::AcceptedEntry { entry, reason })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// Judges findings one by one; `now` is when entries count as expired.
    pub(crate) fn judge(&self, now: Timestamp) -> Judge<'_> {
        Judge {
            entries: &self.entries,
            counts: vec![0; self.entries.len()],
            // In UTC, so that the gate gives the same answer on every runner.
            today: now.to_zoned(TimeZone::UTC).date(),
        }
    }
}

/// A finding, and whether it is accepted.
pub(crate) enum IgnoreVerdict {
    Open(Finding),
    Accepted(IgnoredFinding),
}

/// Judges findings by an ignore list, and counts how many fit each entry.
pub(crate) struct Judge<'a> {
    entries: &'a [AcceptedEntry],
    counts: Vec<u64>,
    today: Date,
}

impl Judge<'_> {
    /// Accepts a finding or not. One that was accepted until a day says so.
    pub(crate) fn judge(&mut self, mut finding: Finding) -> IgnoreVerdict {
        let fitting = self.entries.iter().enumerate();
        let mut fitting = fitting.filter(|(_, entry)| entry.fits(&finding)).peekable();
        // Remembered, since the search below consumes the entries: an expired one is named in the finding.
        let first = fitting.peek().copied();
        if let Some((number, entry)) = fitting.find(|(_, entry)| !entry.is_expired(self.today)) {
            self.counts[number] += 1;
            return IgnoreVerdict::Accepted(IgnoredFinding {
                finding,
                reason: entry.reason.clone(),
                expires: entry.expires.map(|date| date.to_string()),
            });
        }
        if let Some((number, entry)) = first
            && let Some(expired) = entry.expires
        {
            self.counts[number] += 1;
            finding
                .message
                .push_str(&format!("; it was ignored until {expired}"));
        }
        IgnoreVerdict::Open(finding)
    }

    /// The entries with their effects.
    pub(crate) fn entries(self) -> Vec<IgnoreEntry> {
        let entries = self.entries.iter().zip(self.counts);
        let entries = entries.map(|(entry, findings)| IgnoreEntry {
            path: entry.path.as_ref().map(|(text, _)| text.clone()),
            rule: entry.rule.clone(),
            fingerprint: entry.fingerprint.clone(),
            reason: entry.reason.clone(),
            expires: entry.expires.map(|date| date.to_string()),
            state: match findings {
                // Expired before unused: it has to be renewed or removed in either case.
                _ if entry.is_expired(self.today) => IgnoreState::Expired,
                0 => IgnoreState::Unused,
                _ => IgnoreState::Used,
            },
            findings,
        });
        entries.collect()
    }
}

impl AcceptedEntry {
    fn new(written: WrittenEntry) -> Result<Self, String> {
        let WrittenEntry {
            path,
            rule,
            fingerprint,
            reason,
            expires,
        } = written;
        if path.is_none() && rule.is_none() && fingerprint.is_none() {
            return Err("it has no `path`, `rule` or `fingerprint`".into());
        }
        // An accepted key without a reason is one that nobody can review later.
        if reason.trim().is_empty() {
            return Err("it has no `reason`".into());
        }
        let glob = |text: String| {
            let glob = GlobBuilder::new(&text)
                // As for `--exclude`: `*` stays within a directory.
                .literal_separator(true)
                // Globset's default differs by platform; an ignore file has to mean the same everywhere.
                .backslash_escape(true)
                .build()
                .map_err(|e| format!("{text:?} is not a valid pattern: {}", e.kind()))?;
            Ok::<_, String>((text, glob.compile_matcher()))
        };
        let date = |text: String| {
            text.parse::<Date>()
                .map_err(|_| format!("{text:?} is not a valid date such as 2027-03-31"))
        };
        Ok(Self {
            path: path.map(glob).transpose()?,
            rule,
            fingerprint,
            reason,
            expires: expires.map(date).transpose()?,
        })
    }

    fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    fn fits(&self, finding: &Finding) -> bool {
        let path = self.path.as_ref().is_none_or(|(_, glob)| {
            let FindingLocation::File { path, .. } = &finding.location else {
                return false;
            };
            let path = ImagePath::from_text(path);
            let is_match =
                |path: &ImagePath| glob.is_match(Path::new(OsStr::from_bytes(path.as_bytes())));
            // A directory stands for everything in it.
            is_match(&path) || path.ancestors().any(|dir| is_match(&dir))
        });
        let rule = self
            .rule
            .as_ref()
            .is_none_or(|rule| *rule == finding.detail || *rule == finding.kind.name());
        let fingerprint = self.fingerprint.as_ref();
        path && rule && fingerprint.is_none_or(|print| *print == finding.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xray::model::{FindingKind, Severity};

    fn finding(path: &str) -> Finding {
        Finding::new(
            FindingKind::PrivateKey,
            Severity::Error,
            format!("{path} holds a key"),
            FindingLocation::File {
                path: path.into(),
                layer: 0,
                line: Some(1),
                visible: true,
            },
            "pem-private-key",
        )
    }

    /// Open findings, and the effects of the entries, on the first of January 2027.
    fn applied(list: &str, paths: &[&str]) -> (Vec<String>, Vec<IgnoreState>) {
        let now = Timestamp::from_second(crate::xray::testing::NOW).expect("a time");
        let list = IgnoreList::parse(list).expect("a list");
        let mut judge = list.judge(now);
        let findings = paths.iter().map(|path| finding(path));
        let left = findings.filter_map(|finding| match judge.judge(finding) {
            IgnoreVerdict::Open(finding) => Some(finding.message),
            IgnoreVerdict::Accepted(_) => None,
        });
        let left = left.collect();
        let entries = judge.entries();
        (left, entries.iter().map(|entry| entry.state).collect())
    }

    #[test]
    fn findings_are_ignored_by_path_rule_and_fingerprint() {
        let print = finding("/app/a.pem").fingerprint;
        for (entry, left) in [
            ("path: /app/**", 0),
            ("path: /app", 0),
            ("path: '/*/a.pem'", 0),
            ("rule: pem-private-key", 0),
            ("rule: private-key", 0),
            (&*format!("fingerprint: \"{print}\""), 0),
            ("path: /app/*\n    rule: private-key", 0),
            ("path: /srv/**", 1),
            ("path: /app/**\n    rule: credential", 1),
            ("fingerprint: \"0123\"", 1),
        ] {
            let list = format!("ignore:\n  - {entry}\n    reason: it opens a test server\n");
            assert_eq!(applied(&list, &["/app/a.pem"]).0.len(), left, "{list}");
        }
    }

    #[test]
    fn an_entry_holds_to_the_end_of_its_last_day_and_is_reported_after() {
        let list = |date: &str| {
            format!("ignore:\n  - path: /app/**\n    reason: r\n    expires: {date}\n")
        };
        let (left, states) = applied(&list("2027-01-01"), &["/app/a.pem"]);
        assert_eq!((left.len(), states), (0, vec![IgnoreState::Used]));
        let (left, states) = applied(&list("2026-12-31"), &["/app/a.pem"]);
        assert_eq!(
            left,
            ["/app/a.pem holds a key; it was ignored until 2026-12-31"]
        );
        assert_eq!(states, [IgnoreState::Expired]);
        let (_, states) = applied(&list("2027-01-01"), &[]);
        assert_eq!(states, [IgnoreState::Unused]);
    }

    #[test]
    fn entries_that_say_too_little_or_nonsense_are_refused() {
        for text in [
            "ignore:\n  - reason: all of them\n",
            "ignore:\n  - path: /a\n",
            "ignore:\n  - path: /a\n    reason: ' '\n",
            "ignore:\n  - path: '/a/[b'\n    reason: r\n",
            "ignore:\n  - path: /a\n    reason: r\n    expires: next week\n",
            "ignore:\n  - paths: /a\n    reason: r\n",
            "secrets: off\n",
            "- a\n",
        ] {
            assert!(IgnoreList::parse(text).is_err(), "{text}");
        }
        for text in ["", "# nothing yet\n", "ignore: []\n"] {
            assert!(IgnoreList::parse(text).is_ok(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_list_or_refused(text in "(ignore:\n)?[ a-z0-9:{}\\[\\]&*!|>\"'#\n-]{0,60}") {
            let _ = IgnoreList::parse(&text);
        }
    }
}
