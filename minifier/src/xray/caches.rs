//! Look-up of files that package managers, build tools and downloaders leave and that no program needs.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::caches_known::{CACHES, KnownCache};
use crate::rootfs::ImagePath;

/// The patterns by their first component: which cache, and the components after the first.
type CachePatterns = HashMap<&'static str, Vec<CachePattern>>;

struct CachePattern {
    cache: usize,
    from_root: bool,
    rest: Vec<&'static str>,
}

fn patterns() -> &'static CachePatterns {
    static PATTERNS: OnceLock<CachePatterns> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let mut patterns = CachePatterns::new();
        for (cache, known) in CACHES.iter().enumerate() {
            for place in known.places {
                let mut parts = place.split('/').filter(|part| !part.is_empty());
                let first = parts.next().unwrap_or_default();
                patterns.entry(first).or_default().push(CachePattern {
                    cache,
                    from_root: place.starts_with('/'),
                    rest: parts.collect(),
                });
            }
        }
        patterns
    })
}

/// The cache that a file lies in, and the directory or file that is its place.
pub(crate) fn cache_of(path: &ImagePath) -> Option<(&'static KnownCache, ImagePath)> {
    let parts: Vec<&[u8]> = path.components().collect();
    // From the root: of two places that lie in each other, the outer one is what a command removes.
    for (at, part) in parts.iter().enumerate() {
        // All known names are ASCII.
        let Ok(name) = std::str::from_utf8(part) else {
            continue;
        };
        for pattern in patterns().get(name).into_iter().flatten() {
            let end = at + 1 + pattern.rest.len();
            let fits = (at == 0 || !pattern.from_root)
                && parts.get(at + 1..end).is_some_and(|parts| {
                    let pairs = parts.iter().zip(&pattern.rest);
                    pairs
                        .into_iter()
                        .all(|(part, want)| *want == "*" || *part == want.as_bytes())
                });
            if fits {
                let place = parts[..end].join(&b'/');
                return Some((&CACHES[pattern.cache], ImagePath::new(place)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_known_as_that_of_its_tool() {
        let mut places = 0;
        for cache in CACHES {
            for place in cache.places {
                places += 1;
                let below = match place.strip_prefix('/') {
                    Some(place) => format!("/{place}/x/y"),
                    None => format!("/home/me/{place}/x/y"),
                };
                let found = cache_of(&below.replace('*', "z").as_str().into());
                let (found, at) = found.unwrap_or_else(|| panic!("{below} is not known"));
                assert_eq!(found.id, cache.id, "{below}");
                assert!(below.replace('*', "z").starts_with(&at.to_string()), "{at}");
            }
        }
        assert!(places > 94, "{places}");
    }

    #[test]
    fn the_program_itself_is_in_no_cache() {
        for path in [
            "/app/target/app.jar",
            "/src/target/release/program",
            "/app/node_modules/cache/index.js",
            "/root/.cargo/bin/tool",
            "/usr/local/cargo/bin/tool",
            "/home/me/var/cache/apt/x",
            "/app/.next/server/page.js",
            "/app/.yarn/cache/left-pad.zip",
        ] {
            assert!(cache_of(&path.into()).is_none(), "{path}");
        }
    }

    #[test]
    fn identifiers_are_unique() {
        let mut ids: Vec<&str> = CACHES.iter().map(|cache| cache.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CACHES.len());
    }
}
