//! Whoever can sign.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{Digest, PublicKey};

/// Whoever holds a private key: memory, or a hardware module that never gives it away; or the one signature that was made
/// elsewhere ([`Attached`]).
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// The signature over the digest of an image, in the form that the image carries: DER for ECDSA, 64 bytes for
    /// Ed25519 (whose message is the bytes of the digest), the modulus' length for RSA (PSS, SHA-256, MGF1 with SHA-256,
    /// a salt of 32 bytes).
    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError>;

    /// The Ed25519 signature over the content itself. Other algorithms do not have it, and not every holder.
    fn sign_pure(&self, content: &dyn Content) -> Result<Vec<u8>, SignError> {
        let _ = content;
        Err(SignError(String::from("this key cannot sign content instead of a digest")))
    }
}

/// Content to sign that need not be in memory: header, plain payload, protected TLVs.
pub trait Content {
    /// Hands every piece to `take`, in order. Can be called again, and then gives the same.
    fn pieces(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), SignError>;
}

impl Content for Vec<u8> {
    fn pieces(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), SignError> {
        take(self);
        Ok(())
    }
}

/// The bytes of a digest as the message: what Ed25519 signs in an image that is not pure.
impl Content for Digest {
    fn pieces(&self, take: &mut dyn FnMut(&[u8])) -> Result<(), SignError> {
        take(self.as_bytes());
        Ok(())
    }
}

/// A signature that was made elsewhere, by somebody who was given the digest or the content. Nothing here checks it: who
/// attaches one verifies the image that comes of it.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Whose signature it is.
    pub public_key: PublicKey,
    /// The signature, in the form that the image carries.
    pub signature: Vec<u8>,
}

impl Signer for Attached {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, _: &Digest) -> Result<Vec<u8>, SignError> {
        Ok(self.signature.clone())
    }

    fn sign_pure(&self, _: &dyn Content) -> Result<Vec<u8>, SignError> {
        Ok(self.signature.clone())
    }
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
