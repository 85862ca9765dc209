//! [`Roots`]: directories of which none lies in another, to test quickly whether paths lie in any of them.

use crate::rootfs::ImagePath;

/// Directories in order, without those that lie below another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roots(Vec<ImagePath>);

impl Roots {
    pub(crate) fn new(dirs: impl IntoIterator<Item = ImagePath>) -> Self {
        let mut dirs: Vec<ImagePath> = dirs.into_iter().collect();
        dirs.sort();
        // Sorted, everything below a directory follows it, so one comparison with the last one that was kept is enough.
        dirs.dedup_by(|below, dir| below.starts_with(dir));
        Self(dirs)
    }

    /// Whether a path is one of them or lies below one. What lies below a directory comes right after it, so that only
    /// the last one before the path can have it.
    pub(crate) fn cover(&self, path: &ImagePath) -> bool {
        let after = self.0.partition_point(|root| root <= path);
        after
            .checked_sub(1)
            .is_some_and(|last| path.starts_with(&self.0[last]))
    }

    pub(crate) fn as_slice(&self) -> &[ImagePath] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_paths_are_looked_for_in_many_roots() {
        let roots = Roots::new((0..200_000).map(|n| ImagePath::new(format!("/d{n}/a"))));
        let covered = (0..200_000).filter(|n| roots.cover(&ImagePath::new(format!("/d{n}/a/{n}"))));
        assert_eq!(covered.count(), 200_000);
    }

    #[test]
    fn roots_cover_what_is_below_them_and_nothing_beside() {
        let dirs = ["/b/c", "/a", "/b/c/d", "/b.d", "/a/x"];
        let roots = Roots::new(dirs.map(ImagePath::from));
        assert_eq!(
            roots.as_slice(),
            ["/a", "/b/c", "/b.d"].map(ImagePath::from)
        );
        for (path, covered) in [
            ("/a", true),
            ("/a/x/y", true),
            ("/ab", false),
            ("/b", false),
            ("/b/c/d", true),
            ("/b/cd", false),
            ("/b.d/e", true),
            ("/", false),
            ("/z", false),
        ] {
            assert_eq!(roots.cover(&path.into()), covered, "{path}");
        }
        assert!(!Roots::default().cover(&"/".into()));
        assert!(Roots::new([ImagePath::root()]).cover(&"/a".into()));
    }
}
