//! Lists of strings as Go prints them into the history: `["a" "b c"]` (`%q`) and `[a b]` (`%v`).

/// The strings of a list of quoted strings, with or without commas; `None` if the text is something else.
pub(crate) fn go_strings(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut words = Vec::new();
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"')?;
        let (word, after) = unquote(quoted)?;
        words.push(word);
        // The exec form of a Dockerfile has commas, Go's form has none; both occur in histories.
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(words)
}

/// Up to the closing quote; gives what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((word, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => word.push('\n'),
                't' => word.push('\t'),
                'r' => word.push('\r'),
                // Go escapes what is not printable, and writes bytes that are not UTF-8 as `\x`.
                'x' => word.push(code(&mut chars, 2)?),
                'u' => word.push(code(&mut chars, 4)?),
                other => word.push(other),
            },
            c => word.push(c),
        }
    }
    None
}

fn code(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let hex: String = chars.take(digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&hex, 16).ok()?)
}

/// The words of a list without quotes.
pub(crate) fn go_list(text: &str) -> Vec<String> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    inner.split_whitespace().map(str::to_owned).collect()
}

/// A list as a Dockerfile has it: `["a", "b c"]`.
pub(crate) fn json_list(words: &[String]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| serde_json::Value::from(word.as_str()).to_string())
        .collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_lists_are_read_with_their_escapes() {
        let words = go_strings(r#"["sh" "-c" "echo \"a\\b\"\tc\u00e9"]"#).unwrap();
        assert_eq!(words, ["sh", "-c", "echo \"a\\b\"\tcé"]);
        assert_eq!(go_strings(r#"["a", "b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(go_strings("[a b]"), None);
        assert_eq!(go_strings(r#"["open]"#), None);
        assert_eq!(json_list(&words[..2]), r#"["sh", "-c"]"#);
    }
}
