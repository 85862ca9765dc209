//! Programs and files that shell scripts and crontabs name, on every branch.
//!
//! Scripts are split by the shell's rules (`analyze::command`) and not run. A word with an expansion names nothing.

use super::named::{DirectoryReach, Given, Namer};
use super::reader::{Gathered, Reader};
use super::text::{line_of, read_text};
use super::{EvidenceSource, KeptFile, Note, Rule, View};
use crate::analyze::{ReadError, command_words, parse_shebang};
use crate::rootfs::ImagePath;

/// Interpreters whose language `command_words` reads.
const SHELLS: [&[u8]; 7] = [b"sh", b"bash", b"dash", b"ash", b"ksh", b"zsh", b"busybox"];

/// Commands that a shell does itself, though a program of that name may be there.
const BUILTINS: [&str; 52] = [
    ".", ":", "[", "alias", "bg", "break", "case", "cd", "command", "continue", "declare", "do",
    "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fg", "fi",
    "for", "function", "getopts", "hash", "in", "jobs", "kill", "let", "local", "printf", "pwd",
    "read", "readonly", "return", "set", "shift", "source", "test", "then", "times", "trap",
    "true", "type", "typeset", "ulimit", "umask", "unset", "wait",
];

/// Reads scripts and crontabs.
#[derive(Default)]
pub(crate) struct Scripts {
    given: Given,
}

impl Reader for Scripts {
    fn rule(&self) -> Rule {
        Rule::Script
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for file in kept {
            if view.is_maintenance(file.node) {
                continue;
            }
            let crontab = Crontab::of(&file.path);
            if crontab.is_none() && !is_shell_script(file, view)? {
                continue;
            }
            let Some(text) = read_text(view, &file.path, file.node)? else {
                continue;
            };
            let mut namer = Namer::of(Rule::Script, file, &mut self.given, view, out);
            match crontab {
                Some(crontab) => {
                    for (line, command) in crontab.commands(&text) {
                        read_command(command, Some(line), &mut namer);
                    }
                }
                None => read_command(&text, None, &mut namer),
            }
        }
        Ok(())
    }
}

/// Gives what a command line, or a whole script, names. `line` is its place, if it has one of its own.
fn read_command(text: &str, line: Option<u32>, namer: &mut Namer<'_, '_>) {
    let words = command_words(text);
    let line_of = |word: &str| line.or_else(|| line_of(text, word));
    for program in &words.commands {
        if !BUILTINS.contains(&program.as_str()) {
            namer.program(program, line_of(program));
        }
    }
    // `run-parts` runs every program of a directory; for other commands a directory is a place.
    let directory = if words.commands.contains("run-parts") {
        DirectoryReach::Content
    } else {
        DirectoryReach::Itself
    };
    for path in &words.paths {
        namer.path(path, directory, line_of(path));
    }
    if let Some(at) = runs_arguments(text) {
        namer.out.notes.insert(Note {
            rule: Rule::Script,
            source: EvidenceSource {
                file: namer.file.clone(),
                line: Some(line.unwrap_or(at)),
                symbol: Some("\"$@\"".to_owned()),
            },
            message: "runs the command that its arguments name: only the image's own is known"
                .to_owned(),
        });
    }
}

/// The line in which a script runs what it was given.
fn runs_arguments(text: &str) -> Option<u32> {
    let mut lines = text.lines().enumerate();
    let runs = |line: &str| {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if word == "exec" && matches!(words.peek(), Some(&("\"$@\"" | "$@"))) {
                return true;
            }
        }
        false
    };
    let (index, _) = lines.find(|(_, line)| !line.trim_start().starts_with('#') && runs(line))?;
    Some(index as u32 + 1)
}

fn is_shell_script(file: &KeptFile, view: &View<'_>) -> Result<bool, ReadError> {
    let head = view.files.head(&file.path, file.node)?;
    let Some(line) = parse_shebang(&head) else {
        // Files that a shell reads with `.` have no such line.
        return Ok(file.path.file_name().ends_with(b".sh"));
    };
    Ok(SHELLS.contains(&ImagePath::new(line.program()).file_name()))
}

/// The form of a crontab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crontab {
    /// With a user before the command: `/etc/crontab`, `/etc/cron.d`.
    System,
    /// One user's own.
    User,
}

impl Crontab {
    /// By the places that cron, cronie and BusyBox read.
    fn of(path: &ImagePath) -> Option<Self> {
        let bytes = path.as_bytes();
        if bytes == b"/etc/crontab" || bytes.starts_with(b"/etc/cron.d/") {
            Some(Self::System)
        } else if bytes.starts_with(b"/var/spool/cron/") || bytes.starts_with(b"/etc/crontabs/") {
            Some(Self::User)
        } else {
            None
        }
    }

    /// Lines with the commands in them. Source: `crontab(5)`.
    fn commands(self, text: &str) -> impl Iterator<Item = (u32, &str)> {
        let lines = text.lines().enumerate();
        lines.filter_map(move |(index, line)| {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            let schedule = if line.starts_with('@') { 1 } else { 5 };
            let user = usize::from(self == Self::System);
            let command = after_words(line, schedule + user)?;
            // `NAME = value` has no schedule; five words may follow in it, of which the first has no digit or star.
            let first = line.split_whitespace().next()?;
            let is_schedule = first.starts_with('@')
                || first
                    .chars()
                    .all(|c| c.is_ascii_digit() || "*,-/".contains(c));
            is_schedule.then_some((index as u32 + 1, command))
        })
    }
}

/// The rest of a line after some words; `None` if nothing is left.
fn after_words(line: &str, count: usize) -> Option<&str> {
    let mut rest = line;
    for _ in 0..count {
        rest = rest.trim_start();
        rest = &rest[rest.find(char::is_whitespace)?..];
    }
    let rest = rest.trim_start();
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_crontabs_stand_behind_schedule_and_user() {
        let text = "PATH=/usr/bin:/bin a b c d e f\n# x\n*/5 0-6 * * 1,2 app /app/tick.sh x\n@reboot root echo y\n";
        let commands: Vec<_> = Crontab::System.commands(text).collect();
        assert_eq!(commands, [(3, "/app/tick.sh x"), (4, "echo y")]);
        let own: Vec<_> = Crontab::User.commands("* * * * * tick\n").collect();
        assert_eq!(own, [(1, "tick")]);
    }

    #[test]
    fn a_script_that_runs_its_arguments_is_seen() {
        assert_eq!(
            runs_arguments("set -e\n# exec \"$@\"\n  exec \"$@\"\n"),
            Some(3)
        );
        assert_eq!(runs_arguments("exec nginx \"$@\"\n"), None);
    }
}
