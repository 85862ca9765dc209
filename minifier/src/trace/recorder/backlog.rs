//! [`Backlog`]: records that were taken out of the ring buffer and wait to be assembled. Taking them out is quick, so that a
//! burst of the workload does not fill the buffer; assembling them is slower.

use std::collections::VecDeque;

/// Bytes of a block of records.
const BLOCK: usize = 1 << 20;

/// Most bytes that wait here. Further records wait in the ring buffer; if that is full, the kernel side counts them as lost.
const MOST: usize = 16 << 20;

/// See the module.
#[derive(Default)]
pub(crate) struct Backlog {
    /// Each record behind its length.
    blocks: VecDeque<Vec<u8>>,
    /// Empty blocks for further use. If they were freed each time, the allocator would place new ones among the data of the
    /// trace, and leave holes there.
    spare: Vec<Vec<u8>>,
    /// Where in the first block the next record starts.
    next: usize,
}

impl Backlog {
    /// Whether a record has to be taken before another may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.blocks.len() > MOST / BLOCK
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) {
        let length = size_of::<usize>() + record.len();
        let room = |block: &&mut Vec<u8>| block.capacity() - block.len() >= length;
        let block = match self.blocks.back_mut().filter(room) {
            Some(block) => block,
            None => {
                let mut block = self.spare.pop().unwrap_or_default();
                block.reserve(BLOCK.max(length));
                self.blocks.push_back_mut(block)
            }
        };
        block.extend_from_slice(&record.len().to_ne_bytes());
        block.extend_from_slice(record);
    }

    /// Passes the oldest record to `to`; returns false if there is none.
    pub(crate) fn take(&mut self, to: impl FnOnce(&[u8])) -> bool {
        let Some(block) = self.blocks.front() else {
            return false;
        };
        let rest = block.get(self.next..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk() else {
            return false;
        };
        let length = usize::from_ne_bytes(*length);
        // Records are written whole, so the length is always there; no index here can panic all the same.
        to(rest.get(..length).unwrap_or(rest));
        self.next += size_of::<usize>() + length;
        if self.next >= block.len() {
            if let Some(mut empty) = self.blocks.pop_front() {
                empty.clear();
                self.spare.push(empty);
            }
            self.next = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_their_order_and_blocks_go() {
        let mut backlog = Backlog::default();
        let record = |number: u32| vec![number as u8; 1000 + number as usize % 7];
        for number in 0..5000 {
            backlog.push(&record(number));
        }
        assert!(backlog.blocks.len() > 2);
        for number in 0..5000 {
            assert!(backlog.take(|bytes| assert_eq!(bytes, record(number))));
        }
        assert!(!backlog.take(|_| panic!("one more")));
        assert!(backlog.blocks.is_empty());
    }

    #[test]
    fn a_backlog_is_full_at_its_limit_and_has_room_again() {
        let mut backlog = Backlog::default();
        let record = vec![7; 4000];
        let mut bytes = 0;
        while !backlog.is_full() {
            backlog.push(&record);
            bytes += record.len();
        }
        assert!((MOST * 9 / 10..=MOST + BLOCK).contains(&bytes), "{bytes}");
        for _ in 0..BLOCK / record.len() {
            backlog.take(|_| {});
        }
        assert!(!backlog.is_full());
    }
}
