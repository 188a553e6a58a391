//! Whoever can sign.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{P256PublicKey, Sha256Digest};

/// Whoever holds a private key: memory, or a hardware module that never gives it away.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> P256PublicKey;

    /// The ECDSA P-256 signature over a digest, in DER.
    fn sign_digest(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError>;
}

/// The holder of the key did not sign, with its own words for the reason. Never contains key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(pub String);

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for SignError {}
