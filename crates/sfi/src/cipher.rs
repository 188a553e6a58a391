//! AES-128-GCM as the package uses it: one key, one nonce, a counter word for each area.

use core::fmt;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Tag};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::bytes::{put, u32_at};

/// Length of an authentication tag.
pub const TAG_LEN: usize = 16;
/// Length of a nonce.
pub(crate) const NONCE_LEN: usize = 12;
/// The word of the nonce that counts areas.
const AT_COUNTER: usize = 8;

/// The key that a package is encrypted with. Wiped when dropped; never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FirmwareKey([u8; 16]);

impl FirmwareKey {
    /// From its 16 bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "build")]
    pub(crate) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The cipher, with its key schedule made once: an area is one call.
    pub(crate) fn cipher(&self) -> Cipher {
        Cipher(Aes128Gcm::new((&self.0).into()))
    }
}

impl fmt::Debug for FirmwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirmwareKey(..)")
    }
}

/// The nonce of a package: 96 bits that must differ between any two packages of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub [u8; NONCE_LEN]);

impl Nonce {
    /// The initialisation vector of area `index`; 0 is the header. The last word counts, so no two areas of a package share one.
    pub(crate) fn vector(&self, index: u32) -> [u8; NONCE_LEN] {
        let mut vector = self.0;
        put(&mut vector, AT_COUNTER, &u32_at(&self.0, AT_COUNTER).wrapping_add(index).to_le_bytes());
        vector
    }
}

/// The tag does not fit: the bytes, the associated data, the key or the place in the package are others than when it was made.
pub(crate) struct NotAuthentic;

/// A key that is ready to use.
#[derive(Clone)]
pub(crate) struct Cipher(Aes128Gcm);

impl Cipher {
    /// Checks the tag and decrypts in place; on failure `data` holds nothing of use.
    pub(crate) fn open(
        &self,
        vector: &[u8; NONCE_LEN],
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), NotAuthentic> {
        let tag: &Tag = tag.into();
        self.0
            .decrypt_inout_detached(vector.into(), associated, InOutBuf::from(data), tag)
            .map_err(|_| NotAuthentic)
    }

    /// Encrypts in place and gives the tag.
    #[cfg(feature = "build")]
    pub(crate) fn seal(
        &self,
        vector: &[u8; NONCE_LEN],
        associated: &[u8],
        data: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let tag = self.0.encrypt_inout_detached(vector.into(), associated, InOutBuf::from(data)).ok()?;
        Some(tag.into())
    }
}
