//! Paths that configuration names, outside of comments: documents, modules, further configuration, log directories.
//!
//! No format is parsed: INI, YAML, nginx's, Apache's and systemd's have in common that a path is a word of its own, and
//! that a comment begins with `#`, `;` or `//`. What does not exist in the image names nothing.

use globset::GlobBuilder;

use super::named::{Directory, Given, Place};
use super::reader::{Gathered, Reader};
use super::text::read_text;
use super::{KeptFile, Rule, View};
use crate::analyze::ReadError;
use crate::rootfs::ImagePath;

/// Endings of files that configure something, wherever they are.
const ENDINGS: [&str; 14] = [
    ".conf",
    ".cfg",
    ".cnf",
    ".ini",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".xml",
    ".properties",
    ".service",
    ".rules",
    ".load",
    ".env",
];

/// Below `/etc`, but no configuration of a program: lists of what exists, not of what is used.
const LISTS: [&str; 14] = [
    "/etc/shells",
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/group",
    "/etc/group-",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/services",
    "/etc/protocols",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/fstab",
    "/etc/mtab",
    "/etc/ca-certificates.conf",
];

/// Words before a path that may be relative, or before a pattern.
const INCLUDES: [&str; 7] = [
    "include",
    "@include",
    "includeoptional",
    "includedir",
    "!includedir",
    "!include",
    "include_dir",
];

/// Words before a command.
const COMMANDS: [&str; 6] = [
    "command",
    "execstart",
    "execstartpre",
    "execreload",
    "subsystem",
    "piped_command",
];

/// Matches of one pattern that are taken.
const MAX_MATCHES: usize = 5_000;

/// Reads configuration.
#[derive(Default)]
pub(crate) struct Configuration {
    given: Given,
}

impl Reader for Configuration {
    fn rule(&self) -> Rule {
        Rule::Configuration
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for file in kept {
            if !is_configuration(&file.path) || view.is_maintenance(file.node) {
                continue;
            }
            let Some(text) = read_text(view, &file.path, file.node)? else {
                continue;
            };
            // A script below `/etc` is read as one.
            if text.starts_with("#!") {
                continue;
            }
            let place = Place {
                rule: Rule::Configuration,
                file: &file.path,
                origin: view.origin(file.node),
            };
            for (index, line) in text.lines().enumerate() {
                self.line(without_comment(line), index as u32 + 1, &place, view, out);
            }
        }
        Ok(())
    }
}

impl Configuration {
    fn line(
        &mut self,
        line: &str,
        number: u32,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        let mut words = words(line);
        let first = words
            .clone()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if COMMANDS.contains(&first.as_str()) {
            let program = words.clone().nth(1).unwrap_or_default();
            self.given.program(program, Some(number), place, view, out);
        }
        let includes = INCLUDES.contains(&first.as_str());
        for word in words.by_ref() {
            // `sqlite:////srv/db`, `unix:/run/x.sock`, `file:///etc/x`: the path stands behind the scheme.
            let path = match word.find("://") {
                Some(at) if word.starts_with("file:") => &word[at + 3..],
                Some(_) => continue,
                None => word.strip_prefix("unix:").unwrap_or(word),
            };
            let absolute = path.starts_with('/') && path.len() > 1;
            if path.contains(['*', '?', '[']) && (absolute || includes) {
                self.pattern(path, number, place, view, out);
            } else if absolute {
                self.given
                    .path(path, Directory::Content, Some(number), place, view, out);
            } else if includes && word.contains(['/', '.', '_']) {
                self.relative(word, number, place, view, out);
            }
        }
    }

    /// A relative path of an `include` starts at the directory of the file or at one above it, as nginx and Apache
    /// have it.
    fn relative(
        &mut self,
        word: &str,
        number: u32,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        for directory in bases(place.file) {
            let path = directory.join(word);
            if view.existing(path.as_bytes()).is_some()
                && let Ok(path) = std::str::from_utf8(path.as_bytes())
            {
                self.given
                    .path(path, Directory::Content, Some(number), place, view, out);
                return;
            }
        }
    }

    fn pattern(
        &mut self,
        pattern: &str,
        number: u32,
        place: &Place<'_>,
        view: &View<'_>,
        out: &mut Gathered,
    ) {
        let bases = if pattern.starts_with('/') {
            vec![ImagePath::root()]
        } else {
            bases(place.file)
        };
        for base in bases {
            let whole = base.join(pattern);
            let Ok(text) = std::str::from_utf8(whole.as_bytes()) else {
                continue;
            };
            // The directory before the first component with a star bounds the walk.
            let fixed: Vec<&str> = text
                .split('/')
                .take_while(|part| !part.contains(['*', '?', '[']))
                .collect();
            let top = ImagePath::new(fixed.join("/"));
            let Ok(glob) = GlobBuilder::new(text).literal_separator(true).build() else {
                continue;
            };
            let glob = glob.compile_matcher();
            let Some((top, _)) = (!top.is_root())
                .then(|| view.existing(top.as_bytes()))
                .flatten()
            else {
                continue;
            };
            let below = view.files.rootfs.walk_below(&top);
            let matches = below.filter(|(path, _)| match std::str::from_utf8(path.as_bytes()) {
                Ok(path) => glob.is_match(path),
                Err(_) => false,
            });
            let mut paths: std::collections::BTreeSet<ImagePath> =
                matches.map(|(path, _)| path).take(MAX_MATCHES).collect();
            // A pattern that matches nothing yet will match what is put there: the directory stays.
            paths.insert(top);
            let group = place.group(text.to_owned(), Some(number), pattern, paths);
            self.given.add(group, view, out);
        }
    }
}

/// The directory of a file and those above it, but for the root and what lies right below it.
fn bases(file: &ImagePath) -> Vec<ImagePath> {
    let mut above: Vec<ImagePath> = file.ancestors().collect();
    above.retain(|path| path.components().count() >= 2);
    above.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    above
}

fn is_configuration(path: &ImagePath) -> bool {
    let bytes = path.as_bytes();
    if LISTS.iter().any(|list| list.as_bytes() == bytes)
        || bytes.starts_with(b"/etc/ld.so.conf.d/")
        || bytes.starts_with(b"/etc/alternatives/")
    {
        return false;
    }
    bytes.starts_with(b"/etc/") || ENDINGS.iter().any(|end| bytes.ends_with(end.as_bytes()))
}

/// A line up to its comment.
fn without_comment(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with(['#', ';']) || trimmed.starts_with("//") || trimmed.starts_with("<!--") {
        return "";
    }
    // In the middle of a line it is a comment behind a blank only: `http://x/#top` is a word.
    match line.find(" #").or_else(|| line.find("\t#")) {
        Some(at) => &line[..at],
        None => line,
    }
}

/// Words between blanks, quotes and the signs that configuration sets around values.
fn words(line: &str) -> impl Iterator<Item = &str> + Clone {
    let ends = |c: char| c.is_whitespace() || "\"'`=,;(){}<>|".contains(c);
    line.split(ends)
        .map(|word| word.trim_end_matches(':'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_between_the_signs_of_every_format() {
        let found = |line| words(without_comment(line)).collect::<Vec<_>>();
        assert_eq!(
            found("listen = \"/run/a.sock\" # /etc/no"),
            ["listen", "/run/a.sock"]
        );
        assert_eq!(found("<Directory /var/www>"), ["Directory", "/var/www"]);
        assert_eq!(found("{\"root\": \"/srv\"}"), ["root", "/srv"]);
        assert!(found("; x = /etc/no").is_empty());
        assert_eq!(found("a http://x/#top"), ["a", "http://x/#top"]);
    }
}
