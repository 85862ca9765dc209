//! [`LineCounter`]: the line numbers of findings.

/// Counts lines as offsets grow, so that the lines of all findings of a file cost one walk through it.
pub(crate) struct LineCounter<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The line that holds `offset`, which no later call goes behind.
    pub(crate) fn at(&mut self, offset: usize) -> u64 {
        if offset > self.at {
            self.line += memchr::memchr_iter(b'\n', &self.text[self.at..offset]).count() as u64;
            self.at = offset;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_growing_offsets() {
        let mut lines = LineCounter::new(b"ab\n\ncd");
        let found: Vec<u64> = [0, 2, 3, 3, 4, 5].map(|offset| lines.at(offset)).into();
        assert_eq!(found, [1, 1, 2, 2, 3, 3]);
    }
}
