//! [`Captured`]: output of unknown length, kept in bounded memory.

use serde::Serialize;

use crate::image::{Digest, Sha256};

/// Bytes of output that are kept; older ones are dropped.
const KEPT: usize = 64 << 10;

/// Output: its length and digest, and its last 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Captured {
    /// Total number of bytes.
    pub bytes: u64,
    /// Digest of all bytes.
    pub sha256: Digest,
    /// The last 64 KiB.
    #[serde(skip)]
    pub tail: Vec<u8>,
}

impl Captured {
    /// The last `count` lines as text; bytes that are not UTF-8 become U+FFFD.
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.tail);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }
}

/// Collects a [`Captured`].
#[derive(Clone, Default)]
pub(crate) struct Capture {
    bytes: u64,
    hash: Sha256,
    tail: Vec<u8>,
}

impl Capture {
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.hash.update(data);
        self.tail
            .extend_from_slice(&data[data.len().saturating_sub(KEPT)..]);
        // Cut in large steps: otherwise each small piece would move 64 KiB.
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
    }

    pub(crate) fn finish(mut self) -> Captured {
        self.tail.drain(..self.tail.len().saturating_sub(KEPT));
        Captured {
            bytes: self.bytes,
            sha256: Digest::from_bytes(self.hash.finish()),
            tail: self.tail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_all_is_counted() {
        let mut capture = Capture::default();
        let mut all = Vec::new();
        for number in 0..100_000 {
            let line = format!("{number}\n");
            capture.push(line.as_bytes());
            all.extend_from_slice(line.as_bytes());
        }
        let captured = capture.finish();
        assert_eq!(captured.bytes, all.len() as u64);
        assert_eq!(captured.sha256, Digest::of(&all));
        assert_eq!(captured.tail, all[all.len() - KEPT..]);
        assert_eq!(captured.last_lines(2), ["99998", "99999"]);
    }

    #[test]
    fn one_large_piece_is_bounded() {
        let mut capture = Capture::default();
        capture.push(&vec![b'x'; 1 << 20]);
        assert_eq!(capture.finish().tail.len(), KEPT);
    }
}
