//! Copying a file's content. The copy shares its blocks with the original if the file system can, and has its holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek};
use rustix::io::Errno;

/// Bytes between two checks whether to go on.
const PIECE: u64 = 8 << 20;

/// A file to be copied.
pub(crate) struct Original<'a> {
    pub(crate) file: &'a File,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Called before every piece; an error ends the copying.
    pub(crate) step: &'a dyn Fn() -> io::Result<()>,
}

/// Copies a file into the empty file `to`.
pub(crate) fn copy(original: &Original<'_>, to: &File, buffer: &mut [u8]) -> io::Result<()> {
    let Original {
        file: from,
        size,
        step,
    } = *original;
    step()?;
    // btrfs and XFS share the blocks; ext4 answers EOPNOTSUPP, another file system EXDEV.
    if ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    to.set_len(size)?;
    let mut by_kernel = true;
    let mut at = 0;
    while at < size {
        let data = match seek(from, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            // A file system without SEEK_DATA: everything is data.
            Err(Errno::INVAL) => at,
            Err(error) => return Err(error.into()),
        };
        let hole = seek(from, SeekFrom::Hole(data)).unwrap_or(size).min(size);
        at = data;
        while at < hole {
            step()?;
            let want = (hole - at).min(PIECE);
            let copied = if by_kernel {
                range_by_kernel(from, to, at, want)?
            } else {
                Some(range(from, to, at, want, buffer)?)
            };
            match copied {
                None => by_kernel = false,
                // Another process has cut the file: without this, the loop would not end.
                Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(copied) => at += copied,
            }
        }
    }
    Ok(())
}

/// `None` if the kernel does not copy between these file systems.
fn range_by_kernel(from: &File, to: &File, at: u64, want: u64) -> io::Result<Option<u64>> {
    let (mut read, mut written) = (at, at);
    let want = usize::try_from(want).unwrap_or(usize::MAX);
    match copy_file_range(from, Some(&mut read), to, Some(&mut written), want) {
        Ok(copied) => Ok(Some(copied as u64)),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn range(from: &File, to: &File, at: u64, want: u64, buffer: &mut [u8]) -> io::Result<u64> {
    let want = usize::try_from(want)
        .unwrap_or(buffer.len())
        .min(buffer.len());
    let got = from.read_at(&mut buffer[..want], at)?;
    to.write_all_at(&buffer[..got], at)?;
    Ok(got as u64)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn holes_stay_holes_whoever_copies() {
        let from = tempfile::tempfile().unwrap();
        let size = 64 << 20;
        from.set_len(size).unwrap();
        from.write_all_at(b"begin", 0).unwrap();
        from.write_all_at(b"middle", (32 << 20) + 5).unwrap();
        let mut buffer = vec![0; 4096];
        let to = tempfile::tempfile().unwrap();
        let original = Original {
            file: &from,
            size,
            step: &|| Ok(()),
        };
        copy(&original, &to, &mut buffer).unwrap();
        let mut read = [0; 6];
        to.read_exact_at(&mut read, (32 << 20) + 5).unwrap();
        assert_eq!(&read, b"middle");
        let meta = to.metadata().unwrap();
        assert_eq!(meta.len(), size);
        assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
        let by_hand = tempfile::tempfile().unwrap();
        assert_eq!(range(&from, &by_hand, 0, 5, &mut buffer).unwrap(), 5);
    }

    #[test]
    fn a_copy_ends_where_it_is_told_to() {
        let from = tempfile::tempfile().unwrap();
        from.write_all_at(&vec![7; 20 << 20], 0).unwrap();
        let to = tempfile::tempfile().unwrap();
        let asked = std::cell::Cell::new(0);
        let step = || {
            asked.set(asked.get() + 1);
            match asked.get() {
                3.. => Err(io::Error::other("stop")),
                _ => Ok(()),
            }
        };
        let original = Original {
            file: &from,
            size: 20 << 20,
            step: &step,
        };
        let error = copy(&original, &to, &mut [0; 4096]);
        // One that shares its blocks is done at once.
        assert!(error.is_err() || asked.get() == 1);
    }
}
