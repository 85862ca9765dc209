//! Paths of an image as relative URIs (RFC 3986).

use std::fmt::Write as _;

/// `path`, as the data model shows it, as a relative URI of its bytes: `\xNN` becomes the byte again, and everything
/// that is not unreserved is percent-encoded.
pub(crate) fn relative(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path.trim_start_matches('/').as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match escaped(rest) {
            Some(byte) => (byte, &rest[4..]),
            None => (byte, after),
        };
        rest = after;
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                out.push(char::from(byte));
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    // An empty URI would be the base itself, which validators refuse.
    if out.is_empty() { ".".to_owned() } else { out }
}

/// The byte of a `\xNN` at the beginning.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"\\x")?.get(..2)?;
    let digit = |d: u8| char::from(d).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_path_are_encoded() {
        assert_eq!(relative("/usr/bin/a b"), "usr/bin/a%20b");
        assert_eq!(relative("/n\\xff\\x5c%é:x"), "n%FF%5C%25%C3%A9%3Ax");
        assert_eq!(relative("/"), ".");
        assert_eq!(relative("/a\\x"), "a%5Cx");
    }
}
