//! Signatures over the content itself instead of its digest.

use crate::Verdict;

/// A running verification of an Ed25519 signature over content that arrives in pieces. In a build without Ed25519 there
/// is no value of this type, and everything that would use it is gone.
pub struct PureVerifier {
    #[cfg(feature = "ed25519")]
    stream: ed25519_dalek::StreamVerifier,
    #[cfg(not(feature = "ed25519"))]
    never: core::convert::Infallible,
}

#[cfg(feature = "ed25519")]
impl PureVerifier {
    pub(crate) fn new(key: &crate::Ed25519PublicKey, signature: &[u8]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(key.raw()).ok()?;
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        // A key of small order makes signatures that fit other content too; it is nobody's real key.
        if key.is_weak() {
            return None;
        }
        key.verify_stream(&signature).ok().map(|stream| Self { stream })
    }

    /// Adds the next piece, of any length.
    pub fn update(&mut self, data: &[u8]) {
        self.stream.update(data);
    }

    /// Whether the signature is one of everything that was added.
    pub fn finish(self) -> Verdict {
        Verdict::from_bool(self.stream.finalize_and_verify().is_ok())
    }
}

#[cfg(not(feature = "ed25519"))]
impl PureVerifier {
    /// Adds the next piece, of any length.
    pub fn update(&mut self, _: &[u8]) {
        match self.never {}
    }

    /// Whether the signature is one of everything that was added.
    pub fn finish(self) -> Verdict {
        match self.never {}
    }
}
