//! Bounded reading of text files, and where a word stands in one.

use super::View;
use crate::analyze::ReadError;
use crate::rootfs::{ImagePath, NodeId};

/// Longer scripts and configuration files are not read. The largest shell script of Debian 12's packages has 0.9 MB.
pub(crate) const MAX_TEXT: u64 = 2 << 20;

/// A text file that is small enough; `None` for binary and larger ones. Bytes that are not UTF-8 are replaced: names
/// with them are not found then, and nothing else is lost.
pub(crate) fn read_text(
    view: &View<'_>,
    path: &ImagePath,
    node: NodeId,
) -> Result<Option<String>, ReadError> {
    let size = view.files.rootfs.node(node).size();
    if size == 0 || size > MAX_TEXT {
        return Ok(None);
    }
    let Some(bytes) = view.files.read_node(path, node, MAX_TEXT)? else {
        return Ok(None);
    };
    let is_binary = bytes.iter().take(4096).any(|&byte| byte == 0);
    Ok((!is_binary).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The first line, from 1, in which `word` stands by itself; `None` if an escape or a joined line hides it.
pub(crate) fn line_of(text: &str, word: &str) -> Option<u32> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let stands_in = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    let comment = |line: &&str| !line.trim_start().starts_with('#');
    let found = text
        .lines()
        .enumerate()
        .filter(|(_, line)| comment(line))
        .find(|(_, line)| stands_in(line));
    found.map(|(index, _)| index as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_where_it_stands_by_itself() {
        let text = "#!/bin/sh\n# sed\n/bin/sed-x y\nx | sed -i s/a/b/\n";
        assert_eq!(line_of(text, "sed"), Some(4));
        assert_eq!(line_of(text, "awk"), None);
    }
}
