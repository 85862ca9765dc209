//! Text of an image on its way to a terminal, a log or a program: without anything that one of them acts on.
//!
//! Terminals act on control characters, and the direction of writing hides what a text says. Runners of CI jobs act on
//! lines: GitHub's on `::command::` at the start of one, behind any blanks, and on `##[command]` anywhere in one; Azure
//! Pipelines and TeamCity on `##name[` anywhere.
//!
//! Source: `src/Runner.Common/ActionCommand.cs` of actions/runner; Azure Pipelines, "Logging commands"; TeamCity,
//! "Service messages"; Unicode Standard, section 23 (format characters).

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` on one line, without anything that a terminal acts on or that changes the direction of writing: such
/// characters are written `\xNN` or `\u{NNNN}`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Like [`plain`] for text of several lines, which stay lines.
pub(crate) fn plain_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(plain)
}

/// Text of several lines that a terminal shows and a runner of CI jobs reads: each line is [`plain`], and none is a
/// command to a runner.
pub(crate) fn for_log(text: &str) -> Cow<'_, str> {
    let harmless = !text.contains("##")
        && !has_command(text)
        && !text.chars().any(|c| c != '\n' && is_unsafe(c));
    if harmless {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let line = plain(line);
        let blanks = line.len() - line.trim_start().len();
        let (blanks, mut rest) = line.split_at(blanks);
        out.push_str(blanks);
        // One colon is enough: the runner looks for both.
        if rest.starts_with("::") {
            escape(&mut out, ':');
            rest = &rest[1..];
        }
        // `##[` works in the middle of a line too, where `::` does not.
        without_service_messages(&mut out, rest);
    }
    Cow::Owned(out)
}

/// Whether a line begins with `::`, behind any blanks.
fn has_command(text: &str) -> bool {
    text.match_indices("::").any(|(at, _)| {
        // The runner trims lines by Unicode's blanks, not only by spaces and tabs.
        let before = text[..at].trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
        before.is_empty() || before.ends_with('\n')
    })
}

/// JSON whose strings are the same to a program, and show nothing but themselves to a terminal and to a runner of CI
/// jobs: characters that [`plain`] escapes are written as JSON has them, `\uNNNN`.
pub(crate) fn plain_json(json: String) -> String {
    // Outside strings, JSON has line ends and ASCII only, and no `#`.
    let harmless = |c: char| c == '\n' || !is_unsafe(c);
    if !json.contains("##") && json.chars().all(harmless) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut before = ' ';
    for c in json.chars() {
        if harmless(c) && !(c == '#' && before == '#') {
            out.push(c);
        } else {
            escape_json(&mut out, c);
        }
        before = c;
    }
    out
}

/// Adds a character as strings in JSON may have it, `\uNNNN`.
pub(crate) fn escape_json(out: &mut String, c: char) {
    let mut units = [0; 2];
    // JSON escapes are UTF-16: characters beyond U+FFFF take two (RFC 8259, section 7).
    for unit in c.encode_utf16(&mut units) {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// Breaks what would be `##name[`.
fn without_service_messages(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let (head, tail) = rest.split_at(at + 1);
        out.push_str(head);
        // A heading of Markdown, `## x`, has a blank there and is left alone.
        let name = tail[1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        if name.starts_with('[') {
            escape(out, '#');
            rest = &tail[1..];
        } else {
            rest = tail;
        }
    }
    out.push_str(rest);
}

fn escape(out: &mut String, c: char) {
    let code = c as u32;
    // Writing to a string cannot fail.
    let _ = match code {
        0..0x100 => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Whether a character is a control character, a format character (general category Cf, with everything that is about
/// the direction of writing) or a separator of lines or paragraphs.
pub(crate) fn is_unsafe(c: char) -> bool {
    // A quick test first: nearly all characters of a report are these.
    if (' '..='~').contains(&c) {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(
            plain("a\u{1b}[31m\r\nb\u{9b}\u{202e}c"),
            "a\\x1b[31m\\x0d\\x0ab\\x9b\\u{202e}c"
        );
        assert!(matches!(plain("日本 é"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_control_and_format_character_of_unicode_is_escaped() {
        let unsafe_form = Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]$").unwrap();
        let mut buffer = [0; 4];
        for c in '\0'..=char::MAX {
            let listed = unsafe_form.is_match(c.encode_utf8(&mut buffer));
            // Unassigned, in the middle of a block of such characters.
            assert!(is_unsafe(c) == listed || c == '\u{2065}', "{c:?}");
        }
    }

    #[test]
    fn no_line_is_a_command_to_a_runner() {
        for (text, expected) in [
            ("::error::x", "\\x3a:error::x"),
            (
                "a\n \u{2003}::set-env::x\n",
                "a\n \u{2003}\\x3a:set-env::x\n",
            ),
            ("a::b", "a::b"),
            ("x ##[add-mask]a", "x #\\x23[add-mask]a"),
            ("###[error]a", "##\\x23[error]a"),
            (
                "##vso[task.setvariable]##teamcity[x",
                "#\\x23vso[task.setvariable]#\\x23teamcity[x",
            ),
            ("## heading [1]", "## heading [1]"),
        ] {
            assert_eq!(for_log(text), expected);
            assert_eq!(for_log(&for_log(text)), expected, "it is stable");
        }
        for text in ["a::b\nc::d\n", "", "\n\n", ":", "a\n:"] {
            assert!(matches!(for_log(text), Cow::Borrowed(_)), "{text:?}");
        }
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"a\u{202e}": ["\u{e0041}\u{7f}", "##[error]", "é"]});
        for text in [value.to_string(), format!("{value:#}")] {
            let plain = plain_json(text);
            assert!(plain.chars().all(|c| c == '\n' || !is_unsafe(c)), "{plain}");
            assert!(!plain.contains("##"), "{plain}");
            assert_eq!(for_log(&plain), plain);
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&plain).unwrap(),
                value
            );
        }
    }
}
