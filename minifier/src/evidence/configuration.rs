//! Paths that configuration names, outside of comments: documents, modules, further configuration, log directories.
//!
//! No format is parsed: INI, YAML, nginx's, Apache's and systemd's have in common that a path is a word of its own, and
//! that a comment begins with `#`, `;` or `//`. What does not exist in the image names nothing.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use super::named::{DirectoryReach, Given, Namer};
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
            let mut namer = Namer::of(Rule::Configuration, file, &mut self.given, view, out);
            for (index, line) in text.lines().enumerate() {
                read_line(without_comment(line), index as u32 + 1, &mut namer);
            }
        }
        Ok(())
    }
}

fn read_line(line: &str, number: u32, namer: &mut Namer<'_, '_>) {
    let words = words(line);
    let first = words.clone().next().unwrap_or_default();
    let first = first.to_ascii_lowercase();
    if COMMANDS.contains(&first.as_str()) {
        let program = words.clone().nth(1).unwrap_or_default();
        namer.program(program, Some(number));
    }
    let includes = INCLUDES.contains(&first.as_str());
    for word in words {
        // `sqlite:////srv/db`, `unix:/run/x.sock`, `file:///etc/x`: the path stands behind the scheme.
        let path = match word.find("://") {
            Some(at) if word.starts_with("file:") => &word[at + 3..],
            Some(_) => continue,
            None => word.strip_prefix("unix:").unwrap_or(word),
        };
        let absolute = path.starts_with('/') && path.len() > 1;
        if path.contains(['*', '?', '[']) && (absolute || includes) {
            pattern(path, number, namer);
        } else if absolute {
            namer.path(path, DirectoryReach::Content, Some(number));
        } else if includes && word.contains(['/', '.', '_']) {
            relative(word, number, namer);
        }
    }
}

/// A relative path of an `include` starts at the directory of the file or at one above it, as nginx and Apache have it.
fn relative(word: &str, number: u32, namer: &mut Namer<'_, '_>) {
    for directory in bases(namer.file) {
        let path = directory.join(word);
        if namer.view.existing(path.as_bytes()).is_some()
            && let Ok(path) = std::str::from_utf8(path.as_bytes())
        {
            namer.path(path, DirectoryReach::Content, Some(number));
            return;
        }
    }
}

fn pattern(pattern: &str, number: u32, namer: &mut Namer<'_, '_>) {
    let bases = if pattern.starts_with('/') {
        vec![ImagePath::root()]
    } else {
        bases(namer.file)
    };
    for base in bases {
        let whole = base.join(pattern);
        if let Ok(text) = std::str::from_utf8(whole.as_bytes())
            && let Some(paths) = matches(text, namer.view)
        {
            namer.group(text.to_owned(), Some(number), pattern, paths);
        }
    }
}

/// The paths that an absolute pattern matches, and the directory that it looks into: a pattern that matches nothing yet
/// will match what is put there. `None` if there is no such directory.
fn matches(pattern: &str, view: &View<'_>) -> Option<BTreeSet<ImagePath>> {
    // The directory before the first component with a star bounds the walk.
    let parts = pattern.split('/');
    let fixed: Vec<&str> = parts
        .take_while(|part| !part.contains(['*', '?', '[']))
        .collect();
    let top = ImagePath::new(fixed.join("/"));
    if top.is_root() {
        return None;
    }
    let (top, _) = view.existing(top.as_bytes())?;
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.ok()?.compile_matcher();
    let below = view.files.rootfs.walk_below(&top).map(|(path, _)| path);
    let is_match = |path: &ImagePath| {
        let text = std::str::from_utf8(path.as_bytes());
        text.is_ok_and(|text| glob.is_match(text))
    };
    let mut paths: BTreeSet<ImagePath> = below.filter(is_match).take(MAX_MATCHES).collect();
    paths.insert(top);
    Some(paths)
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
    // It names the interpreter that made it, and the virtual environment itself: Python's reader knows it.
    if path.file_name() == b"pyvenv.cfg" {
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
