//! Signing with a key in memory, on the host.

use alloc::vec::Vec;
use core::fmt;

use p256::ecdsa::Signature;
use p256::ecdsa::signature::hazmat::PrehashSigner;

use crate::{P256PublicKey, PublicKeyError, Sha256Digest, SignError, Signer};

/// A P-256 private key in memory; wiped when dropped. Signatures are deterministic (RFC 6979): the same image and key
/// give the same bytes, and no bad random number can give the key away.
#[derive(Clone)]
pub struct SigningKey {
    key: p256::ecdsa::SigningKey,
}

impl SigningKey {
    /// From the 32 bytes of the private number, big-endian; an error if it is zero or not below the order.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, PublicKeyError> {
        p256::ecdsa::SigningKey::from_slice(scalar).map(|key| Self { key }).map_err(|_| PublicKeyError)
    }
}

impl From<p256::ecdsa::SigningKey> for SigningKey {
    fn from(key: p256::ecdsa::SigningKey) -> Self {
        Self { key }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public_key())
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> P256PublicKey {
        let point = self.key.verifying_key().to_sec1_point(false);
        // A signing key's own point, uncompressed, always has the form.
        P256PublicKey::from_sec1(point.as_bytes()).expect("an uncompressed point is 04 || X || Y")
    }

    fn sign_digest(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: Signature =
            self.key.sign_prehash(digest).map_err(|error| SignError(alloc::format!("{error}")))?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
