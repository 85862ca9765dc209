//! Patterns of include and exclude rules, compiled against an image.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use super::PlanError;
use crate::rootfs::{ImagePath, RootFs};

/// A rule's pattern. Directories on its way may be links (`/lib/x` where `/lib` leads to `/usr/lib`).
#[derive(Debug)]
pub(crate) struct Pattern {
    /// As the user wrote it.
    pub(crate) text: String,
    matcher: Matcher,
}

#[derive(Debug)]
enum Matcher {
    /// One path; the last component is not followed.
    Exact(ImagePath),
    Glob(Box<GlobMatcher>),
}

impl Pattern {
    /// Compiles `text`, the value of `option`.
    pub(crate) fn new(
        option: &'static str,
        text: &str,
        rootfs: &RootFs,
    ) -> Result<Self, PlanError> {
        let literal = ImagePath::new(text);
        // Next.js names files `[id].js`: what exists under the very text is meant, not the pattern.
        let exact = real_path(rootfs, &literal);
        let matcher = match exact {
            Some(path) => Matcher::Exact(path),
            // Nothing of that name, and no wildcard: it can still be excluded, or be reported as missing.
            None if !text.contains(['*', '?', '[', '{', '\\']) => Matcher::Exact(literal),
            None => {
                let glob = GlobBuilder::new(&through_links(rootfs, text))
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
                    .map_err(|source| PlanError::Pattern {
                        option,
                        pattern: text.to_owned(),
                        source,
                    })?;
                Matcher::Glob(Box::new(glob.compile_matcher()))
            }
        };
        Ok(Self {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether the pattern matches this very path.
    pub(crate) fn matches(&self, path: &ImagePath) -> bool {
        match &self.matcher {
            Matcher::Exact(exact) => exact == path,
            Matcher::Glob(glob) => glob.is_match(Path::new(OsStr::from_bytes(path.as_bytes()))),
        }
    }

    /// Whether the pattern matches the path or a directory above it.
    pub(crate) fn covers(&self, path: &ImagePath) -> bool {
        self.matches(path) || path.ancestors().any(|above| self.matches(&above))
    }

    /// The only path that the pattern can match.
    pub(crate) fn exact(&self) -> Option<&ImagePath> {
        match &self.matcher {
            Matcher::Exact(path) => Some(path),
            Matcher::Glob(_) => None,
        }
    }
}

/// `path` with the links on its way followed, but not a last one; `None` if it does not exist.
fn real_path(rootfs: &RootFs, path: &ImagePath) -> Option<ImagePath> {
    let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), false);
    resolution.found().map(|(path, _)| path.clone())
}

/// The pattern with the links among its literal leading directories followed.
fn through_links(rootfs: &RootFs, text: &str) -> String {
    let components: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    // Only the directories before the first wildcard can be followed: behind it, each match may have links of its
    // own.
    let is_literal = |part: &&str| !part.contains(['*', '?', '[', '{', '}', '\\']);
    let literal = components
        .iter()
        .take_while(|part| is_literal(part))
        .count();
    let (dirs, rest) = components.split_at(literal);
    let dir = ImagePath::new(dirs.join("/"));
    let resolution = rootfs.resolve(&ImagePath::root(), dir.as_bytes(), true);
    let real = match resolution.found() {
        Some((real, _)) => real,
        None => &dir,
    };
    // A directory that is no UTF-8 cannot be written in a glob.
    let real = std::str::from_utf8(real.relative()).unwrap_or_default();
    let mut out = String::new();
    if !real.is_empty() {
        out.push('/');
        out.push_str(&globset::escape(real));
    }
    for part in rest {
        out.push('/');
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::TestImage;

    fn matched(pattern: &str) -> Vec<String> {
        let image = TestImage::new()
            .link("/lib", "usr/lib")
            .file("/usr/lib/x/liba.so", "")
            .file("/usr/lib/x/y/libb.so", "")
            .file("/app/[id].js", "")
            .file("/app/i.js", "")
            .build();
        let pattern = Pattern::new("--exclude", pattern, &image.rootfs).unwrap();
        let paths = image.rootfs.walk().map(|(path, _)| path);
        paths
            .filter(|path| pattern.matches(path))
            .map(|path| path.to_string())
            .collect()
    }

    #[test]
    fn patterns_match_through_links_and_respect_slashes() {
        assert_eq!(matched("/lib/x/*.so"), ["/usr/lib/x/liba.so"]);
        assert_eq!(matched("lib/**/*.so").len(), 2);
        assert_eq!(matched("/lib"), ["/lib"]);
        assert_eq!(matched("/lib/x/"), ["/usr/lib/x"]);
        assert_eq!(matched("**/lib{a,b}.so").len(), 2);
    }

    #[test]
    fn what_exists_literally_is_taken_literally() {
        assert_eq!(matched("/app/[id].js"), ["/app/[id].js"]);
        assert_eq!(matched("/app/[i].js"), ["/app/i.js"]);
    }

    #[test]
    fn a_bad_pattern_is_an_error_that_names_option_and_pattern() {
        let image = TestImage::new().build();
        let error = Pattern::new("--exclude", "/a/[", &image.rootfs).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("read the pattern \"/a/[\" of --exclude: "),
            "{error}"
        );
    }
}
