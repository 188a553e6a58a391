//! ECIES on X25519.

use core::fmt;

use x25519_dalek::{PublicKey, StaticSecret};

use crate::{ContentKey, ContentKeys, OpenError, Sealing, X25519PublicKey, aes_ctr};

/// An X25519 private key that opens image keys. Wiped when dropped.
#[derive(Clone)]
pub struct X25519ContentKeys {
    secret: StaticSecret,
}

impl X25519ContentKeys {
    /// From the 32 bytes of the private key (RFC 7748; the bits that must be fixed are fixed here).
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self { secret: StaticSecret::from(*secret) }
    }

    /// The public half: what the host seals for.
    pub fn public_key(&self) -> X25519PublicKey {
        PublicKey::from(&self.secret).to_bytes().into()
    }
}

impl fmt::Debug for X25519ContentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519ContentKeys(..)")
    }
}

impl ContentKeys for X25519ContentKeys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if !matches!(sealing, Sealing::EciesX25519 | Sealing::EciesX25519Sha512) {
            return Err(OpenError::Unsupported);
        }
        let (point, rest) = sealed.split_first_chunk::<32>().ok_or(OpenError::Refused)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(*point));
        // A point of small order gives a secret that everybody knows.
        if !shared.was_contributory() {
            return Err(OpenError::Refused);
        }
        let opened = match sealing {
            Sealing::EciesX25519Sha512 => super::ecies::open::<sha2::Sha512>(shared.as_bytes(), rest, 64),
            _ => super::ecies::open::<sha2::Sha256>(shared.as_bytes(), rest, 32),
        };
        opened.ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
