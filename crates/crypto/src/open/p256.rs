//! ECIES on P-256.

use core::fmt;

use p256::elliptic_curve::ecdh;

use crate::{ContentKey, ContentKeys, OpenError, P256PublicKey, PublicKeyError, Sealing, aes_ctr};

/// A P-256 private key that opens image keys. Wiped when dropped.
#[derive(Clone)]
pub struct P256ContentKeys {
    secret: p256::SecretKey,
}

impl P256ContentKeys {
    /// From the 32 bytes of the private number, big-endian; an error if it is zero or not below the order.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, PublicKeyError> {
        p256::SecretKey::from_slice(scalar).map(Self::from).map_err(|_| PublicKeyError)
    }

    /// The public half: what the host seals for.
    pub fn public_key(&self) -> Result<P256PublicKey, PublicKeyError> {
        use p256::elliptic_curve::sec1::ToSec1Point;
        P256PublicKey::from_sec1(self.secret.public_key().to_sec1_point(false).as_bytes())
    }
}

impl From<p256::SecretKey> for P256ContentKeys {
    fn from(secret: p256::SecretKey) -> Self {
        Self { secret }
    }
}

impl fmt::Debug for P256ContentKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256ContentKeys(..)")
    }
}

impl ContentKeys for P256ContentKeys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::EciesP256 {
            return Err(OpenError::Unsupported);
        }
        // Uncompressed only, and on the curve: a point off it would give the private key away in pieces.
        let (point, rest) = sealed.split_at_checked(65).ok_or(OpenError::Refused)?;
        let point = P256PublicKey::from_sec1(point).map_err(|_| OpenError::Refused)?;
        let point = p256::PublicKey::from_sec1_bytes(point.sec1()).map_err(|_| OpenError::Refused)?;
        let shared = ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), point.as_affine());
        super::ecies::open::<sha2::Sha256>(shared.raw_secret_bytes(), rest, 32).ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        aes_ctr(key, offset, data);
    }
}
