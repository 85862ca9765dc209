//! Private keys: PEM with its older and newer labels, OpenSSH, DER.
//!
//! Source: RFC 1421 (`Proc-Type`), RFC 5208 (PKCS#8), RFC 8017 (PKCS#1), OpenSSH's `PROTOCOL.key`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::patterns::{SecretConfidence, SecretKind, SecretMatch, mark};

/// Shortest base64 of a key: Ed25519 in PKCS#8 has 64 characters.
const MIN_KEY: usize = 60;
const MAX_KEY: usize = 64 << 10;
/// Bytes from `-----BEGIN ` to `PRIVATE KEY-----`, with more blanks than anybody writes.
const MAX_BEGIN: usize = 64;

/// The private key whose `PRIVATE KEY-----` stands at `at`; `None` if that is the end of one, or only a mention.
pub(crate) fn private_key(text: &[u8], at: usize, line: u64) -> Option<SecretMatch> {
    let first = at.saturating_sub(MAX_BEGIN);
    let start = memchr::memrchr(b'\n', &text[first..at]).map_or(first, |n| first + n + 1);
    // The last one before the mark: a line of a script may mention others.
    let label_at = memchr::memmem::rfind(&text[start..at], b"-----BEGIN ")? + start + 11;
    let label = text[label_at..at].trim_ascii();
    // Labels of keys are short (`RSA`, `ENCRYPTED`); anything longer is prose.
    if label.len() > 16 || !label.iter().all(|b| b.is_ascii_uppercase() || *b == b' ') {
        return None;
    }
    let body_at = at + super::patterns::PRIVATE_KEY.len();
    let body = &text[body_at..text.len().min(body_at + MAX_KEY)];
    // What begins another one before it ends is no key, and would be looked at once for each that begins in it.
    let body = &body[..memchr::memmem::find(body, b"-----")?];
    // Source code that handles keys has the first mark and seldom the second.
    if !text[body_at + body.len()..].starts_with(b"-----END ") {
        return None;
    }
    // OpenSSL's older format names the cipher in a header (RFC 1421) and not in the label.
    let legacy_encrypted = memchr::memmem::find(body, b"ENCRYPTED").is_some();
    let base64 = base64_of(body);
    if base64.len() < MIN_KEY {
        return None;
    }
    let openssh = label == b"OPENSSH";
    let encrypted = match label {
        b"ENCRYPTED" => true,
        b"OPENSSH" => !openssh_is_plain(&base64)?,
        _ => legacy_encrypted,
    };
    Some(SecretMatch {
        rule: if openssh {
            "openssh-private-key"
        } else {
            "pem-private-key"
        },
        kind: SecretKind::PrivateKey { encrypted },
        confidence: SecretConfidence::Medium,
        line: Some(line),
        what: match label {
            b"RSA" => "RSA private key",
            b"EC" => "EC private key",
            b"DSA" => "DSA private key",
            b"OPENSSH" => "OpenSSH private key",
            _ => "private key",
        },
        masked: String::new(),
        mark: Some(mark(&base64)),
    })
}

/// The base64 between header fields, line ends (also those of JSON strings) and the end.
fn base64_of(body: &[u8]) -> Vec<u8> {
    let mut base64 = Vec::new();
    let mut rest = body;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            // Keys in JSON and in environment files have their line ends escaped.
            b'\\' if matches!(tail.first(), Some(b'n' | b'r')) => rest = &tail[1..],
            b'\n' | b'\r' | b' ' | b'\t' => {}
            // `Proc-Type: 4,ENCRYPTED`: the field goes to the end of its line.
            b':' => {
                base64.clear();
                let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
                rest = &rest[end..];
            }
            b if b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=') => base64.push(b),
            b'-' | b',' => base64.clear(),
            // Quotes of a program's source, an ellipsis: not a key but text about one.
            _ => return Vec::new(),
        }
    }
    base64
}

/// Whether an OpenSSH key has no passphrase; `None` if it is not such a key.
fn openssh_is_plain(base64: &[u8]) -> Option<bool> {
    // The cipher's name is within the first 32 bytes.
    let head = STANDARD.decode(base64.get(..44)?).ok()?;
    let rest = head.strip_prefix(b"openssh-key-v1\0")?;
    Some(rest.get(4..8)? == b"none")
}

/// A private key in DER: PKCS#8 or PKCS#1.
pub(crate) fn der_private_key(bytes: &[u8]) -> Option<SecretMatch> {
    let (sequence, _) = element(bytes, 0x30)?;
    let (version, rest) = element(sequence, 2)?;
    // The structure is enough: there is no key without it, and hardly any other file with the name of a key has it.
    let pkcs8 = || {
        let (algorithm, key) = element(rest, 0x30)?;
        element(algorithm, 6)?;
        element(key, 4)
    };
    let pkcs1 = || {
        let (modulus, rest) = element(rest, 2)?;
        // 512 bits. Public structures that begin alike have small numbers here.
        (modulus.len() >= 64).then(|| element(rest, 2))?
    };
    if !matches!(version, [0 | 1]) || (pkcs8().is_none() && pkcs1().is_none()) {
        return None;
    }
    Some(SecretMatch {
        rule: "der-private-key",
        kind: SecretKind::PrivateKey { encrypted: false },
        confidence: SecretConfidence::Medium,
        line: None,
        what: "private key",
        masked: String::new(),
        mark: Some(mark(bytes)),
    })
}

/// The content of the DER element with that tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Longer lengths cannot fit into a file that is looked at.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            (length, rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Option<SecretMatch> {
        let at = text.find(super::super::patterns::PRIVATE_KEY)?;
        private_key(text.as_bytes(), at, 1)
    }

    fn pem(label: &str, head: &str, body: &str) -> String {
        format!(
            "-----BEGIN {label}PRIVATE KEY-----\n{head}{body}\n-----END {label}PRIVATE KEY-----\n"
        )
    }

    #[test]
    fn keys_are_told_from_mentions_of_keys() {
        let body = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
        assert!(find(&pem("", "", body)).is_some());
        assert!(find(&pem("RSA ", "", body)).is_some());
        assert!(
            find(&pem("", "", body).replace('\n', "\\n")).is_some(),
            "a JSON string"
        );
        assert!(find(&pem("", "", "...")).is_none());
        assert!(find("if line == '-----BEGIN PRIVATE KEY-----':\n  x = '-----END'").is_none());
        assert!(
            find(&format!("-----BEGIN PRIVATE KEY-----\n{body}")).is_none(),
            "no end"
        );
    }

    #[test]
    fn keys_that_begin_again_and_again_are_looked_at_once() {
        // One line, and one end: each of the marks would be looked at with all that stands before and behind it.
        let marks = "-----BEGIN PRIVATE KEY-----".repeat(200_000);
        let key = pem(
            "",
            "",
            "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF",
        );
        let text = format!("{marks}\n{key}");
        let mark = super::super::patterns::PRIVATE_KEY.as_bytes();
        let places = memchr::memmem::find_iter(text.as_bytes(), mark);
        let found = places.filter_map(|at| private_key(text.as_bytes(), at, 1));
        assert_eq!(found.count(), 1);
    }

    #[test]
    fn a_passphrase_is_seen() {
        let body = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
        let encrypted =
            |text: &str| find(text).unwrap().kind == SecretKind::PrivateKey { encrypted: true };
        assert!(!encrypted(&pem("EC ", "", body)));
        assert!(encrypted(&pem("ENCRYPTED ", "", body)));
        let head = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0102\n\n";
        assert!(encrypted(&pem("RSA ", head, body)));
        let ssh = |cipher: &str| {
            let mut key = b"openssh-key-v1\0".to_vec();
            key.extend([0, 0, 0, cipher.len() as u8]);
            key.extend(cipher.as_bytes());
            key.resize(120, 7);
            pem("OPENSSH ", "", &STANDARD.encode(key))
        };
        assert!(!encrypted(&ssh("none")));
        assert!(encrypted(&ssh("aes256-ctr")));
    }

    #[test]
    fn binary_keys_are_known_by_their_structure() {
        let body = "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF";
        let der = STANDARD.decode(body).unwrap();
        assert!(der_private_key(&der).is_some());
        assert!(der_private_key(&der[..20]).is_none());
        assert!(der_private_key(b"\x30\x84\xff\xff\xff\xff").is_none());
    }
}
