//! Signing with a key in memory, on the host. Every signature is deterministic: the same image and key give the same
//! bytes, and no bad random number can give a key away.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::traits::PrivateKeyParts;
use zeroize::Zeroizing;

use crate::{
    Content, Digest, Ed25519PublicKey, P256PublicKey, P384PublicKey, PublicKey, PublicKeyError, RsaPublicKey,
    Sha256Digest, SignError, Signer,
};

/// A P-256 private key in memory; wiped when dropped. Signatures by RFC 6979.
#[derive(Clone)]
pub struct SigningKey {
    key: p256::ecdsa::SigningKey,
}

impl SigningKey {
    /// From the 32 bytes of the private number, big-endian; an error if it is zero or not below the order.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, PublicKeyError> {
        p256::ecdsa::SigningKey::from_slice(scalar).map(|key| Self { key }).map_err(|_| PublicKeyError)
    }

    /// The public half.
    pub fn public_key(&self) -> P256PublicKey {
        let point = self.key.verifying_key().to_sec1_point(false);
        // A signing key's own point, uncompressed, always has the form.
        P256PublicKey::from_sec1(point.as_bytes()).expect("an uncompressed point is 04 || X || Y")
    }

    /// The signature over a SHA-256 digest, in DER.
    pub fn sign_digest(&self, digest: &Sha256Digest) -> Result<Vec<u8>, SignError> {
        let signature: p256::ecdsa::Signature = self.key.sign_prehash(digest).map_err(failed)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl From<p256::ecdsa::SigningKey> for SigningKey {
    fn from(key: p256::ecdsa::SigningKey) -> Self {
        Self { key }
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        PublicKey::P256(self.public_key())
    }

    /// A longer digest is cut to the size of the curve, as ECDSA has it.
    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        self.sign_digest(digest.prefix())
    }
}

/// A P-384 private key in memory; wiped when dropped. Signatures by RFC 6979.
#[derive(Clone)]
pub struct P384SigningKey {
    key: p384::ecdsa::SigningKey,
}

impl From<p384::ecdsa::SigningKey> for P384SigningKey {
    fn from(key: p384::ecdsa::SigningKey) -> Self {
        Self { key }
    }
}

impl Signer for P384SigningKey {
    fn public_key(&self) -> PublicKey {
        let point = self.key.verifying_key().to_sec1_point(false);
        PublicKey::P384(
            P384PublicKey::from_sec1(point.as_bytes()).expect("an uncompressed point is 04 || X || Y"),
        )
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        let signature: p384::ecdsa::Signature =
            PrehashSigner::sign_prehash(&self.key, digest.as_bytes()).map_err(failed)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

/// An Ed25519 private key in memory; wiped when dropped. Signs digests and content.
#[derive(Clone)]
pub struct Ed25519SigningKey {
    key: ed25519_dalek::SigningKey,
}

impl Ed25519SigningKey {
    /// From the 32 bytes of the seed (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }
}

impl From<ed25519_dalek::SigningKey> for Ed25519SigningKey {
    fn from(key: ed25519_dalek::SigningKey) -> Self {
        Self { key }
    }
}

impl Signer for Ed25519SigningKey {
    fn public_key(&self) -> PublicKey {
        let key = Ed25519PublicKey::from_raw(self.key.verifying_key().as_bytes());
        PublicKey::Ed25519(key.expect("32 bytes have the form"))
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        self.sign_pure(digest)
    }

    /// Reads the content twice, as the algorithm asks.
    fn sign_pure(&self, content: &dyn Content) -> Result<Vec<u8>, SignError> {
        use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign_byupdate};
        use sha2::Digest;

        let reason = RefCell::new(None);
        let update = |hash: &mut sha2::Sha512| {
            content.pieces(&mut |piece| hash.update(piece)).map_err(|error| {
                *reason.borrow_mut() = Some(error);
                ed25519_dalek::SignatureError::new()
            })
        };
        // Both arguments are from this key: the library's warning is about mixing them.
        let secret = ExpandedSecretKey::from(self.key.as_bytes());
        let signature = raw_sign_byupdate::<sha2::Sha512, _>(&secret, update, &self.key.verifying_key());
        signature
            .map(|signature| signature.to_bytes().to_vec())
            .map_err(|error| reason.borrow_mut().take().unwrap_or_else(|| failed(error)))
    }
}

/// An RSA private key of 2048 or 3072 bits in memory; wiped when dropped.
#[derive(Clone)]
pub struct RsaSigningKey {
    key: rsa::RsaPrivateKey,
    public: RsaPublicKey,
}

impl TryFrom<rsa::RsaPrivateKey> for RsaSigningKey {
    type Error = PublicKeyError;

    /// Refuses sizes other than 2048 and 3072 bits, and exponents other than 65537.
    fn try_from(key: rsa::RsaPrivateKey) -> Result<Self, PublicKeyError> {
        let der = key.to_public_key().to_pkcs1_der().map_err(|_| PublicKeyError)?;
        Ok(Self { public: RsaPublicKey::from_pkcs1_der(der.as_bytes())?, key })
    }
}

impl RsaSigningKey {
    /// What salt and blinding come from: a stream that only the holder of the key can tell, another one for each digest.
    /// PSS stays as strong as with a random salt, and the same inputs give the same signature.
    fn salt_source(&self, digest: &[u8]) -> ChaCha20Rng {
        let secret = Zeroizing::new(self.key.d().to_be_bytes());
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(&secret).expect("any length is a key");
        mac.update(b"ironroot RSA-PSS salt v1");
        mac.update(digest);
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        ChaCha20Rng::from_seed(*seed)
    }
}

impl Signer for RsaSigningKey {
    fn public_key(&self) -> PublicKey {
        PublicKey::Rsa(self.public)
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        if digest.as_bytes().len() != 32 {
            return Err(SignError(String::from("RSA signs SHA-256 digests")));
        }
        let scheme = rsa::Pss::<sha2::Sha256>::new_blinded_with_salt(32);
        let mut source = self.salt_source(digest.as_bytes());
        self.key.sign_with_rng(&mut source, scheme, digest.as_bytes()).map_err(failed)
    }
}

/// The library's words; they never hold key material.
fn failed(error: impl fmt::Display) -> SignError {
    SignError(format!("{error}"))
}

macro_rules! shows_public_half_only {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), Signer::public_key(self))
            }
        }
    )*};
}
shows_public_half_only!(SigningKey P384SigningKey Ed25519SigningKey RsaSigningKey);
