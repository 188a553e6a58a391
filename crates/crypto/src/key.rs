//! Public keys as bytes.

use core::fmt;

/// Length of a P-256 SubjectPublicKeyInfo with an uncompressed point.
pub const SPKI_P256_LEN: usize = 91;

/// SEC1 length of an uncompressed P-256 point: tag, X, Y.
const SEC1_LEN: usize = 65;

/// DER of SubjectPublicKeyInfo { id-ecPublicKey, prime256v1, BIT STRING of 65 bytes } up to the point (RFC 5480). With
/// the curve and form of point fixed, every such key has these 26 bytes; so this is a comparison and not a DER parser.
const SPKI_PREFIX: [u8; SPKI_P256_LEN - SEC1_LEN] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A P-256 public key: the uncompressed SEC1 point, `04 || X || Y`, big-endian.
///
/// The type guarantees the form, not that the point is on the curve: that is checked where the key is used, by the
/// backend, each time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct P256PublicKey {
    sec1: [u8; SEC1_LEN],
}

/// The bytes are not an uncompressed P-256 key in the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKeyError;

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an uncompressed P-256 public key")
    }
}

impl core::error::Error for PublicKeyError {}

impl P256PublicKey {
    /// From the 65 bytes `04 || X || Y`.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let sec1: [u8; SEC1_LEN] = bytes.try_into().map_err(|_| PublicKeyError)?;
        if sec1.first() == Some(&0x04) { Ok(Self { sec1 }) } else { Err(PublicKeyError) }
    }

    /// From a DER SubjectPublicKeyInfo, 91 bytes: what is inside `-----BEGIN PUBLIC KEY-----`.
    pub fn from_spki_der(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        Self::from_sec1(bytes.strip_prefix(&SPKI_PREFIX).ok_or(PublicKeyError)?)
    }

    /// The uncompressed point.
    pub fn sec1(&self) -> &[u8; SEC1_LEN] {
        &self.sec1
    }

    /// The DER SubjectPublicKeyInfo: the form whose hash names the key in an image.
    pub fn spki_der(&self) -> [u8; SPKI_P256_LEN] {
        let mut der = [0; SPKI_P256_LEN];
        for (to, from) in der.iter_mut().zip(SPKI_PREFIX.iter().chain(&self.sec1)) {
            *to = *from;
        }
        der
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the name of the key in images (KEYHASH) and key stores.
    pub fn key_hash(&self, crypto: &mut impl crate::Crypto) -> crate::Sha256Digest {
        crypto.sha256_of(&self.spki_der())
    }
}

impl fmt::Debug for P256PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P256PublicKey(")?;
        for byte in self.sec1.iter().skip(1).take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spki_is_taken_back() {
        let mut sec1 = [7; SEC1_LEN];
        sec1[0] = 4;
        let key = P256PublicKey::from_sec1(&sec1).expect("form is right");
        let der = key.spki_der();
        assert_eq!(P256PublicKey::from_spki_der(&der), Ok(key));
        assert_eq!(P256PublicKey::from_spki_der(&der[..90]), Err(PublicKeyError));
        for byte in 0..27 {
            let mut bad = der;
            bad[byte] ^= 1;
            assert_eq!(P256PublicKey::from_spki_der(&bad), Err(PublicKeyError), "byte {byte}");
        }
    }
}
