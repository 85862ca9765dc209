//! Content identifiers: [`Digest`], [`DiffId`] and [`ChainId`] are distinct types over the same 32 bytes, since
//! confusing "of the compressed blob" with "of the uncompressed layer" is the classic bug in this field.
//!
//! Source: OCI image spec, `descriptor.md` (digests) and `config.md` (layer DiffID, layer ChainID).

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// The reason why a string is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not `sha256`, the only one that Docker and registries use.
    #[error("digest {0:?} does not start with \"sha256:\"")]
    Algorithm(String),
    /// The encoded part is not 64 lower-case hexadecimal digits.
    #[error("digest {0:?} is not 64 lower-case hexadecimal digits after \"sha256:\"")]
    Encoding(String),
}

fn parse(text: &str) -> Result<[u8; 32], DigestError> {
    let encoded = text
        .strip_prefix("sha256:")
        .ok_or_else(|| DigestError::Algorithm(text.to_owned()))?;
    let mut bytes = [0; 32];
    // `hex` also accepts upper case, which the spec forbids: two spellings of one digest would be two keys.
    let lower = encoded
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !lower || hex::decode_to_slice(encoded, &mut bytes).is_err() {
        return Err(DigestError::Encoding(text.to_owned()));
    }
    Ok(bytes)
}

macro_rules! sha256_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The identifier whose raw SHA-256 value is `bytes`.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Hashes `data`.
            pub fn of(data: &[u8]) -> Self {
                let mut hash = Sha256::default();
                hash.update(data);
                Self(hash.finish())
            }

            /// The 64 hexadecimal digits, without the algorithm.
            pub fn to_hex(self) -> String {
                hex::encode(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;
            fn from_str(text: &str) -> Result<Self, DigestError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

sha256_id! {
    /// Digest of a blob as it is stored or sent (a compressed layer, a config, a manifest).
    Digest
}
sha256_id! {
    /// Digest of a layer's uncompressed tar.
    DiffId
}
sha256_id! {
    /// Identifier of a layer applied on top of its parents.
    ChainId
}

impl From<DiffId> for Digest {
    /// The digest of a layer's blob if it is stored uncompressed.
    fn from(diff_id: DiffId) -> Self {
        Self(diff_id.0)
    }
}

impl ChainId {
    /// Chain IDs of a stack of layers, lowest first. The result has the same length as `layers`.
    pub fn stack(layers: &[DiffId]) -> Vec<ChainId> {
        let mut chain: Vec<ChainId> = Vec::with_capacity(layers.len());
        for diff_id in layers {
            let id = match chain.last() {
                // The lowest layer's chain ID is its diff ID.
                None => ChainId(diff_id.0),
                Some(parent) => ChainId::of(format!("{parent} {diff_id}").as_bytes()),
            };
            chain.push(id);
        }
        chain
    }
}

/// An incremental SHA-256.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Adds `data` to the hashed bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The hash of all added bytes, in raw form for [`Digest::from_bytes`] or [`DiffId::from_bytes`].
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Hashes and counts the bytes that are read through it.
pub(crate) struct HashingReader<R> {
    inner: R,
    hash: Sha256,
    read: u64,
}

impl<R> HashingReader<R> {
    /// Hashes what is read from `inner` from now on.
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::default(),
            read: 0,
        }
    }

    /// The raw hash and the number of all bytes read so far.
    pub(crate) fn finish(self) -> ([u8; 32], u64) {
        (self.hash.finish(), self.read)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hash.update(&buf[..n]);
        self.read += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_round_trip_and_reject_other_spellings() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        let upper = format!("sha256:{}", "0A".repeat(32));
        assert_eq!(upper.parse::<Digest>(), Err(DigestError::Encoding(upper)));
        assert!(matches!(
            "md5:00".parse::<DiffId>(),
            Err(DigestError::Algorithm(_))
        ));
        assert!(matches!(
            "sha256:00".parse::<DiffId>(),
            Err(DigestError::Encoding(_))
        ));
    }

    #[test]
    fn chain_id_of_the_lowest_layer_is_its_diff_id() {
        let layers = [DiffId::of(b"a"), DiffId::of(b"b")];
        let chain = ChainId::stack(&layers);
        assert_eq!(chain[0].to_string(), layers[0].to_string());
        assert_eq!(
            chain[1],
            ChainId::of(format!("{} {}", layers[0], layers[1]).as_bytes())
        );
    }
}
