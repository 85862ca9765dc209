//! [`Pool`]: threads that compress the blocks of all layers of an image; each layer gets its blocks back in order.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::blocks::LayerCompression;

/// Compresses blocks. Its threads end when the pool and everything that was given to it are gone.
pub(crate) struct Pool {
    jobs: SyncSender<BlockJob>,
    threads: usize,
}

struct BlockJob {
    compression: LayerCompression,
    block: Vec<u8>,
    reply: SyncSender<CompressedBlock>,
}

type CompressedBlock = io::Result<Vec<u8>>;

impl Pool {
    /// Starts `threads` threads in `scope`.
    pub(crate) fn start<'scope>(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        // Bounded, so that a fast reader does not fill the memory with blocks.
        let (jobs, queue) = sync_channel::<BlockJob>(threads);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = queue.clone();
            scope.spawn(move || work(&queue));
        }
        Self { jobs, threads }
    }

    /// Compresses `input`; memory depends on the number of threads only.
    pub(crate) fn compress(
        &self,
        compression: LayerCompression,
        mut input: impl Read,
        mut output: impl Write,
    ) -> io::Result<()> {
        let mut waiting: VecDeque<Receiver<CompressedBlock>> = VecDeque::new();
        let gone = || io::Error::other("the threads that compress are gone");
        let mut first = true;
        loop {
            let block = read_block(&mut input, compression.block())?;
            let last = block.len() < compression.block();
            // An empty input still needs one member or frame: zero bytes are not valid gzip.
            if first || !block.is_empty() {
                let (reply, answer) = sync_channel(1);
                let job = BlockJob {
                    compression,
                    block,
                    reply,
                };
                self.jobs.send(job).map_err(|_| gone())?;
                waiting.push_back(answer);
            }
            first = false;
            // Written in the order of reading, whichever thread finishes first.
            while waiting.len() > if last { 0 } else { self.threads } {
                let Some(answer) = waiting.pop_front() else {
                    break;
                };
                let bytes = answer.recv().map_err(|_| gone())??;
                output.write_all(&bytes)?;
            }
            if last {
                return Ok(());
            }
        }
    }
}

fn work(queue: &Mutex<Receiver<BlockJob>>) {
    loop {
        // One thread waits in `recv` with the lock, the others for the lock; std has no receiver that several can
        // share.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let answer = job.compression.compress(&job.block);
        // A layer that failed does not wait for its blocks.
        let _ = job.reply.send(answer);
    }
}

/// A whole block, or what is left.
fn read_block(input: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(len);
    input.take(len as u64).read_to_end(&mut block)?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::tar::{Compression, decompress};

    /// Neither constant nor random.
    fn sample(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        (0..len)
            .map(|i| {
                if i % 7 == 0 {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                }
                (state >> 60) as u8 + b'a'
            })
            .collect()
    }

    fn compress(bytes: &[u8], compression: LayerCompression, threads: usize) -> Vec<u8> {
        let mut out = Vec::new();
        std::thread::scope(|scope| {
            let pool = Pool::start(scope, threads);
            pool.compress(compression, bytes, &mut out).unwrap();
        });
        out
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads_and_read_back() {
        for kind in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let compression = LayerCompression::new(kind, None).unwrap();
            let block = compression.block();
            for len in [0, 1, block - 1, block, block + 1, 2 * block, 3 * block + 7] {
                let bytes = sample(len);
                let one = compress(&bytes, compression, 1);
                for threads in [2, 8] {
                    assert_eq!(compress(&bytes, compression, threads), one, "{kind} {len}");
                }
                assert_eq!(Compression::detect(&one).unwrap(), kind, "{len}");
                let mut back = Vec::new();
                decompress(&one[..], kind)
                    .unwrap()
                    .read_to_end(&mut back)
                    .unwrap();
                assert!(back == bytes, "{kind} {len}");
            }
        }
    }

    #[test]
    fn an_error_of_the_input_is_the_error_and_ends_the_threads() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0 = self
                    .0
                    .checked_sub(buf.len())
                    .ok_or_else(|| io::Error::other("broken"))?;
                Ok(buf.len())
            }
        }
        let compression = LayerCompression::new(Compression::Gzip, None).unwrap();
        std::thread::scope(|scope| {
            let pool = Pool::start(scope, 4);
            let error = pool
                .compress(compression, Broken(10 << 20), io::sink())
                .unwrap_err();
            assert_eq!(error.to_string(), "broken");
        });
    }
}
