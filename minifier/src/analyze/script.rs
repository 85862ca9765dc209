//! The first line of a script: `#!`, and what `env` makes of its argument.
//!
//! Source: Linux `fs/binfmt_script.c`; GNU coreutils manual, `env -S`.

use crate::rootfs::ImagePath;

/// The kernel reads this much of a file to find out how to execute it (`BINPRM_BUF_SIZE`).
pub const KERNEL_HEAD: usize = 256;

/// The interpreter line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shebang {
    /// The interpreter, as written: absolute or relative to the working directory.
    pub interpreter: Vec<u8>,
    /// Everything after it as one argument.
    pub argument: Option<Vec<u8>>,
}

impl Shebang {
    /// What `env` is asked to run; `None` if the interpreter is another program, or nothing is asked.
    pub fn env_command(&self) -> Option<EnvCommand> {
        let is_env = ImagePath::new(&self.interpreter).file_name() == b"env";
        self.argument
            .as_deref()
            .filter(|_| is_env)
            .and_then(env_command)
    }

    /// The program that reads the script, by path or by its name on `PATH`: behind `env` what that runs.
    pub fn program(self) -> Vec<u8> {
        let command = self.env_command();
        command.map_or(self.interpreter, |command| command.program)
    }
}

/// Reads the interpreter line from the head of a file, by the kernel's rules; `None` if the kernel would not
/// execute it as a script.
pub fn parse_shebang(head: &[u8]) -> Option<Shebang> {
    let window = &head[..head.len().min(KERNEL_HEAD)];
    let rest = window.strip_prefix(b"#!")?;
    let line = match rest.iter().position(|&b| b == b'\n') {
        Some(end) => &rest[..end],
        None => {
            // Without a line's end in sight the name may be cut off, unless something ends it. Behind the end of a
            // short file the kernel's buffer holds zeros.
            let name = trim_start_blank(rest);
            let ended = head.len() < KERNEL_HEAD || name.iter().any(|&b| is_blank(b) || b == 0);
            ended.then_some(rest)?
        }
    };
    // The kernel's buffer is a C string.
    let line = &line[..line.iter().position(|&b| b == 0).unwrap_or(line.len())];
    let line = trim_blank(line);
    let name_end = line.iter().position(|&b| is_blank(b)).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(name_end);
    let argument = trim_blank(argument);
    (!interpreter.is_empty()).then(|| Shebang {
        interpreter: interpreter.to_vec(),
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    })
}

/// The command that `env` runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvCommand {
    /// The program, looked up on the path if it has no slash.
    pub program: Vec<u8>,
    /// `PATH=…` given before it.
    pub path: Option<Vec<u8>>,
}

/// The program that `#!/usr/bin/env ARGUMENT` runs; `None` if there is none.
fn env_command(argument: &[u8]) -> Option<EnvCommand> {
    // The kernel gives one argument. Only -S splits it; other options stand alone, and env finds no program then.
    let split = argument
        .strip_prefix(b"-")
        .map(|options| options.iter().take_while(|b| b"iv0".contains(b)).count() + 1)
        .map(|at| &argument[at..])
        .and_then(|rest| rest.strip_prefix(b"S"))
        .or_else(|| argument.strip_prefix(b"--split-string="))
        .or_else(|| argument.strip_prefix(b"--split-string "));
    let words = match split {
        Some(text) => split_words(text),
        None => vec![argument.to_vec()],
    };
    let mut path = None;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match &*word {
            b"--" => {}
            b"-u" | b"-C" | b"--unset" | b"--chdir" => {
                words.next();
            }
            option if option.starts_with(b"-") => {}
            // `env` takes words with `=` for variables until a program comes.
            assignment if assignment.contains(&b'=') => {
                if let Some(value) = assignment.strip_prefix(b"PATH=") {
                    path = Some(value.to_vec());
                }
            }
            _ => {
                return Some(EnvCommand {
                    program: word,
                    path,
                });
            }
        }
    }
    None
}

/// Words as `env -S` and shells split them; by blanks alone if quotes do not match.
fn split_words(text: &[u8]) -> Vec<Vec<u8>> {
    let quoted = std::str::from_utf8(text)
        .ok()
        .and_then(|text| shell_words::split(text).ok());
    match quoted {
        Some(words) => words.into_iter().map(String::into_bytes).collect(),
        None => text
            .split(|&b| is_blank(b))
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect(),
    }
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The kernel trims blanks and tabs only; `trim_ascii` would take a carriage return too, which the kernel keeps.
fn trim_start_blank(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&b| !is_blank(b));
    &bytes[start.unwrap_or(bytes.len())..]
}

fn trim_blank(bytes: &[u8]) -> &[u8] {
    let last = bytes.iter().rposition(|&b| !is_blank(b));
    trim_start_blank(&bytes[..last.map_or(0, |last| last + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(head: &[u8]) -> Option<(String, Option<String>)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        parse_shebang(head).map(|s| (text(s.interpreter), s.argument.map(text)))
    }

    #[test]
    fn the_line_is_read_as_the_kernel_does() {
        let both = |a: &str, b: &str| Some((a.into(), Some(b.into())));
        let one = |a: &str| Some((a.to_owned(), None));
        assert_eq!(parsed(b"#!/bin/sh\necho"), one("/bin/sh"));
        assert_eq!(parsed(b"#! /bin/sh -e -u \n"), both("/bin/sh", "-e -u"));
        assert_eq!(parsed(b"#!\t/bin/sh"), one("/bin/sh"));
        assert_eq!(parsed(b"#!/bin/sh\r\n"), one("/bin/sh\r"));
        assert_eq!(parsed(b"#!/bin/sh\0rubbish"), one("/bin/sh"));
        assert_eq!(parsed(b"#!\n/bin/sh\n"), None);
        assert_eq!(parsed(b"#!   "), None);
        assert_eq!(parsed(b"#"), None);
        assert_eq!(parsed(b"# !/bin/sh\n"), None);
    }

    #[test]
    fn a_name_cut_off_at_256_bytes_is_refused_but_an_argument_is_cut() {
        let long_name = [b"#!/".as_slice(), &[b'x'; 300], b"\n"].concat();
        assert_eq!(parsed(&long_name), None);
        let long_argument = [b"#!/bin/sh ".as_slice(), &[b'x'; 300], b"\n"].concat();
        assert_eq!(parsed(&long_argument).unwrap().1.unwrap().len(), 246);
    }

    #[test]
    fn env_is_seen_through() {
        for (argument, program, path) in [
            ("python3", Some("python3"), None),
            ("-S python3 -u -X dev", Some("python3"), None),
            ("-vS node --flag", Some("node"), None),
            ("--split-string=ruby -w", Some("ruby"), None),
            (
                "-S -i PATH=/opt/bin:/bin A='b c' deno run",
                Some("deno"),
                Some("/opt/bin:/bin"),
            ),
            ("-S -u HOME -- sh", Some("sh"), None),
            ("python3 -u", Some("python3 -u"), None),
            ("-S", None, None),
            ("-i", None, None),
            ("-S 'unclosed", Some("'unclosed"), None),
        ] {
            let command = env_command(argument.as_bytes());
            assert_eq!(
                command
                    .as_ref()
                    .map(|c| String::from_utf8_lossy(&c.program))
                    .as_deref(),
                program,
                "{argument}"
            );
            assert_eq!(
                command.and_then(|c| c.path).as_deref(),
                path.map(str::as_bytes),
                "{argument}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_head_is_read(head in "#![ \t/a-z\r\n\u{0}]{0,300}", argument in "[-a-zSu= '\"\\\\]{0,30}") {
            if let Some(line) = parse_shebang(head.as_bytes()) {
                prop_assert!(!line.interpreter.is_empty() && line.interpreter.len() < KERNEL_HEAD);
            }
            let program = env_command(argument.as_bytes()).map(|command| command.program);
            prop_assert!(program.is_none_or(|program| !program.starts_with(b"-")));
        }
    }

    #[test]
    fn a_script_is_read_by_its_interpreter_or_by_what_env_runs() {
        for (line, program) in [
            ("#!/bin/sh -e\n", "/bin/sh"),
            ("#!/usr/bin/env node\n", "node"),
            ("#!/usr/bin/env -S python3 -u\n", "python3"),
            // An argument of another program is no program.
            ("#!/usr/bin/node inspect\n", "/usr/bin/node"),
            ("#!/usr/bin/env\n", "/usr/bin/env"),
        ] {
            let line = parse_shebang(line.as_bytes()).unwrap();
            assert_eq!(line.program(), program.as_bytes());
        }
    }
}
