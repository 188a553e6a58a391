//! Whoever opens content keys.

use ironroot_codes::input;
use ironroot_crypto::{
    ContentKey, ContentKeys, KeyWrapKey, OpenError, P256ContentKeys, RsaContentKeys, Sealing,
    X25519ContentKeys, aes_ctr,
};

use crate::error::{Error, Result};
use crate::private::PrivateKey;
use crate::token::TokenSecret;

/// The private or secret half that opens an image's content key.
#[derive(Debug)]
pub enum DecryptionKey {
    /// ECIES-P256.
    P256(P256ContentKeys),
    /// ECIES-X25519.
    X25519(X25519ContentKeys),
    /// RSA-OAEP.
    Rsa(Box<RsaContentKeys>),
    /// AES key wrap with the key in memory.
    AesKw(KeyWrapKey),
    /// AES key wrap with the key in a token.
    Token(TokenSecret),
}

impl DecryptionKey {
    /// A key in memory.
    pub fn from_private(key: &PrivateKey) -> Result<Self> {
        Ok(match key {
            PrivateKey::P256(key) => DecryptionKey::P256(P256ContentKeys::from(key.clone())),
            PrivateKey::X25519(key) => DecryptionKey::X25519(X25519ContentKeys::from_bytes(key.as_bytes())),
            PrivateKey::Rsa(key) if PrivateKey::Rsa(key.clone()).kind().decrypts() => {
                DecryptionKey::Rsa(Box::new(RsaContentKeys::from((**key).clone())))
            }
            PrivateKey::AesKw(bytes) => {
                let key = KeyWrapKey::from_bytes(bytes)
                    .ok_or_else(|| Error::internal("an AES key has 16 or 32 bytes"))?;
                DecryptionKey::AesKw(key)
            }
            _ => {
                let cause = format!("images are not encrypted for {} keys", key.kind());
                return Err(Error::new(input::KEY_ALGORITHM, cause));
            }
        })
    }

    fn inner(&self) -> &dyn ContentKeys {
        match self {
            DecryptionKey::P256(key) => key,
            DecryptionKey::X25519(key) => key,
            DecryptionKey::Rsa(key) => &**key,
            DecryptionKey::AesKw(key) => key,
            DecryptionKey::Token(key) => key,
        }
    }
}

impl ContentKeys for DecryptionKey {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        self.inner().open(sealing, sealed)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        self.inner().apply(key, offset, data);
    }
}

impl ContentKeys for TokenSecret {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::AesKeyWrap {
            return Err(OpenError::Unsupported);
        }
        let key = self.unwrap(sealed).map_err(|_| OpenError::Refused)?;
        ContentKey::from_bytes(&key).ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
