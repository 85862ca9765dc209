//! [`Provenances`]: whose a file is, by its path. Files of packages and of a language's own library are public; files of
//! tests and examples are made to be shown.

use super::trees::Trees;
use crate::analyze::holds_samples;
use crate::image::ImageConfig;
use crate::rootfs::ImagePath;
use crate::xray::merged::Merged;
use crate::xray::packages::Owners;

/// The owner of a file, in a wide sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// The image's author put it there.
    Own,
    /// It belongs to tests, examples, documentation or others' sources that the author has copied.
    Sample,
    /// A package or a tree that others publish has it.
    Published,
}

/// Words of file names that stand for a file which is to be copied and filled in.
const SAMPLE_WORDS: [&str; 14] = [
    "example", "examples", "sample", "samples", "dist", "template", "tmpl", "tpl", "j2", "mock",
    "fixture", "fixtures", "dummy", "demo",
];
/// Words of file names that stand for a test of a program.
const TEST_WORDS: [&str; 4] = ["test", "tests", "spec", "specs"];

/// Judges whose files are.
pub(crate) struct Provenances<'a> {
    merged: &'a Merged,
    owners: &'a Owners,
    trees: Trees,
    /// The working directory and the programs that the config names: what lies around them is the application,
    /// whatever the directory is called.
    used: Vec<ImagePath>,
    /// Whether there is a database of packages that was not read.
    unread: bool,
}

impl<'a> Provenances<'a> {
    pub(crate) fn new(
        config: &ImageConfig,
        merged: &'a Merged,
        owners: &'a Owners,
        unread: bool,
    ) -> Self {
        // `WORKDIR /srv/examples/web`: an author may work in a directory that has the name of samples.
        let words = config.entrypoint().iter().chain(config.cmd());
        let words = words.map(String::as_str).chain([config.working_dir()]);
        Self {
            merged,
            owners,
            trees: Trees::new(&merged.bodies),
            used: words
                .filter(|word| word.starts_with('/'))
                .map(ImagePath::from)
                .collect(),
            unread,
        }
    }

    /// The provenance of the file at `path`.
    pub(crate) fn of(&self, path: &ImagePath) -> Provenance {
        if self.is_published(path) {
            Provenance::Published
        } else if self.is_sample(path) {
            Provenance::Sample
        } else {
            Provenance::Own
        }
    }

    fn is_published(&self, path: &ImagePath) -> bool {
        let bytes = path.as_bytes();
        let below = |dirs: &[&[u8]]| dirs.iter().any(|dir| bytes.starts_with(dir));
        let node = self.merged.rootfs.lookup(path);
        let owned = node.is_some_and(|node| self.owners.owns(node));
        // Configuration that a package brings is the author's to change.
        owned && !below(&[b"/etc/", b"/root/", b"/home/"])
            // Owners are unknown, so files where distributions put theirs get the benefit of the doubt.
            || self.unread && below(&[b"/usr/"]) && !below(&[b"/usr/local/"])
            // Installers of languages leave no database, but the layout of their trees gives them away.
            || self.trees.publish(path)
    }

    fn is_sample(&self, path: &ImagePath) -> bool {
        let of_dir = |dir: ImagePath| {
            let name = String::from_utf8_lossy(dir.file_name()).to_ascii_lowercase();
            // `tls-tests`, `api_examples`; but not `latest`.
            let last = name.rsplit(['-', '_']).next().unwrap_or_default();
            let named = holds_samples(name.as_bytes())
                || name.len() > last.len()
                    && (TEST_WORDS.contains(&last) || matches!(last, "examples" | "samples"));
            named && !self.used.iter().any(|used| used.starts_with(&dir))
        };
        is_sample_name(path.file_name()) || path.ancestors().any(of_dir)
    }
}

/// `.env.example`, `config.dist.php`, `tls_test.go`, `login.spec.ts`
fn is_sample_name(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let mut words = name.split(['.', '-', '_']);
    // A key may be called by what it is for: `test.pem` opens a test server.
    let key = [".pem", ".key", ".p12", ".pfx", ".der", ".jks"];
    let source = !key.iter().any(|end| name.ends_with(end));
    words.any(|word| SAMPLE_WORDS.contains(&word) || source && TEST_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_are_to_be_filled_in_are_known() {
        for name in [
            ".env.example",
            "settings.dist.php",
            "tls_test.go",
            "a.spec.ts",
            ".env.test",
        ] {
            assert!(is_sample_name(name.as_bytes()), "{name}");
        }
        for name in [
            ".env",
            "distance.py",
            "server.key",
            "test.key",
            "contest.yml",
            "id_rsa",
        ] {
            assert!(!is_sample_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_directory_that_the_config_uses_is_the_application() {
        let parse = |dir: &str| {
            let text = format!(
                "{{\"rootfs\":{{\"type\":\"layers\"}},\"config\":{{\"WorkingDir\":\"{dir}\"}}}}"
            );
            ImageConfig::parse(text.as_bytes()).expect("a config")
        };
        let (merged, owners) = (Merged::default(), Owners::default());
        let place = |dir: &str, path: &str| {
            Provenances::new(&parse(dir), &merged, &owners, false).of(&path.into())
        };
        assert_eq!(place("/srv", "/app/tests/a.pem"), Provenance::Sample);
        assert_eq!(place("/srv", "/app/tls-tests/a.pem"), Provenance::Sample);
        assert_eq!(
            place("/srv/examples/web", "/srv/examples/web/a.pem"),
            Provenance::Own
        );
        assert_eq!(place("/srv", "/srv/latest/a.pem"), Provenance::Own);
    }
}
