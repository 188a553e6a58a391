//! AES key wrap under a key that host and device share.

use core::fmt;

use aes_kw::{KeyInit, KwAes128, KwAes256};
use zeroize::Zeroizing;

use crate::{ContentKey, ContentKeys, KeyBits, OpenError, Sealing, aes_ctr};

/// A shared key that wraps and opens image keys of its own length. Wiped when dropped.
#[derive(Clone)]
pub struct KeyWrapKey {
    key: ContentKey,
}

impl KeyWrapKey {
    /// From 16 or 32 bytes; `None` for another length.
    pub fn from_bytes(key: &[u8]) -> Option<Self> {
        ContentKey::from_bytes(key).map(|key| Self { key })
    }

    /// How long it is.
    pub const fn bits(&self) -> KeyBits {
        self.key.bits()
    }

    /// Wraps an image key.
    #[cfg(feature = "seal")]
    pub(crate) fn wrap(&self, key: &ContentKey) -> Option<alloc::vec::Vec<u8>> {
        let mut sealed = alloc::vec![0; key.as_bytes().len() + 8];
        match self.key.bits() {
            KeyBits::Aes128 => {
                KwAes128::new_from_slice(self.key.as_bytes())
                    .ok()?
                    .wrap_key(key.as_bytes(), &mut sealed)
                    .ok()?;
            }
            KeyBits::Aes256 => {
                KwAes256::new_from_slice(self.key.as_bytes())
                    .ok()?
                    .wrap_key(key.as_bytes(), &mut sealed)
                    .ok()?;
            }
        }
        Some(sealed)
    }
}

impl fmt::Debug for KeyWrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyWrapKey(..)")
    }
}

impl ContentKeys for KeyWrapKey {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::AesKeyWrap {
            return Err(OpenError::Unsupported);
        }
        let mut buffer = Zeroizing::new([0; 32]);
        let opened = match self.key.bits() {
            KeyBits::Aes128 => KwAes128::new_from_slice(self.key.as_bytes())
                .map_err(|_| OpenError::Refused)?
                .unwrap_key(sealed, &mut buffer[..]),
            KeyBits::Aes256 => KwAes256::new_from_slice(self.key.as_bytes())
                .map_err(|_| OpenError::Refused)?
                .unwrap_key(sealed, &mut buffer[..]),
        };
        opened.ok().and_then(ContentKey::from_bytes).ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
