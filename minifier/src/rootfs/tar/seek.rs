//! [`SeekInput`]: a tar in a file, of which only the headers are read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::input::TarInput;

/// Headers stand close together if files are small, so that a window of this size holds many.
const WINDOW: usize = 64 << 10;

/// A tar in a range of a file; bodies are passed over without reading them.
#[derive(Debug)]
pub(crate) struct SeekInput<'a> {
    file: &'a File,
    /// Offset of the tar in the file.
    start: u64,
    size: u64,
    at: u64,
    window: Vec<u8>,
    /// Offset of the window in the tar.
    window_at: u64,
}

impl<'a> SeekInput<'a> {
    pub(crate) fn new(file: &'a File, start: u64, size: u64) -> Self {
        Self {
            file,
            start,
            size,
            at: 0,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The bytes of the window from where it stands; the window is filled anew if there are none.
    fn buffered(&mut self) -> io::Result<&[u8]> {
        let inside = |window: &[u8], window_at: u64, at: u64| {
            let skip = usize::try_from(at.checked_sub(window_at)?).ok()?;
            (skip < window.len()).then_some(skip)
        };
        if inside(&self.window, self.window_at, self.at).is_none() {
            let left = self.size.saturating_sub(self.at);
            let want = usize::try_from(left).map_or(WINDOW, |left| left.min(WINDOW));
            self.window.resize(want, 0);
            self.window_at = self.at;
            let mut filled = 0;
            // `read_at` leaves the file's position alone, so that several readers can share one open file.
            while filled < want {
                let offset = self.start + self.at + filled as u64;
                match self.file.read_at(&mut self.window[filled..], offset) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            self.window.truncate(filled);
        }
        let skip = inside(&self.window, self.window_at, self.at).unwrap_or(self.window.len());
        Ok(&self.window[skip..])
    }
}

impl TarInput for SeekInput<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            let bytes = self.buffered()?;
            let n = bytes.len().min(buf.len() - filled);
            if n == 0 {
                break;
            }
            buf[filled..filled + n].copy_from_slice(&bytes[..n]);
            self.at += n as u64;
            filled += n;
        }
        Ok(filled)
    }

    fn skip_body(&mut self, len: u64) -> io::Result<u64> {
        let skipped = len.min(self.size.saturating_sub(self.at));
        // Only moved: the window is read again when a header is wanted that lies beyond it.
        self.at += skipped;
        Ok(skipped)
    }

    fn offset(&self) -> u64 {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::rootfs::IndexBudget;
    use crate::rootfs::tar::testing::Tar;
    use crate::rootfs::tar::{StreamInput, TarReader, index_layer};

    #[test]
    fn a_tar_reads_the_same_with_its_bodies_passed_over() {
        let big = vec![b'x'; 300_000];
        let tar = (0..200)
            .fold(Tar::new(), |tar, i| {
                tar.file(&format!("d/{i}"), &big[..i * 7])
            })
            .file("big", &big)
            .symlink("link", "big")
            .bytes();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[[7; 100].as_slice(), &tar, b"more"].concat())
            .unwrap();
        let input = SeekInput::new(&file, 100, tar.len() as u64);
        let seeking = index_layer(&mut TarReader::new(input), 0, &IndexBudget::default()).unwrap();
        let streaming = index_layer(
            &mut TarReader::new(StreamInput::new(&tar[..])),
            0,
            &IndexBudget::default(),
        )
        .unwrap();
        assert_eq!(seeking, streaming);
        assert_eq!(seeking.index.entries.len(), 202);
    }

    #[test]
    fn a_body_that_the_file_ends_in_is_truncated() {
        let tar = Tar::new().file("big", &[b'x'; 5000]).bytes();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&tar).unwrap();
        let input = SeekInput::new(&file, 0, 1024);
        let error =
            index_layer(&mut TarReader::new(input), 0, &IndexBudget::default()).unwrap_err();
        assert!(error.to_string().contains("ends at byte 1024"), "{error}");
    }
}
