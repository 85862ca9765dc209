//! Versions of OCI runtimes that an image or a container can make write to the host's own files.
//!
//! Sources: GHSA-xr7r-f8xq-vfvv, GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r and GHSA-cgrx-mc8f-2prm of runc;
//! <https://github.com/containers/crun/pull/2249>; GHSA-j26p-6wx7-f3pw, GHSA-4g74-7cff-xcv8 and GHSA-vf95-55w6-qmrf of
//! youki.

use std::cmp::Ordering;

/// A version: numbers, and the number of a release candidate.
type Version = ([u32; 3], Option<u32>);

/// A vulnerability, and the versions that have it.
struct Hole {
    program: &'static str,
    names: &'static str,
    /// The first version with it.
    from: Version,
    /// The first version without it.
    mended: Version,
}

const fn hole(program: &'static str, names: &'static str, from: [u32; 3], mended: Version) -> Hole {
    Hole {
        program,
        names,
        from: (from, Some(0)),
        mended,
    }
}

const PROCFS: &str = "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881";

/// Links in the image's `/dev`: <https://github.com/opencontainers/runc/security/advisories/GHSA-xjvp-4fhw-gc47>.
const DEV: &str = "CVE-2026-41579";

const HOLES: [Hole; 10] = [
    hole("runc", "CVE-2024-21626", [0, 0, 0], ([1, 1, 12], None)),
    hole("runc", PROCFS, [0, 0, 0], ([1, 2, 8], None)),
    hole("runc", PROCFS, [1, 3, 0], ([1, 3, 3], None)),
    hole("runc", PROCFS, [1, 4, 0], ([1, 4, 0], Some(3))),
    hole("runc", DEV, [0, 0, 0], ([1, 3, 6], None)),
    hole("runc", DEV, [1, 4, 0], ([1, 4, 3], None)),
    hole("runc", DEV, [1, 5, 0], ([1, 5, 0], Some(3))),
    // Only if nothing is mounted over `/dev`; minifier and the usual engines mount a tmpfs there.
    hole(
        "crun",
        "CVE-2026-88264, CVE-2026-88265",
        [0, 0, 0],
        ([1, 30, 0], None),
    ),
    hole("youki", "CVE-2025-54867", [0, 0, 0], ([0, 5, 5], None)),
    hole(
        "youki",
        "CVE-2025-62161, CVE-2025-62596",
        [0, 0, 0],
        ([0, 5, 7], None),
    ),
];

/// The names of the vulnerabilities of a runtime, by the version that it reports, such as `runc version 1.1.5+ds1`.
pub fn known(says: &str) -> Vec<&'static str> {
    let mut words = says.split(|c: char| c.is_whitespace() || c == ':');
    let program = words.next().unwrap_or_default().to_ascii_lowercase();
    let Some(version) = words.find_map(version) else {
        return Vec::new();
    };
    let has = |hole: &&Hole| {
        hole.program == program
            && compare(&version, &hole.from).is_ge()
            && compare(&version, &hole.mended).is_lt()
    };
    HOLES.iter().filter(has).map(|hole| hole.names).collect()
}

/// Reads `1.2.3`, with `-rc.4` or `-rc4`, and any suffix of a distribution. A distribution's backported fixes are not
/// recognised: it is better to warn once too often.
fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
    let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
    let version = [
        parts.next()??,
        parts.next()??,
        parts.next().flatten().unwrap_or(0),
    ];
    let candidate = rest.strip_prefix("-rc").map(|rest| {
        let rest = rest.trim_start_matches('.');
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().unwrap_or(0)
    });
    Some((version, candidate))
}

/// Release candidates come before their release.
fn compare(a: &Version, b: &Version) -> Ordering {
    let candidate = |version: &Version| version.1.unwrap_or(u32::MAX);
    (a.0, candidate(a)).cmp(&(b.0, candidate(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_known_holes_are_named() {
        let leaked = "CVE-2024-21626";
        let crun = "CVE-2026-88264, CVE-2026-88265";
        for (says, expected) in [
            ("runc version 1.1.5+ds1", vec![leaked, PROCFS, DEV]),
            ("runc version 1.1.12", vec![PROCFS, DEV]),
            ("runc version 1.2.7", vec![PROCFS, DEV]),
            ("runc version 1.2.8", vec![DEV]),
            ("runc version 1.3.0-rc.1", vec![PROCFS, DEV]),
            ("runc version 1.3.2-0ubuntu2", vec![PROCFS, DEV]),
            ("runc version 1.3.3", vec![DEV]),
            ("runc version 1.3.6", vec![]),
            ("runc version 1.4.0-rc.2", vec![PROCFS, DEV]),
            ("runc version 1.4.0-rc.3", vec![DEV]),
            ("runc version 1.4.0", vec![DEV]),
            ("runc version 1.4.3", vec![]),
            ("runc version 1.5.0-rc.2", vec![DEV]),
            ("runc version 1.5.0", vec![]),
            ("runc version 2.0.0", vec![]),
            ("crun version 1.8.1", vec![crun]),
            ("crun version 1.29.1", vec![crun]),
            ("crun version 1.30", vec![]),
            (
                "youki version 0.5.6",
                vec!["CVE-2025-62161, CVE-2025-62596"],
            ),
            ("youki version: 0.5.7", vec![]),
            ("other version 0.1.0", vec![]),
            ("runc", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(known(says), expected, "{says}");
        }
    }
}
