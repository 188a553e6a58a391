//! The cryptography that the verifier needs.
//!
//! 1. Nothing here computes anything by itself: the algorithms are RustCrypto's, behind traits, so that a device may use
//!    an accelerator or a smaller implementation with the same verifier.
//! 2. Each algorithm is a method of [`Crypto`], and each backend a feature: a device build carries only its own.
//! 3. A result that decides something is a [`Verdict`], not a `bool`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "signer")]
extern crate alloc;

mod key;
#[cfg(feature = "sign")]
mod sign;
#[cfg(feature = "signer")]
mod signer;
#[cfg(feature = "software")]
mod software;
mod verdict;

pub use key::{P256PublicKey, PublicKeyError, SPKI_P256_LEN};
#[cfg(feature = "sign")]
pub use sign::SigningKey;
#[cfg(feature = "signer")]
pub use signer::{SignError, Signer};
#[cfg(feature = "software")]
pub use software::Software;
pub use verdict::Verdict;

/// A SHA-256 digest.
pub type Sha256Digest = [u8; 32];

/// SHA-256 over data that arrives in pieces.
pub trait Sha256 {
    /// Adds the next piece, of any length.
    fn update(&mut self, data: &[u8]);

    /// The digest of everything that was added.
    fn finish(self) -> Sha256Digest;
}

/// What a backend offers. `&mut self`: a hardware backend owns its peripheral.
pub trait Crypto {
    /// A running SHA-256.
    type Sha256: Sha256;

    /// Begins a SHA-256.
    fn sha256(&mut self) -> Self::Sha256;

    /// Verifies an ECDSA P-256 signature over a SHA-256 digest.
    ///
    /// `signature` is the DER form of X9.62, `SEQUENCE { r INTEGER, s INTEGER }`, in strict DER with nothing behind it.
    /// Anything else, and a key that is not on the curve, is [`Verdict::REFUSED`].
    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict;

    /// The SHA-256 of one piece.
    fn sha256_of(&mut self, data: &[u8]) -> Sha256Digest {
        let mut sha = self.sha256();
        sha.update(data);
        sha.finish()
    }
}
