//! Hashes of whichever length an image uses.

use core::fmt;

use crate::{Crypto, Sha256, Sha256Digest};

/// The hash of an image: over its content, and over the key that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, 32 bytes.
    #[default]
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// Length of a digest.
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Whether this build can compute it.
    pub const fn is_available(self) -> bool {
        matches!(self, Self::Sha256) || cfg!(feature = "sha512")
    }
}

/// The longest digest of this build.
pub const MAX_DIGEST: usize = if cfg!(feature = "sha512") { 64 } else { 32 };

/// A digest of one of the lengths that this build knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; MAX_DIGEST],
    len: u8,
}

impl Digest {
    /// From 32, 48 or 64 bytes; `None` for a length that is no digest in this build.
    pub fn from_slice(digest: &[u8]) -> Option<Self> {
        if !matches!(digest.len(), 32 | 48 | 64) || digest.len() > MAX_DIGEST {
            return None;
        }
        let mut bytes = [0; MAX_DIGEST];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Some(Self { bytes, len: digest.len() as u8 })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The first 32 bytes: the whole of a SHA-256.
    pub fn prefix(&self) -> &Sha256Digest {
        const { assert!(MAX_DIGEST >= 32) };
        match self.bytes.first_chunk() {
            Some(prefix) => prefix,
            None => &[0; 32],
        }
    }

    /// Which algorithm it is of.
    pub const fn algorithm(&self) -> HashAlgorithm {
        match self.len {
            48 => HashAlgorithm::Sha384,
            64 => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        }
    }
}

impl From<Sha256Digest> for Digest {
    fn from(digest: Sha256Digest) -> Self {
        let mut bytes = [0; MAX_DIGEST];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        Self { bytes, len: 32 }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A running hash. SHA-256 is the backend's, which may be an accelerator; the longer ones are software where this build
/// has them.
pub struct Hasher<C: Crypto + ?Sized>(State<C>);

enum State<C: Crypto + ?Sized> {
    Sha256(C::Sha256),
    #[cfg(feature = "sha512")]
    Sha384(sha2::Sha384),
    #[cfg(feature = "sha512")]
    Sha512(sha2::Sha512),
}

impl<C: Crypto> Hasher<C> {
    /// Begins a hash; `None` if this build does not have the algorithm.
    pub fn new(algorithm: HashAlgorithm, crypto: &mut C) -> Option<Self> {
        match algorithm {
            HashAlgorithm::Sha256 => Some(Self(State::Sha256(crypto.sha256()))),
            #[cfg(feature = "sha512")]
            HashAlgorithm::Sha384 => Some(Self(State::Sha384(sha2::Digest::new()))),
            #[cfg(feature = "sha512")]
            HashAlgorithm::Sha512 => Some(Self(State::Sha512(sha2::Digest::new()))),
            #[cfg(not(feature = "sha512"))]
            HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => None,
        }
    }

    /// Adds the next piece, of any length.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Sha256(sha) => sha.update(data),
            #[cfg(feature = "sha512")]
            State::Sha384(sha) => sha2::Digest::update(sha, data),
            #[cfg(feature = "sha512")]
            State::Sha512(sha) => sha2::Digest::update(sha, data),
        }
    }

    /// The digest of everything that was added.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(sha) => sha.finish().into(),
            #[cfg(feature = "sha512")]
            State::Sha384(sha) => digest_of(&sha2::Digest::finalize(sha)),
            #[cfg(feature = "sha512")]
            State::Sha512(sha) => digest_of(&sha2::Digest::finalize(sha)),
        }
    }
}

#[cfg(feature = "sha512")]
fn digest_of(bytes: &[u8]) -> Digest {
    // The library's output has the algorithm's length, so this is never the other arm.
    Digest::from_slice(bytes).unwrap_or(Digest { bytes: [0; MAX_DIGEST], len: 32 })
}
