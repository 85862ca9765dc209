//! [`Maker`]: random values that look like credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Makes values: the same ones in each run.
pub(crate) struct Maker(u64);

impl Maker {
    /// The same values in the same order each time.
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        // Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn of(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut pick = || alphabet[(self.next() >> 33) as usize % alphabet.len()];
        (0..length).map(|_| char::from(pick())).collect()
    }

    /// Letters and digits.
    pub(crate) fn word(&mut self, length: usize) -> String {
        self.of(
            b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789",
            length,
        )
    }

    pub(crate) fn password(&mut self) -> String {
        format!("{}7-{}", self.word(6), self.word(5))
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    pub(crate) fn base64(&mut self, length: usize) -> String {
        STANDARD.encode(self.bytes(length))
    }

    pub(crate) fn pem(&mut self, label: &str) -> String {
        let body = self.base64(96);
        let label = format!("{label}PRIVATE KEY");
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    pub(crate) fn github(&mut self) -> String {
        format!("ghp_{}", self.word(36))
    }

    pub(crate) fn aws(&mut self) -> String {
        format!("AKIA{}", self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
    }

    pub(crate) fn google(&mut self) -> String {
        format!("AIza{}", self.word(35))
    }
}
