//! Text of an image inside Markdown.

use super::super::text::plain;

/// `text` as it is, whatever is in it, inside a paragraph or a cell of a table: what Markdown or HTML could act on is
/// written as an entity, which both know in both places.
pub(crate) fn text(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' | '|' | '`' | '*' | '_' | '~' | '[' | ']' | '\\' | '#'
            | '!' | '@' | '$' => {
                out.push_str(&format!("&#{};", c as u32));
            }
            // So that no address becomes a link, whatever comes after it.
            ':' if ends_with_word(&out, &SCHEMES) => out.push_str("&#58;"),
            // So that no line is a command to a CI runner if somebody prints the summary.
            ':' if out.trim().is_empty() => out.push_str("&#58;"),
            '.' if ends_with_word(&out, &["www"]) => out.push_str("&#46;"),
            c => out.push(c),
        }
    }
    out
}

/// Schemes of addresses that GitHub's Markdown makes links of by itself.
const SCHEMES: [&str; 5] = ["http", "https", "ftp", "mailto", "xmpp"];

fn ends_with_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        let start = text.len().checked_sub(word.len());
        start
            .and_then(|start| text.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    })
}

/// `text` as it is, in the type of code. An element, since a code span cannot hold a `|` in a table.
pub(crate) fn code(name: &str) -> String {
    format!("<code>{}</code>", text(name))
}

/// A block of code whose fence is longer than any in it.
pub(crate) fn block(language: &str, lines: &str) -> String {
    // A fence ends at the first run of as many backticks, so it has to be longer than any in the text.
    let longest = lines
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let mut out = format!("{fence}{language}\n");
    for line in super::super::text::plain_lines(lines) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&fence);
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(text("a|<b>&\n"), "a&#124;&#60;b&#62;&#38;&#92;x0a");
        assert_eq!(text("https://x"), "https&#58;//x");
        assert_eq!(text("a FTP://x"), "a FTP&#58;//x");
        assert_eq!(text("WWW.x.org"), "WWW&#46;x.org");
        assert_eq!(text("sha256:0"), "sha256:0");
        assert_eq!(text(" ::error::x"), " &#58;:error::x");
    }

    #[test]
    fn fences_cannot_be_closed_from_inside() {
        assert_eq!(block("sh", "a\n````\nb"), "`````sh\na\n````\nb\n`````\n");
    }
}
