//! RSA-OAEP with 2048 bits.

use core::fmt;

use zeroize::Zeroizing;

use crate::{ContentKey, ContentKeys, OpenError, Sealing, aes_ctr};

/// An RSA-2048 private key that opens image keys. Wiped when dropped.
#[derive(Clone)]
pub struct RsaContentKeys {
    key: rsa::RsaPrivateKey,
}

impl From<rsa::RsaPrivateKey> for RsaContentKeys {
    fn from(key: rsa::RsaPrivateKey) -> Self {
        Self { key }
    }
}

impl fmt::Debug for RsaContentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaContentKeys(..)")
    }
}

impl ContentKeys for RsaContentKeys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::RsaOaep {
            return Err(OpenError::Unsupported);
        }
        let opened = self.key.decrypt(rsa::Oaep::<sha2::Sha256>::new(), sealed).map(Zeroizing::new);
        opened.ok().and_then(|key| ContentKey::from_bytes(&key)).ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
