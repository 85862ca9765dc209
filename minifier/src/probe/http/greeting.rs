//! Recognising protocols other than HTTP by a server's first bytes: its greeting, or its answer to a line of HTTP.

/// PostgreSQL's request for TLS (PostgreSQL, Message Formats, SSLRequest). It sends no greeting and does not answer a line of
/// HTTP, but answers this with one byte.
pub(crate) const POSTGRES_QUESTION: &[u8] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Whether it is PostgreSQL's answer to that: yes or no.
pub(crate) fn is_postgres(answer: &[u8]) -> bool {
    matches!(answer, b"S" | b"N")
}

/// The protocol's name; `None` if it is not known.
pub(crate) fn protocol(answer: &[u8]) -> Option<&'static str> {
    let has = |text: &[u8]| answer.windows(text.len()).any(|part| part == text);
    Some(match answer {
        [b'S', b'S', b'H', b'-', ..] => "SSH",
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"SMTP") => "SMTP",
        [b'2', b'2', b'0', b' ' | b'-', ..] if has(b"FTP") => "FTP",
        [b'2', b'2', b'0', b' ' | b'-', ..] => "SMTP or FTP",
        [b'+', b'O', b'K', b' ', ..] => "POP3",
        [b'*', b' ', b'O', b'K', b' ', ..] => "IMAP",
        // RESP, the protocol of Redis: an error.
        [b'-', b'E', b'R', b'R', b' ', ..] | [b'-', b'D', b'E', b'N', b'I', b'E', b'D', ..] => {
            "Redis"
        }
        [b'A', b'M', b'Q', b'P', ..] => "AMQP",
        [b'I', b'N', b'F', b'O', b' ', b'{', ..] => "NATS",
        [b'R', b'F', b'B', b' ', ..] => "VNC",
        [b'E', b'R', b'R', b'O', b'R', b'\r', b'\n', ..] => "Memcached",
        // A packet's length and number, then version 10 of the handshake, or an error.
        [_, _, 0, 0, 10 | 0xff, ..] => "MySQL",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        for (answer, expected) in [
            (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], Some("SSH")),
            (b"220 mail.example ESMTP Postfix\r\n", Some("SMTP")),
            (b"220 (vsFTPd 3.0.3)\r\n", Some("FTP")),
            (b"220 ready", Some("SMTP or FTP")),
            (b"* OK [CAPABILITY IMAP4rev1] ready", Some("IMAP")),
            (b"+OK Dovecot ready.", Some("POP3")),
            (b"-ERR unknown command 'GET'", Some("Redis")),
            (b"AMQP\0\0\x09\x01", Some("AMQP")),
            (b"ERROR\r\n", Some("Memcached")),
            (b"\x5b\0\0\0\x0a8.0.36\0", Some("MySQL")),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(protocol(answer), expected);
        }
        assert!(is_postgres(b"N") && !is_postgres(b"No") && !is_postgres(b""));
    }
}
