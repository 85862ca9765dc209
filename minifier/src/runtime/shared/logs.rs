//! [`Logs`]: a container's output as lines, the last ones kept, for readers at their own pace.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Bytes of text that are kept.
const KEPT: usize = 4 << 20;
/// A longer line is cut into several.
const LINE: usize = 16 << 10;

/// The stream that a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The stream that it was written to.
    pub stream: LogStream,
    /// The line without its end; bytes that are not UTF-8 become U+FFFD.
    pub text: String,
}

/// Lines for one reader, and where it goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogChunk {
    /// Number of lines that were dropped before they could be read.
    pub missed: u64,
    /// Lines in the order they came.
    pub lines: Vec<LogLine>,
    /// Pass this to the next [`Logs::read`].
    pub next: u64,
    /// Whether the output has ended.
    pub closed: bool,
}

/// A container's output. The last 4 MiB are kept.
#[derive(Debug)]
pub struct Logs {
    state: Mutex<LogState>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct LogState {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Number of the first line kept.
    first: u64,
    partial: [Vec<u8>; 2],
    closed: bool,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Logs {
    fn state(&self) -> MutexGuard<'_, LogState> {
        // Each change is complete before anything can panic, so a poisoned lock still protects a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds output as it comes, in any pieces.
    pub(crate) fn push(&self, stream: LogStream, data: &[u8]) {
        let mut state = self.state();
        for piece in data.split_inclusive(|b| *b == b'\n') {
            state.push(stream, piece);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Notes the end of the output. Text without a line end becomes a line.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            state.end_line(stream);
        }
        state.closed = true;
        drop(state);
        self.changed.send_replace(());
    }

    /// The lines from number `from` on that are there now; 0 is the first.
    pub fn read(&self, from: u64) -> LogChunk {
        let state = self.state();
        let skip = usize::try_from(from.saturating_sub(state.first)).unwrap_or(usize::MAX);
        LogChunk {
            missed: state.first.saturating_sub(from),
            lines: state.lines.iter().skip(skip).cloned().collect(),
            next: state.first + state.lines.len() as u64,
            closed: state.closed,
        }
    }

    /// Like [`Self::read`], but waits until there is a line or the output has ended.
    pub async fn next(&self, from: u64) -> LogChunk {
        let mut changed = self.changed.subscribe();
        loop {
            let chunk = self.read(from);
            if !chunk.lines.is_empty() || chunk.missed > 0 || chunk.closed {
                return chunk;
            }
            // It fails only if the sender is gone, which is a part of `self`.
            let _ = changed.changed().await;
        }
    }

    /// Waits for the end of the output.
    pub async fn closed(&self) {
        let mut changed = self.changed.subscribe();
        while !self.state().closed {
            let _ = changed.changed().await;
        }
    }

    /// The last `count` lines, an unfinished one included.
    pub fn tail(&self, count: usize) -> Vec<String> {
        let state = self.state();
        let partial = state.partial.iter().filter(|text| !text.is_empty());
        let mut lines: Vec<String> = partial.map(|text| lossy(text)).collect();
        let whole = count.saturating_sub(lines.len()).min(state.lines.len());
        let last = state.lines.iter().skip(state.lines.len() - whole);
        lines.splice(0..0, last.map(|line| line.text.clone()));
        lines
    }
}

impl LogState {
    /// Adds a piece that holds at most one line end, at its own end.
    fn push(&mut self, stream: LogStream, mut piece: &[u8]) {
        loop {
            let partial = &mut self.partial[stream as usize];
            // A program that never ends its line must not take more than a line's memory.
            let (now, rest) = piece.split_at(piece.len().min(LINE - partial.len()));
            partial.extend_from_slice(now);
            if partial.ends_with(b"\n") || partial.len() == LINE {
                self.end_line(stream);
            }
            if rest.is_empty() {
                return;
            }
            piece = rest;
        }
    }

    fn end_line(&mut self, stream: LogStream) {
        let text = std::mem::take(&mut self.partial[stream as usize]);
        if text.is_empty() {
            return;
        }
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = LogLine {
            stream,
            text: lossy(line),
        };
        self.bytes += weight(&line);
        self.lines.push_back(line);
        while self.bytes > KEPT {
            let Some(gone) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= weight(&gone);
            self.first += 1;
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Memory that a line takes. A container that writes empty lines must not get past the limit.
fn weight(line: &LogLine) -> usize {
    line.text.len() + size_of::<LogLine>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chunk: &LogChunk) -> Vec<&str> {
        chunk.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn pieces_become_lines_per_stream() {
        let logs = Logs::default();
        logs.push(LogStream::Stdout, b"one\r\ntw");
        logs.push(LogStream::Stderr, b"err\n\n");
        logs.push(LogStream::Stdout, b"o\nlast");
        assert_eq!(texts(&logs.read(0)), ["one", "err", "", "two"]);
        assert_eq!(logs.tail(2), ["two", "last"]);
        logs.close();
        let chunk = logs.read(3);
        assert_eq!(
            (texts(&chunk), chunk.next, chunk.closed),
            (vec!["two", "last"], 5, true)
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_counted() {
        let logs = Logs::default();
        for _ in 0..100 {
            logs.push(
                LogStream::Stdout,
                &[vec![b'x'; 100_000], vec![b'\n']].concat(),
            );
        }
        let chunk = logs.read(0);
        assert!(chunk.missed > 0);
        assert_eq!(chunk.missed + chunk.lines.len() as u64, chunk.next);
        assert!(
            chunk
                .lines
                .iter()
                .map(|line| line.text.len())
                .sum::<usize>()
                <= KEPT
        );
        assert!(chunk.lines.iter().all(|line| line.text.len() <= LINE));
    }

    #[test]
    fn a_line_as_long_as_the_limit_does_not_stall() {
        let logs = Logs::default();
        logs.push(LogStream::Stdout, &vec![b'x'; LINE]);
        logs.push(LogStream::Stdout, b"\ny\n");
        assert_eq!(logs.read(1).lines.last().unwrap().text, "y");
    }

    #[tokio::test]
    async fn a_reader_waits_for_more() {
        let logs = std::sync::Arc::new(Logs::default());
        let reader = tokio::spawn({
            let logs = logs.clone();
            async move {
                let first = logs.next(0).await;
                let second = logs.next(first.next).await;
                logs.closed().await;
                (first, second)
            }
        });
        tokio::task::yield_now().await;
        logs.push(LogStream::Stdout, b"a\n");
        tokio::task::yield_now().await;
        logs.close();
        let (first, second) = reader.await.unwrap();
        assert_eq!(texts(&first), ["a"]);
        assert!(second.closed && second.lines.is_empty());
    }
}
