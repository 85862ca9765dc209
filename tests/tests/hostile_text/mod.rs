//! Words of an image, a container and a registry in what the program prints: every command and every form of text.
//!
//! A terminal acts on control characters, the direction of writing hides what a text says, and runners of CI jobs take
//! lines for commands. None of that gets through.

mod action;
mod image;
mod run;
mod xray;

use std::process::Output;

/// What an image may hold wherever it holds text: an end of the line with a command to GitHub's runner after it, one
/// behind blanks, one for anywhere in a line, colours, and characters that change the direction of writing or are not
/// seen. `zQ` is to be looked for: it must have been printed.
const HOSTILE: &str = "zQ\n::error::a\r\n \u{2003}::set-env name=b::c ##[add-mask]d ##vso[task.complete]e \
    \u{1b}[31m\u{9b}1m\u{7}\u{202e}f\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}g";

/// Fails if `text` holds anything that a terminal or a runner acts on.
fn assert_harmless(what: &str, text: &str) {
    for line in text.split('\n') {
        let command = line.trim_start().starts_with("::") || has_service_message(line);
        assert!(!command, "{what}: a command to a runner: {line:?}");
        let bad = line.chars().find(|&c| c.is_control() || is_format(c));
        assert_eq!(bad, None, "{what}: {line:?}");
    }
}

fn is_format(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0001}'..='\u{e007f}'
    )
}

/// `##name[` anywhere.
fn has_service_message(line: &str) -> bool {
    line.match_indices("##").any(|(at, _)| {
        let rest = line[at..].trim_start_matches('#');
        rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.')
            .starts_with('[')
    })
}

/// Both streams of a program, checked; what they held.
fn checked(what: &str, output: &Output) -> String {
    let mut all = String::new();
    for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let text = std::str::from_utf8(bytes).expect("output is UTF-8");
        assert_harmless(&format!("{what}, {stream}"), text);
        all.push_str(text);
    }
    assert!(!all.contains("panicked"), "{what}: {all}");
    all
}
