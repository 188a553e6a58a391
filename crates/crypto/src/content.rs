//! Image keys: the AES keys that payloads are encrypted with, one for each image.

use core::fmt;

use zeroize::Zeroize;

/// How long an image key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyBits {
    /// AES-128.
    Aes128,
    /// AES-256.
    Aes256,
}

impl KeyBits {
    /// Length of the key: 16 or 32.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

/// The AES key of one image. Wiped when dropped; `Debug` shows its length only.
#[derive(Clone)]
pub struct ContentKey {
    bytes: [u8; 32],
    bits: KeyBits,
}

impl ContentKey {
    /// From 16 or 32 bytes; `None` for another length.
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        let bits = match key.len() {
            16 => KeyBits::Aes128,
            32 => KeyBits::Aes256,
            _ => return None,
        };
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(key) {
            *to = *from;
        }
        Some(Self { bytes, bits })
    }

    /// The key.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.bits.bytes()).unwrap_or_default()
    }

    /// How long it is.
    pub const fn bits(&self) -> KeyBits {
        self.bits
    }
}

impl Drop for ContentKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.bits {
            KeyBits::Aes128 => "ContentKey(AES-128)",
            KeyBits::Aes256 => "ContentKey(AES-256)",
        })
    }
}

/// How an image key is sealed for the device that may open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sealing {
    /// ECIES on P-256: ephemeral point (65) || HMAC-SHA-256 (32) || key.
    EciesP256,
    /// ECIES on X25519: ephemeral public key (32) || HMAC-SHA-256 (32) || key.
    EciesX25519,
    /// The same with SHA-512 in HKDF and HMAC: 32 || 64 || key.
    EciesX25519Sha512,
    /// RSA-2048 OAEP with SHA-256, 256 bytes.
    RsaOaep,
    /// AES key wrap (RFC 3394) under a shared key, key and 8 bytes.
    AesKeyWrap,
}

impl Sealing {
    /// Length of a sealed key.
    pub const fn sealed_len(self, bits: KeyBits) -> usize {
        match self {
            Self::EciesP256 => 65 + 32 + bits.bytes(),
            Self::EciesX25519 => 32 + 32 + bits.bytes(),
            Self::EciesX25519Sha512 => 32 + 64 + bits.bytes(),
            Self::RsaOaep => 256,
            Self::AesKeyWrap => bits.bytes() + 8,
        }
    }

    /// The longest sealed key of the ways that this build can open: the size of a buffer for any.
    pub const MAX_LEN: usize = if cfg!(feature = "rsa-oaep") { 256 } else { 129 };
}

/// Why a sealed key was not opened. Says nothing about how far it got: who can ask often must not learn from the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The holder has no key for this kind of sealing.
    Unsupported,
    /// It is not sealed for this holder's key, or was changed.
    Refused,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "no key for this kind of sealing",
            Self::Refused => "the image key is not sealed for this key",
        })
    }
}

impl core::error::Error for OpenError {}

/// The holder of a device's decryption key.
pub trait ContentKeys {
    /// Opens the image key that an encryption TLV carries.
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError>;

    /// XORs `data` with the AES-CTR key stream of the payload. `offset` is that of `data` from the start of the payload,
    /// of any alignment. Encrypting and decrypting are the same.
    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]);
}

impl<K: ContentKeys + ?Sized> ContentKeys for &K {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        (**self).open(sealing, sealed)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        (**self).apply(key, offset, data);
    }
}

/// Holds no key: for builds without encryption.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContentKeys;

impl ContentKeys for NoContentKeys {
    fn open(&self, _: Sealing, _: &[u8]) -> Result<ContentKey, OpenError> {
        Err(OpenError::Unsupported)
    }

    /// Nobody has a key to call this with. Zeros, so that a mistake shows no plaintext and runs nowhere.
    fn apply(&self, _: &ContentKey, _: u32, data: &mut [u8]) {
        data.fill(0);
    }
}

/// XORs `data` with AES-CTR as images have it: the counter block is the number of the block from the start of the
/// payload, big-endian, beginning with zero. A key encrypts one image only, so no block is used twice.
///
/// `offset` is that of `data` from the start of the payload, of any alignment.
#[cfg(feature = "aes")]
pub fn aes_ctr(key: &ContentKey, offset: u32, data: &mut [u8]) {
    match key.bits() {
        KeyBits::Aes128 => ctr::<aes::Aes128>(key.as_bytes(), offset, data),
        KeyBits::Aes256 => ctr::<aes::Aes256>(key.as_bytes(), offset, data),
    }
}

#[cfg(feature = "aes")]
fn ctr<A>(key: &[u8], offset: u32, data: &mut [u8])
where
    // A counter of 32 bits: a payload has at most 2^28 blocks.
    ctr::Ctr32BE<A>: aes::cipher::KeyIvInit + aes::cipher::StreamCipher,
    A: aes::cipher::BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16> + aes::cipher::BlockSizeUser,
{
    use aes::cipher::{KeyIvInit, StreamCipher};

    let [a, b, c, d] = (offset >> 4).to_be_bytes();
    let counter = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d];
    // The lengths are the algorithm's own, and the counter cannot run out: neither refusal happens. If one did, what is
    // left is no plaintext.
    let Ok(mut stream) = ctr::Ctr32BE::<A>::new_from_slices(key, &counter) else {
        data.fill(0);
        return;
    };
    let mut skipped = [0; 16];
    let skip = skipped.get_mut(..(offset & 15) as usize).unwrap_or_default();
    if stream.try_apply_keystream(skip).and_then(|()| stream.try_apply_keystream(data)).is_err() {
        data.fill(0);
    }
    skipped.zeroize();
}
