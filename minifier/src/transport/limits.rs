//! [`Limits`]: how much a hostile image may make of a few bytes. What its entries may be called and how many there may
//! be is in [`crate::rootfs::IndexBudget`].

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rootfs::IndexBudget;

/// Bytes below which a layer may be compressed as well as it likes.
const RATIO_FLOOR: u64 = 1 << 30;

/// What uncompressed layers may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all layers of an image together.
    pub uncompressed: u64,
    /// How many times its compressed length a layer may come to, once it is longer than a GiB; none for no limit, and
    /// for entries that take far more memory than is stored of them.
    pub ratio: Option<u64>,
}

impl Default for Limits {
    /// 64 GiB; 1000 times, which a file system full of zeros does not reach with gzip's usual block sizes.
    fn default() -> Self {
        Self {
            uncompressed: 64 << 30,
            ratio: Some(1000),
        }
    }
}

/// A layer that comes to more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooBig {
    /// All layers together.
    #[error("the layers come to more than {limit} bytes uncompressed")]
    Total {
        /// The limit.
        limit: u64,
    },
    /// One layer, measured by its compressed length.
    #[error(
        "its {compressed} compressed bytes come to more than {limit} times as many, as in a decompression bomb"
    )]
    Ratio {
        /// Compressed bytes.
        compressed: u64,
        /// The limit.
        limit: u64,
    },
}

/// What is left of the limits of one image, shared by its layers.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limits: Limits,
    used: Arc<AtomicU64>,
    index: IndexBudget,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            used: Arc::default(),
            index: match limits.ratio {
                Some(_) => IndexBudget::default(),
                None => IndexBudget::of_trusted(),
            },
        }
    }

    /// What the entries of the layers may take.
    pub(crate) fn index(&self) -> &IndexBudget {
        &self.index
    }

    /// Bounds what comes out of a layer of `compressed` bytes.
    pub(super) fn bound<R: Read>(&self, inner: R, compressed: u64) -> Bounded<R> {
        Bounded {
            inner,
            budget: self.clone(),
            compressed,
            read: 0,
        }
    }
}

/// An uncompressed layer that fails, with a [`TooBig`], once it is too long.
pub(super) struct Bounded<R> {
    inner: R,
    budget: Budget,
    compressed: u64,
    read: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        let limits = self.budget.limits;
        let used = self.budget.used.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        let too_big = |error| Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
        if used > limits.uncompressed {
            return too_big(TooBig::Total {
                limit: limits.uncompressed,
            });
        }
        match limits.ratio {
            Some(limit)
                if self.read > RATIO_FLOOR && self.read / limit > self.compressed.max(1) =>
            {
                too_big(TooBig::Ratio {
                    compressed: self.compressed,
                    limit,
                })
            }
            _ => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(limits: Limits, compressed: u64, bytes: u64) -> Result<u64, String> {
        let budget = Budget::new(limits);
        let mut reader = budget.bound(io::repeat(0).take(bytes), compressed);
        io::copy(&mut reader, &mut io::sink()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_too_long_fails_by_its_length_or_by_its_ratio() {
        let limits = Limits {
            uncompressed: 1000,
            ratio: None,
        };
        assert_eq!(drain(limits, 1, 1000), Ok(1000));
        assert!(drain(limits, 1, 1001).unwrap_err().contains("1000 bytes"));
        let default = Limits::default();
        assert_eq!(drain(default, 1, RATIO_FLOOR), Ok(RATIO_FLOOR));
        let error = drain(default, 1000, RATIO_FLOOR + 4096).unwrap_err();
        assert!(error.contains("decompression bomb"), "{error}");
        let sparse = RATIO_FLOOR / 900;
        assert_eq!(
            drain(default, sparse, RATIO_FLOOR + 4096),
            Ok(RATIO_FLOOR + 4096)
        );
    }

    #[test]
    fn layers_share_one_budget() {
        let budget = Budget::new(Limits {
            uncompressed: 1000,
            ratio: None,
        });
        let mut first = budget.bound(io::repeat(0).take(600), 1);
        let mut second = budget.bound(io::repeat(0).take(600), 1);
        assert!(io::copy(&mut first, &mut io::sink()).is_ok());
        assert!(io::copy(&mut second, &mut io::sink()).is_err());
    }
}
