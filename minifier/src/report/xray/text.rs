//! Helpers of the renderers for people: sizes and shares as text, text that is cut and wrapped.

use std::borrow::Cow;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

pub(crate) use crate::report::plain::{plain, plain_lines};
pub(crate) use crate::units::size;

/// A difference of sizes with its sign: `-193.3 MB`.
pub(crate) fn difference(from: u64, to: u64) -> String {
    match to.checked_sub(from) {
        Some(0) => "±0".to_owned(),
        Some(more) => format!("+{}", size(more)),
        None => format!("-{}", size(from - to)),
    }
}

/// A share of 0 to 1 as percent: `90.6 %`. One of less than all never reads as 100.0.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // Rounding would show 100.0 % for an image that still hides megabytes.
    let rounded = if share < 1.0 && percent >= 99.95 {
        99.9
    } else {
        percent
    };
    format!("{rounded:.1} %")
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// A path cut in its middle to `width` columns. Its last component stays whole if it fits: it is what people look for.
pub(crate) fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let keep = width.saturating_sub(1);
    let last = text.rfind('/').map_or(0, |slash| text[slash..].width());
    let back = if last <= keep {
        last.max(keep - keep / 3)
    } else {
        keep - keep / 3
    };
    let head: String = take_width(text.chars(), keep - back);
    // By columns from the end, since a character may take two and cannot be cut in half.
    let tail: String = take_width(text.chars().rev(), back).chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// `text` cut at its end to `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!(
        "{}…",
        take_width(text.chars(), width.saturating_sub(1))
    ))
}

fn take_width(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    let mut out = String::new();
    for c in chars {
        let mut buffer = [0; 4];
        let wide = (*c.encode_utf8(&mut buffer)).width();
        if wide > left {
            break;
        }
        left -= wide;
        out.push(c);
    }
    out
}

/// `text` broken at spaces into lines of at most `width` columns; a longer word is broken anywhere.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let mut word = word.to_owned();
        let gap = usize::from(!line.is_empty());
        if line.width() + gap + word.width() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        // A digest or a path has no blanks to break at.
        while word.width() > width {
            let head = take_width(word.chars(), width);
            word.drain(..head.len());
            lines.push(head);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// The name of a value of an enum in JSON: its identifier everywhere.
pub(crate) fn identifier(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("an enum without fields serializes to its name, not {other:?}"),
    }
}

/// The first `digits` hexadecimal digits of a digest, with its algorithm.
pub(crate) fn short_digest(digest: &str) -> &str {
    let start = digest.find(':').map_or(0, |colon| colon + 1);
    digest.get(..start + 12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_keep_their_end() {
        assert_eq!(
            shorten("/usr/lib/python3/dist-packages/module.py", 20),
            "/usr/l…ages/module.py".replace("/usr/l…ages", "/usr/l…ges")
        );
        assert_eq!(
            shorten("/usr/lib/python3/dist-packages/a-module-name.py", 20),
            "/u…/a-module-name.py"
        );
        assert_eq!(
            shorten("/usr/lib/python3/dist-packages/x.py", 12),
            "/us…ges/x.py"
        );
        assert_eq!(shorten("/a", 2), "/a");
        for width in 0..12 {
            assert!(shorten("日本語のファイル名.txt", width).width() <= width.max(1));
            assert!(cut("日本語のファイル名.txt", width).width() <= width.max(1));
        }
    }

    #[test]
    fn lines_are_no_wider_than_asked_for_and_lose_nothing() {
        let text = "a sentence with averyveryverylongword-in-it and more";
        let lines = wrap(text, 12);
        assert!(lines.iter().all(|line| line.width() <= 12), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn less_than_all_never_reads_as_all() {
        assert_eq!(percent(0.999_99), "99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(difference(10, 3), "-7 B");
    }
}
