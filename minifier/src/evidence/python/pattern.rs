//! Modules whose names can be what a program puts together.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::facts::Computed;
use super::search::{Found, Search};
use crate::analyze::holds_tests_alone;
use crate::rootfs::RootFs;

/// Modules that one computed name can stand for.
const MAX_MATCHES: usize = 1_000;

/// The modules that a computed name fits, in the order of their names. Relative ones start at `package`; one that
/// begins with what is not known is tried in each of `packages`.
pub(crate) fn matches(
    computed: &Computed,
    package: &str,
    packages: &BTreeSet<String>,
    search: &mut Search,
    rootfs: &RootFs,
) -> Vec<Rc<Found>> {
    // `\0` stands for what is not known.
    let whole = computed.parts.join("\0");
    let relative = whole.strip_prefix('.');
    let segments: Vec<&str> = relative.unwrap_or(&whole).split('.').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    match (relative, segments.split_first()) {
        (Some(_), _) => {
            if let Some(base) = search.find(rootfs, package) {
                follow(&base, &segments, search, rootfs, &mut found);
            }
        }
        (None, Some((&"\0", rest))) => {
            // Two names that are known, or any package would have something that fits.
            let known = rest.iter().filter(|segment| !segment.contains('\0'));
            if known.count() >= 2 {
                for package in packages {
                    if let Some(base) = search.find(rootfs, package) {
                        follow(&base, rest, search, rootfs, &mut found);
                    }
                }
            }
        }
        (None, Some((first, rest))) if !first.contains('\0') => {
            if let Some(base) = search.find(rootfs, first) {
                follow(&base, rest, search, rootfs, &mut found);
            }
        }
        _ => {}
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    found
}

fn follow(
    base: &Rc<Found>,
    segments: &[&str],
    search: &mut Search,
    rootfs: &RootFs,
    found: &mut Vec<Rc<Found>>,
) {
    if found.len() >= MAX_MATCHES {
        return;
    }
    let Some((first, rest)) = segments.split_first() else {
        if !base.files.is_empty() {
            found.push(Rc::clone(base));
        }
        return;
    };
    let names = match first.split_once('\0') {
        None => vec![(*first).to_owned()],
        Some((before, after)) => {
            let after = after.rsplit('\0').next().unwrap_or_default();
            let mut names = Search::submodules(rootfs, base);
            names.retain(|name| {
                name.len() >= before.len() + after.len()
                    && name.starts_with(before)
                    && name.ends_with(after)
                    && !holds_tests_alone(name.as_bytes())
            });
            names
        }
    };
    for name in names {
        if let Some(next) = search.find(rootfs, &format!("{}.{name}", base.name)) {
            follow(&next, rest, search, rootfs, found);
        }
    }
}
