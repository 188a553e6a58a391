//! Public keys as bytes.

use core::fmt;

/// Length of a P-256 SubjectPublicKeyInfo with an uncompressed point.
pub const SPKI_P256_LEN: usize = 91;
/// Length of a P-384 SubjectPublicKeyInfo with an uncompressed point.
pub const SPKI_P384_LEN: usize = 120;
/// Length of an Ed25519 SubjectPublicKeyInfo.
pub const SPKI_ED25519_LEN: usize = 44;

/// The bytes are not a public key in the one form that is accepted for its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKeyError;

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a public key in the expected form")
    }
}

impl core::error::Error for PublicKeyError {}

/// `N` bytes from a prefix and what follows it; bytes that neither gives stay zero.
fn concat<const N: usize>(prefix: &[u8], rest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().zip(prefix.iter().chain(rest)) {
        *to = *from;
    }
    bytes
}

/// A public key that is one string of bytes behind a fixed DER prefix. With algorithm, curve and form of point fixed,
/// every SubjectPublicKeyInfo begins with the same bytes; so reading one is a comparison and not a DER parser.
macro_rules! public_key {
    ($(#[$doc:meta])* $name:ident, $len:literal, $spki:ident, $raw:ident / $from_raw:ident, tag $tag:expr, $prefix:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            bytes: [u8; $len],
        }

        impl $name {
            const PREFIX: [u8; $spki - $len] = $prefix;
            const TAG: Option<u8> = $tag;

            /// Nobody's key, for places that hold none: it has the form of one and verifies nothing. For P-256 and P-384 it is
            /// no point of the curve.
            pub const NOBODY: Self = {
                let mut bytes = [0; $len];
                if let Some(tag) = $tag {
                    bytes[0] = tag;
                }
                Self { bytes }
            };

            /// From the key's own bytes, without DER around them.
            pub fn $from_raw(bytes: &[u8]) -> Result<Self, PublicKeyError> {
                let bytes: [u8; $len] = bytes.try_into().map_err(|_| PublicKeyError)?;
                match Self::TAG {
                    Some(_) if bytes.first().copied() != Self::TAG => Err(PublicKeyError),
                    _ => Ok(Self { bytes }),
                }
            }

            /// From a DER SubjectPublicKeyInfo: what is inside `-----BEGIN PUBLIC KEY-----`.
            pub fn from_spki_der(bytes: &[u8]) -> Result<Self, PublicKeyError> {
                Self::$from_raw(bytes.strip_prefix(&Self::PREFIX).ok_or(PublicKeyError)?)
            }

            /// The key's own bytes.
            pub fn $raw(&self) -> &[u8; $len] {
                &self.bytes
            }

            /// The DER SubjectPublicKeyInfo: the form whose hash names the key in an image.
            pub fn spki_der(&self) -> [u8; $spki] {
                concat(&Self::PREFIX, &self.bytes)
            }

            /// SHA-256 of the SubjectPublicKeyInfo: the name of the key in images (KEYHASH) and key stores.
            pub fn key_hash(&self, crypto: &mut impl crate::Crypto) -> crate::Sha256Digest {
                let mut sha = crypto.sha256();
                crate::Sha256::update(&mut sha, &Self::PREFIX);
                crate::Sha256::update(&mut sha, &self.bytes);
                crate::Sha256::finish(sha)
            }

            /// Whether `der` is its SubjectPublicKeyInfo.
            pub fn is_spki_der(&self, der: &[u8]) -> bool {
                der.strip_prefix(&Self::PREFIX).is_some_and(|key| key == self.bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(core::concat!(stringify!($name), "("))?;
                for byte in self.bytes.iter().skip(Self::TAG.map_or(0, |_| 1)).take(4) {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str("..)")
            }
        }
    };
}

public_key! {
    /// A P-256 public key: the uncompressed SEC1 point, `04 || X || Y`, big-endian (RFC 5480).
    ///
    /// The type guarantees the form, not that the point is on the curve: that is checked where the key is used, by the
    /// backend, each time.
    P256PublicKey, 65, SPKI_P256_LEN, sec1 / from_sec1, tag Some(0x04),
    [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ]
}

public_key! {
    /// A P-384 public key: the uncompressed SEC1 point, `04 || X || Y`, big-endian (RFC 5480). On the curve or not: as
    /// for [`P256PublicKey`].
    P384PublicKey, 97, SPKI_P384_LEN, sec1 / from_sec1, tag Some(0x04),
    [
        0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
        0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
    ]
}

public_key! {
    /// An Ed25519 public key: the compressed point (RFC 8032, RFC 8410).
    Ed25519PublicKey, 32, SPKI_ED25519_LEN, raw / from_raw, tag None,
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
}

public_key! {
    /// An X25519 public key, for encryption only: the u coordinate (RFC 7748, RFC 8410).
    X25519PublicKey, 32, SPKI_ED25519_LEN, raw / from_raw, tag None,
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00]
}

impl From<[u8; 32]> for X25519PublicKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self { bytes }
    }
}

/// Length of the longest RSA public key, PKCS#1 DER of 3072 bits.
pub const PKCS1_RSA_MAX: usize = 398;

/// An RSA public key of 2048 or 3072 bits with the exponent 65537, as PKCS#1 DER `RSAPublicKey`: the form that images
/// carry and hash. Other exponents are refused: nobody makes them, and small ones are weaker.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RsaPublicKey {
    der: [u8; PKCS1_RSA_MAX],
    len: u16,
}

impl RsaPublicKey {
    /// DER up to the modulus, by size: both are positive numbers with their top bit set, so both have a zero byte before.
    const PREFIX_2048: [u8; 9] = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
    const PREFIX_3072: [u8; 9] = [0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00];
    /// The exponent 65537.
    const SUFFIX: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];
    /// SubjectPublicKeyInfo with rsaEncryption around the above, up to the DER of the key.
    const SPKI_2048: [u8; 24] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
    ];
    const SPKI_3072: [u8; 24] = [
        0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x8f, 0x00,
    ];

    /// From PKCS#1 DER, 270 or 398 bytes.
    pub fn from_pkcs1_der(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let prefix = match bytes.len() {
            270 => Self::PREFIX_2048,
            398 => Self::PREFIX_3072,
            _ => return Err(PublicKeyError),
        };
        let modulus = bytes
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(&Self::SUFFIX))
            .ok_or(PublicKeyError)?;
        // A modulus with the top bit clear is shorter than its DER says, an even one has a factor of two.
        match (modulus.first(), modulus.last()) {
            (Some(first), Some(last)) if *first >= 0x80 && last & 1 == 1 => {
                Ok(Self { der: concat(bytes, &[]), len: bytes.len() as u16 })
            }
            _ => Err(PublicKeyError),
        }
    }

    /// From the modulus, 256 or 384 bytes, big-endian.
    pub fn from_modulus(modulus: &[u8]) -> Result<Self, PublicKeyError> {
        let mut der = [0; PKCS1_RSA_MAX];
        let prefix = if modulus.len() == 256 { &Self::PREFIX_2048 } else { &Self::PREFIX_3072 };
        let parts = prefix.iter().chain(modulus).chain(&Self::SUFFIX);
        let len = prefix.len().saturating_add(modulus.len()).saturating_add(Self::SUFFIX.len());
        for (to, from) in der.iter_mut().zip(parts) {
            *to = *from;
        }
        Self::from_pkcs1_der(der.get(..len).ok_or(PublicKeyError)?)
    }

    /// From a DER SubjectPublicKeyInfo.
    pub fn from_spki_der(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let inner = bytes.strip_prefix(&Self::SPKI_2048).or_else(|| bytes.strip_prefix(&Self::SPKI_3072));
        Self::from_pkcs1_der(inner.ok_or(PublicKeyError)?)
    }

    /// The DER SubjectPublicKeyInfo: its fixed beginning; [`Self::pkcs1_der`] follows.
    pub fn spki_prefix(&self) -> &'static [u8; 24] {
        if self.modulus_len() == 256 { &Self::SPKI_2048 } else { &Self::SPKI_3072 }
    }

    /// PKCS#1 DER: the form whose hash names the key in an image.
    pub fn pkcs1_der(&self) -> &[u8] {
        self.der.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The modulus, big-endian, without a leading zero byte.
    pub fn modulus(&self) -> &[u8] {
        self.der.get(9..9 + self.modulus_len()).unwrap_or_default()
    }

    /// Length of the modulus, and so of a signature: 256 or 384.
    pub const fn modulus_len(&self) -> usize {
        if self.len == 270 { 256 } else { 384 }
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({}, ", self.modulus_len() * 8)?;
        for byte in self.modulus().iter().take(4) {
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
        let mut sec1 = [7; 65];
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

    #[test]
    fn rsa_keys_have_one_form() {
        for (len, total) in [(256, 270), (384, 398)] {
            let mut modulus = [0xC3; 384];
            let modulus = &mut modulus[..len];
            let key = RsaPublicKey::from_modulus(modulus).expect("right form");
            assert_eq!(key.pkcs1_der().len(), total);
            assert_eq!(key.modulus(), modulus);
            assert_eq!(RsaPublicKey::from_pkcs1_der(key.pkcs1_der()), Ok(key));
            modulus[0] = 0x43;
            assert!(RsaPublicKey::from_modulus(modulus).is_err(), "a shorter number");
            modulus[0] = 0xC3;
            modulus[len - 1] = 2;
            assert!(RsaPublicKey::from_modulus(modulus).is_err(), "an even number");
            assert!(RsaPublicKey::from_modulus(&modulus[1..]).is_err(), "another length");
        }
        let mut exponent_three = [0; 270];
        exponent_three.copy_from_slice(RsaPublicKey::from_modulus(&[0xC3; 256]).expect("right").pkcs1_der());
        exponent_three[269] = 3;
        assert!(RsaPublicKey::from_pkcs1_der(&exponent_three).is_err());
    }
}
