//! [`Limits`]: how far the bytes of a hostile image may expand. [`crate::rootfs::IndexBudget`] limits the names and the
//! number of its entries.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rootfs::IndexBudget;

/// Uncompressed size in bytes up to which a layer may have any compression ratio.
const RATIO_FLOOR: u64 = 1 << 30;

/// Limits on the size of uncompressed layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Total bytes of all layers of an image.
    pub uncompressed: u64,
    /// The maximum ratio of uncompressed to compressed length, which applies to layers longer than a GiB. `None` means
    /// no limit; entries may then also take far more memory than their stored size.
    pub ratio: Option<u64>,
}

impl Default for Limits {
    /// 64 GiB, and a ratio of 1000, which a file system full of zeros does not reach with gzip's usual block sizes.
    fn default() -> Self {
        Self {
            uncompressed: 64 << 30,
            ratio: Some(1000),
        }
    }
}

/// A layer that exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooBig {
    /// All layers together are too long.
    #[error("the layers come to more than {limit} bytes uncompressed")]
    Total {
        /// The limit.
        limit: u64,
    },
    /// One layer is too long for its compressed length.
    #[error(
        "its {compressed} compressed bytes come to more than {limit} times as many, as in a decompression bomb"
    )]
    Ratio {
        /// Compressed length in bytes.
        compressed: u64,
        /// The limit.
        limit: u64,
    },
}

/// The remaining limits of one image, shared by its layers.
#[derive(Debug, Clone)]
pub(crate) struct LayerBudget {
    limits: Limits,
    used: Arc<AtomicU64>,
    index: IndexBudget,
}

impl LayerBudget {
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

    /// The budget for the entries of the layers.
    pub(crate) fn index(&self) -> &IndexBudget {
        &self.index
    }

    /// Limits the output of a layer of `compressed` bytes.
    pub(crate) fn bound<R: Read>(&self, inner: R, compressed: u64) -> BoundedLayer<R> {
        BoundedLayer {
            inner,
            budget: self.clone(),
            compressed,
            read: 0,
        }
    }
}

/// An uncompressed layer whose reader fails with a [`TooBig`] once the layer is too long.
pub(crate) struct BoundedLayer<R> {
    inner: R,
    budget: LayerBudget,
    compressed: u64,
    read: u64,
}

impl<R: Read> Read for BoundedLayer<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        let limits = self.budget.limits;
        // After the read, which is bounded by the buffer: so a limit is exceeded by one buffer at most.
        let used = self.budget.used.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        let too_big = |error| Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
        if used > limits.uncompressed {
            return too_big(TooBig::Total {
                limit: limits.uncompressed,
            });
        }
        match limits.ratio {
            // Small layers may have any ratio: a tar of one short file is nearly all zeros.
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
        let budget = LayerBudget::new(limits);
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
        let budget = LayerBudget::new(Limits {
            uncompressed: 1000,
            ratio: None,
        });
        let mut first = budget.bound(io::repeat(0).take(600), 1);
        let mut second = budget.bound(io::repeat(0).take(600), 1);
        assert!(io::copy(&mut first, &mut io::sink()).is_ok());
        assert!(io::copy(&mut second, &mut io::sink()).is_err());
    }
}
