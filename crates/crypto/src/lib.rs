//! The cryptography that the image format needs.
//!
//! 1. Nothing here computes anything by itself: the algorithms are RustCrypto's and dalek's, behind traits, so that a
//!    device may use an accelerator or a smaller implementation with the same verifier.
//! 2. Each algorithm is a feature: a device build carries only its own. A method of [`Crypto`] that a backend does not
//!    override is the software implementation.
//! 3. A result that decides something is a [`Verdict`], not a `bool`.
//! 4. Private and image keys are wiped when dropped and never shown by `Debug`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod content;
mod hash;
mod key;
mod open;
mod public;
mod pure;
#[cfg(feature = "seal")]
pub mod seal;
#[cfg(feature = "sign")]
mod sign;
#[cfg(feature = "signer")]
mod signer;
mod software;
mod verdict;

#[cfg(feature = "aes")]
pub use content::aes_ctr;
pub use content::{ContentKey, ContentKeys, KeyBits, NoContentKeys, OpenError, Sealing};
pub use hash::{Digest, HashAlgorithm, Hasher, MAX_DIGEST};
pub use key::{
    Ed25519PublicKey, P256PublicKey, P384PublicKey, PKCS1_RSA_MAX, PublicKeyError, RsaPublicKey,
    SPKI_ED25519_LEN, SPKI_P256_LEN, SPKI_P384_LEN, X25519PublicKey,
};
#[cfg(feature = "aes-kw")]
pub use open::KeyWrapKey;
#[cfg(feature = "ecies-p256")]
pub use open::P256ContentKeys;
#[cfg(feature = "rsa-oaep")]
pub use open::RsaContentKeys;
#[cfg(feature = "ecies-x25519")]
pub use open::X25519ContentKeys;
pub use public::{KeyDer, MAX_KEY_DER, MAX_SIGNATURE, PublicKey, SignatureAlgorithm, ecdsa_numbers};
pub use pure::PureVerifier;
#[cfg(feature = "sign")]
pub use sign::{Ed25519SigningKey, P384SigningKey, RsaSigningKey, SigningKey};
#[cfg(feature = "signer")]
pub use signer::{Attached, Content, SignError, Signer};
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
///
/// SHA-256 and P-256 are every backend's own. The others, where a feature has them, are software unless a backend
/// overrides them.
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

    /// Verifies an ECDSA P-384 signature over a SHA-384 digest; the form as for P-256.
    #[cfg(feature = "p384")]
    fn verify_p384(&mut self, key: &P384PublicKey, digest: &[u8; 48], signature: &[u8]) -> Verdict {
        software::verify_p384(key, digest, signature)
    }

    /// Verifies an Ed25519 signature (RFC 8032, 64 bytes) over a message that is in memory: an image's digest. Keys and
    /// commitments of small order, and numbers that are not reduced, are refused.
    #[cfg(feature = "ed25519")]
    fn verify_ed25519(&mut self, key: &Ed25519PublicKey, message: &[u8], signature: &[u8]) -> Verdict {
        software::verify_ed25519(key, message, signature)
    }

    /// Verifies an RSA-PSS signature over a SHA-256 digest: MGF1 with SHA-256, a salt of exactly 32 bytes.
    #[cfg(feature = "rsa")]
    fn verify_rsa(&mut self, key: &RsaPublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        software::verify_rsa(key, digest, signature)
    }

    /// The SHA-256 of one piece.
    fn sha256_of(&mut self, data: &[u8]) -> Sha256Digest {
        let mut sha = self.sha256();
        sha.update(data);
        sha.finish()
    }
}
