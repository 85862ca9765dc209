//! The words of a shell command line that name programs and files, read without running a shell.
//!
//! Best effort, for `HEALTHCHECK CMD …`, `ENTRYPOINT …` and `CMD …` in their shell form: quoting, separators,
//! keywords, assignments and redirections are understood, expansions are not (a word with one names nothing).

use std::collections::BTreeSet;

/// The programs and paths that a command line names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandWords {
    /// Words in the place of a command: programs, functions, builtins.
    pub commands: BTreeSet<String>,
    /// Words that start with a slash, and what follows `=` where that does.
    pub paths: BTreeSet<String>,
}

/// Words before which a command may still follow.
const KEYWORDS: [&str; 18] = [
    "!", "{", "if", "then", "elif", "else", "while", "until", "do", "time", "exec", "command",
    "nohup", "builtin", "eval", "sudo", "setsid", "nice",
];

/// Reads the programs and paths that `line` names.
pub fn command_words(line: &str) -> CommandWords {
    let mut out = CommandWords::default();
    let mut expect_command = true;
    let mut expect_file = false;
    for token in tokens(line) {
        match token {
            ShellToken::Separator => (expect_command, expect_file) = (true, false),
            ShellToken::Redirection => expect_file = true,
            ShellToken::Close => (expect_command, expect_file) = (false, false),
            ShellToken::Opaque { assignment } => {
                expect_command &= expect_file || assignment;
                expect_file = false;
            }
            ShellToken::Word(word) => {
                let path = match word.split_once('=') {
                    Some((_, value)) if value.starts_with('/') => value,
                    _ => word.as_str(),
                };
                if path.starts_with('/') {
                    out.paths.insert(path.to_owned());
                }
                if expect_file {
                    expect_file = false;
                } else if expect_command && !is_assignment(&word) {
                    expect_command = KEYWORDS.contains(&word.as_str());
                    if !expect_command {
                        out.commands.insert(word);
                    }
                }
            }
        }
    }
    out
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    })
}

enum ShellToken {
    /// A word without expansions.
    Word(String),
    /// A word with an expansion.
    Opaque {
        /// It sets a variable.
        assignment: bool,
    },
    /// Something after which a command starts.
    Separator,
    /// The end of a command substitution or subshell.
    Close,
    /// `<` or `>`: the next word is a file.
    Redirection,
}

/// The state to which a closing parenthesis or backtick goes back.
struct Outer {
    backtick: bool,
    in_double_quotes: bool,
}

/// Splits a line into [`ShellToken`]s, in one pass over its characters.
#[derive(Default)]
struct Lexer {
    out: Vec<ShellToken>,
    word: Option<String>,
    opaque: bool,
    in_double_quotes: bool,
    outer: Vec<Outer>,
}

fn tokens(line: &str) -> Vec<ShellToken> {
    let mut lexer = Lexer::default();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => lexer.push(escaped),
            },
            '\'' if !lexer.in_double_quotes => {
                let quoted = chars.by_ref().take_while(|&c| c != '\'');
                lexer.word.get_or_insert_default().extend(quoted);
            }
            '"' => {
                lexer.in_double_quotes = !lexer.in_double_quotes;
                lexer.word.get_or_insert_default();
            }
            '$' if chars.next_if_eq(&'(').is_some() => lexer.open(false),
            '$' => lexer.make_opaque(),
            '`' if lexer.outer.last().is_some_and(|outer| outer.backtick) => lexer.close(),
            '`' => lexer.open(true),
            c if lexer.in_double_quotes => lexer.push(c),
            '#' if lexer.word.is_none() => {
                let _comment = chars.by_ref().find(|&c| c == '\n');
                lexer.end(Some(ShellToken::Separator));
            }
            ')' => lexer.close(),
            ';' | '|' | '&' | '(' | '\n' => lexer.end(Some(ShellToken::Separator)),
            '<' | '>' => {
                // Digits before it are a descriptor, an ampersand after it names another one.
                let digits = |word: &String| word.bytes().all(|b| b.is_ascii_digit());
                lexer.word.take_if(|word| digits(word));
                while chars
                    .next_if(|&c| matches!(c, '<' | '>' | '&' | '|'))
                    .is_some()
                {}
                lexer.end(Some(ShellToken::Redirection));
            }
            c if c.is_whitespace() => lexer.end(None),
            c => lexer.push(c),
        }
    }
    lexer.end(None);
    lexer.out
}

impl Lexer {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn make_opaque(&mut self) {
        self.word.get_or_insert_default();
        self.opaque = true;
    }

    /// Ends the word, if there is one, and adds what comes after it.
    fn end(&mut self, next: Option<ShellToken>) {
        let opaque = std::mem::take(&mut self.opaque);
        let word = self.word.take();
        self.out.extend(word.map(|word| {
            if opaque {
                ShellToken::Opaque {
                    assignment: is_assignment(&word),
                }
            } else {
                ShellToken::Word(word)
            }
        }));
        self.out.extend(next);
    }

    /// A command substitution starts: its first word is a command, and quotes start afresh.
    fn open(&mut self, backtick: bool) {
        self.make_opaque();
        self.end(Some(ShellToken::Separator));
        self.outer.push(Outer {
            backtick,
            in_double_quotes: std::mem::take(&mut self.in_double_quotes),
        });
    }

    /// A substitution or subshell ends: what follows belongs to the word around it.
    fn close(&mut self) {
        self.end(Some(ShellToken::Close));
        if let Some(outer) = self.outer.pop() {
            self.in_double_quotes = outer.in_double_quotes;
            self.make_opaque();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_and_paths_are_found() {
        for (line, commands, paths) in [
            ("curl -f http://localhost/ || exit 1", "curl exit", ""),
            (
                "A=1 B=/opt/x redis-cli ping|grep -q PONG",
                "grep redis-cli",
                "/opt/x",
            ),
            (
                "if [ -f /run/ready ]; then exec wget -qO- x >/dev/null 2>&1; fi",
                "[ fi wget",
                "/dev/null /run/ready",
            ),
            ("test \"$(cat /tmp/state)\" = ok", "cat test", "/tmp/state"),
            ("echo 'a; b' \"c | d\" # curl", "echo", ""),
            ("$PROGRAM --config=/etc/a.conf", "", "/etc/a.conf"),
            ("A=$HOME/x curl $URL", "curl", ""),
            (
                "! pg_isready -U \"$USER\" && /usr/bin/true",
                "/usr/bin/true pg_isready",
                "/usr/bin/true",
            ),
            ("`which python`  -c 'import x'", "which", ""),
        ] {
            let words = command_words(line);
            let join = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
            assert_eq!(join(words.commands), commands, "{line}");
            assert_eq!(join(words.paths), paths, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "[a-z '\"$()`|;&<>#=\\\\\n]{0,60}") {
            let words = command_words(&line);
            prop_assert!(words.paths.iter().all(|path| path.starts_with('/')));
        }
    }
}
