//! Sealing image keys for devices, on the host; and where random numbers come from.

use alloc::vec::Vec;
use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use p256::elliptic_curve::ecdh;
use p256::elliptic_curve::sec1::ToSec1Point;
use rsa::pkcs1::DecodeRsaPublicKey;
use zeroize::Zeroizing;

use crate::open::ecies;
use crate::{
    ContentKey, KeyBits, KeyWrapKey, P256PublicKey, PublicKeyError, RsaPublicKey, Sealing, X25519PublicKey,
};

/// Where random numbers come from.
pub trait Entropy {
    /// Fills the whole of `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SealError>;
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SealError> {
        getrandom::fill(bytes).map_err(|_| SealError::Entropy)
    }
}

/// A stream that follows from a secret and a context: the same inputs give the same image.
///
/// The context must be another one for every image, or two images would be encrypted with one key stream and give each
/// other away. The image builder takes the digest of the plain image.
pub struct DerivedEntropy {
    stream: ChaCha20Rng,
}

impl DerivedEntropy {
    /// The stream of `secret`, at least 16 bytes that an attacker cannot guess, in `context`.
    pub fn new(secret: &[u8], context: &[u8]) -> Result<Self, SealError> {
        if secret.len() < 16 {
            return Err(SealError::Entropy);
        }
        let mut seed = Zeroizing::new([0; 32]);
        hkdf::Hkdf::<sha2::Sha256>::new(None, secret)
            .expand_multi_info(&[b"ironroot image key v1", context], &mut seed[..])
            .map_err(|_| SealError::Entropy)?;
        Ok(Self { stream: ChaCha20Rng::from_seed(*seed) })
    }
}

impl fmt::Debug for DerivedEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedEntropy(..)")
    }
}

impl Entropy for DerivedEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), SealError> {
        self.stream.fill_bytes(bytes);
        Ok(())
    }
}

/// Why an image key was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The key cannot seal in this way.
    Mismatch,
    /// The key is not valid: not on its curve, of small order, or of another size than the format has.
    Key,
    /// There are no random numbers, or the secret to derive them from is too short.
    Entropy,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mismatch => "this key cannot seal image keys in this way",
            Self::Key => "the key to seal for is not valid",
            Self::Entropy => "no random numbers, or a secret below 16 bytes",
        })
    }
}

impl core::error::Error for SealError {}

impl ContentKey {
    /// A new image key.
    pub fn generate(bits: KeyBits, entropy: &mut dyn Entropy) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let key = bytes.get_mut(..bits.bytes()).ok_or(SealError::Entropy)?;
        entropy.fill(key)?;
        Self::from_bytes(key).ok_or(SealError::Entropy)
    }
}

/// The key of the devices that may open an image.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a host has one of them")]
pub enum EncryptionKey {
    /// ECIES on P-256.
    P256(P256PublicKey),
    /// ECIES on X25519.
    X25519(X25519PublicKey),
    /// RSA-OAEP; the format has room for 2048 bits only.
    Rsa(RsaPublicKey),
    /// AES key wrap: the same key here and there.
    KeyWrap(KeyWrapKey),
}

impl EncryptionKey {
    /// From a DER public key of one of the kinds that seal.
    pub fn from_der(der: &[u8]) -> Result<Self, PublicKeyError> {
        P256PublicKey::from_spki_der(der)
            .map(Self::P256)
            .or_else(|_| X25519PublicKey::from_spki_der(der).map(Self::X25519))
            .or_else(|_| RsaPublicKey::from_spki_der(der).map(Self::Rsa))
            .or_else(|_| RsaPublicKey::from_pkcs1_der(der).map(Self::Rsa))
    }

    /// How it seals if nobody asks for another way.
    pub const fn sealing(&self) -> Sealing {
        match self {
            Self::P256(_) => Sealing::EciesP256,
            Self::X25519(_) => Sealing::EciesX25519,
            Self::Rsa(_) => Sealing::RsaOaep,
            Self::KeyWrap(_) => Sealing::AesKeyWrap,
        }
    }

    /// Seals an image key. Every call draws a new ephemeral key.
    pub fn seal(
        &self,
        sealing: Sealing,
        key: &ContentKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        match (self, sealing) {
            (Self::P256(public), Sealing::EciesP256) => seal_p256(public, key, entropy),
            (Self::X25519(public), Sealing::EciesX25519) => {
                seal_x25519::<sha2::Sha256>(public, key, 32, entropy)
            }
            (Self::X25519(public), Sealing::EciesX25519Sha512) => {
                seal_x25519::<sha2::Sha512>(public, key, 64, entropy)
            }
            (Self::Rsa(public), Sealing::RsaOaep) => seal_rsa(public, key, entropy),
            (Self::KeyWrap(shared), Sealing::AesKeyWrap) if shared.bits() == key.bits() => {
                shared.wrap(key).ok_or(SealError::Key)
            }
            _ => Err(SealError::Mismatch),
        }
    }
}

fn seal_p256(
    public: &P256PublicKey,
    key: &ContentKey,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let public = p256::PublicKey::from_sec1_bytes(public.sec1()).map_err(|_| SealError::Key)?;
    // Not every 32 bytes are a private key; one draw in 2^32 is not.
    let mut drawn = Zeroizing::new([0; 32]);
    let mut ephemeral = None;
    for _ in 0..4 {
        entropy.fill(&mut drawn[..])?;
        ephemeral = p256::SecretKey::from_slice(&drawn[..]).ok();
        if ephemeral.is_some() {
            break;
        }
    }
    let ephemeral = ephemeral.ok_or(SealError::Entropy)?;
    let shared = ecdh::diffie_hellman(ephemeral.to_nonzero_scalar(), public.as_affine());
    let mut sealed = ephemeral.public_key().to_sec1_point(false).as_bytes().to_vec();
    sealed.extend(ecies::seal::<sha2::Sha256>(shared.raw_secret_bytes(), key, 32).ok_or(SealError::Key)?);
    Ok(sealed)
}

fn seal_x25519<H: hmac::EagerHash>(
    public: &X25519PublicKey,
    key: &ContentKey,
    tag_len: usize,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let mut drawn = Zeroizing::new([0; 32]);
    entropy.fill(&mut drawn[..])?;
    let ephemeral = x25519_dalek::StaticSecret::from(*drawn);
    let shared = ephemeral.diffie_hellman(&x25519_dalek::PublicKey::from(*public.raw()));
    // A point of small order gives a secret that everybody knows.
    if !shared.was_contributory() {
        return Err(SealError::Key);
    }
    let mut sealed = x25519_dalek::PublicKey::from(&ephemeral).as_bytes().to_vec();
    sealed.extend(ecies::seal::<H>(shared.as_bytes(), key, tag_len).ok_or(SealError::Key)?);
    Ok(sealed)
}

fn seal_rsa(
    public: &RsaPublicKey,
    key: &ContentKey,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    if public.modulus_len() != 256 {
        return Err(SealError::Key);
    }
    let public = rsa::RsaPublicKey::from_pkcs1_der(public.pkcs1_der()).map_err(|_| SealError::Key)?;
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(&mut seed[..])?;
    let mut source = ChaCha20Rng::from_seed(*seed);
    public.encrypt(&mut source, rsa::Oaep::<sha2::Sha256>::new(), key.as_bytes()).map_err(|_| SealError::Key)
}
