//! Private and secret keys in memory: made, read from DER, written as DER, wiped when dropped.

use std::fmt;

use getrandom::SysRng;
use ironroot_codes::input;
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use pkcs8::der::{self, Decode as _, Encode as _};
use pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, PrivateKeyInfoRef};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::rand_core::UnwrapErr;
use rsa::traits::PublicKeyParts as _;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::kind::KeyKind;
use crate::public::{self, Algorithm, PublicKey, rsa_kind};

/// DER bytes with a secret in them.
pub type SecretBytes = Zeroizing<Vec<u8>>;

/// A private or secret key. `Debug` shows the public half, if there is one.
#[derive(Clone)]
pub enum PrivateKey {
    /// ECDSA P-256, and ECIES-P256.
    P256(p256::SecretKey),
    /// ECDSA P-384.
    P384(p384::SecretKey),
    /// Ed25519.
    Ed25519(Box<ed25519_dalek::SigningKey>),
    /// X25519.
    X25519(x25519_dalek::StaticSecret),
    /// RSA of a length of the table.
    Rsa(Box<rsa::RsaPrivateKey>),
    /// A key-wrapping key of 16 or 32 bytes.
    AesKw(SecretBytes),
}

/// PKCS#8 version 1 (RFC 8410) of a 32-byte key, up to the algorithm's last byte and behind it. Version 2, which carries
/// the public key too, is not read by older OpenSSL.
const CURVE_25519_HEAD: [u8; 11] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65];
const CURVE_25519_TAIL: [u8; 4] = [0x04, 0x22, 0x04, 0x20];

/// PKCS#8 of a P-256 key without its public half, up to the private number: what imgtool calls minimal.
const P256_MINIMAL: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04,
    0x20,
];

fn unreadable(what: &str, error: impl fmt::Display) -> Error {
    // The decoders' messages name lengths, tags and object identifiers, never content.
    Error::new(input::KEY_UNREADABLE, format!("the {what} cannot be decoded: {error}"))
}

impl PrivateKey {
    /// A new key from the operating system's random numbers.
    pub fn generate(kind: KeyKind) -> Result<Self> {
        let no_random = |e: &dyn fmt::Display| {
            Error::internal(format!("the operating system gave no random numbers: {e}"))
        };
        let rsa = |bits| {
            rsa::RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits)
                .map(|key| PrivateKey::Rsa(Box::new(key)))
                .map_err(Error::internal)
        };
        Ok(match kind {
            KeyKind::EcdsaP256 => {
                PrivateKey::P256(p256::SecretKey::try_generate().map_err(|e| no_random(&e))?)
            }
            KeyKind::EcdsaP384 => {
                PrivateKey::P384(p384::SecretKey::try_generate().map_err(|e| no_random(&e))?)
            }
            KeyKind::Ed25519 => Self::ed25519(&*random::<32>()?),
            KeyKind::X25519 => PrivateKey::X25519(x25519_dalek::StaticSecret::from(*random::<32>()?)),
            KeyKind::Rsa2048 => rsa(2048)?,
            KeyKind::Rsa3072 => rsa(3072)?,
            KeyKind::AesKw128 => PrivateKey::AesKw(Zeroizing::new(random::<16>()?.to_vec())),
            KeyKind::AesKw256 => PrivateKey::AesKw(Zeroizing::new(random::<32>()?.to_vec())),
        })
    }

    fn ed25519(seed: &[u8; 32]) -> Self {
        PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// From a DER PKCS#8 PrivateKeyInfo.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|e| unreadable("private key", e))?;
        let bad = |e: &dyn fmt::Display| unreadable("private key", e);
        match public::algorithm(&info.algorithm)? {
            Algorithm::P256 => {
                p256::SecretKey::from_pkcs8_der(der).map(PrivateKey::P256).map_err(|e| bad(&e))
            }
            Algorithm::P384 => {
                p384::SecretKey::from_pkcs8_der(der).map(PrivateKey::P384).map_err(|e| bad(&e))
            }
            Algorithm::Ed25519 => ed25519_dalek::SigningKey::from_pkcs8_der(der)
                .map(|key| PrivateKey::Ed25519(Box::new(key)))
                .map_err(|e| bad(&e)),
            Algorithm::X25519 => {
                // RFC 8410: the private key is an OCTET STRING inside the OCTET STRING.
                let bytes = match info.private_key.as_bytes() {
                    [0x04, 0x20, bytes @ ..] => <[u8; 32]>::try_from(bytes).ok(),
                    _ => None,
                };
                let bytes = bytes.ok_or_else(|| unreadable("private key", "it has not 32 bytes"))?;
                Ok(PrivateKey::X25519(x25519_dalek::StaticSecret::from(bytes)))
            }
            Algorithm::Rsa => {
                let key = rsa::RsaPrivateKey::from_pkcs8_der(der).map_err(|e| bad(&e))?;
                Self::rsa(key)
            }
        }
    }

    /// From a DER SEC1 ECPrivateKey (RFC 5915), which names its curve.
    pub fn from_sec1_der(der: &[u8]) -> Result<Self> {
        let bad = |e: &dyn fmt::Display| unreadable("EC private key", e);
        let key = sec1::EcPrivateKey::try_from(der).map_err(|e| bad(&e))?;
        match key.parameters.and_then(|parameters| parameters.named_curve()) {
            Some(public::P256) => {
                p256::SecretKey::from_sec1_der(der).map(PrivateKey::P256).map_err(|e| bad(&e))
            }
            Some(public::P384) => {
                p384::SecretKey::from_sec1_der(der).map(PrivateKey::P384).map_err(|e| bad(&e))
            }
            Some(other) => {
                let cause =
                    format!("the key is an elliptic-curve key of the curve {other}, not P-256 or P-384");
                Err(Error::new(input::KEY_ALGORITHM, cause))
            }
            None => Err(Error::new(input::KEY_ALGORITHM, "the elliptic-curve key does not name its curve")),
        }
    }

    /// From a DER PKCS#1 RSAPrivateKey (RFC 8017).
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self> {
        Self::rsa(rsa::RsaPrivateKey::from_pkcs1_der(der).map_err(|e| unreadable("RSA private key", e))?)
    }

    fn rsa(key: rsa::RsaPrivateKey) -> Result<Self> {
        rsa_kind(key.n().bits())?;
        key.validate()
            .map_err(|e| Error::new(input::KEY_INVALID, format!("the RSA key contradicts itself: {e}")))?;
        Ok(PrivateKey::Rsa(Box::new(key)))
    }

    /// From 16 or 32 bytes.
    pub fn from_aes_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes.len() {
            16 | 32 => Ok(PrivateKey::AesKw(Zeroizing::new(bytes.to_vec()))),
            n => Err(Error::new(input::KEY_INVALID, format!("an AES key has 16 or 32 bytes, this has {n}"))),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        match self {
            PrivateKey::P256(_) => KeyKind::EcdsaP256,
            PrivateKey::P384(_) => KeyKind::EcdsaP384,
            PrivateKey::Ed25519(_) => KeyKind::Ed25519,
            PrivateKey::X25519(_) => KeyKind::X25519,
            // The constructors take no other length.
            PrivateKey::Rsa(key) => rsa_kind(key.n().bits()).unwrap_or(KeyKind::Rsa2048),
            PrivateKey::AesKw(bytes) if bytes.len() == 16 => KeyKind::AesKw128,
            PrivateKey::AesKw(_) => KeyKind::AesKw256,
        }
    }

    /// The public half; a secret key has none.
    pub fn public(&self) -> Result<Option<PublicKey>> {
        Ok(Some(match self {
            PrivateKey::P256(key) => PublicKey::p256(key.public_key().to_sec1_point(false).as_bytes())?,
            PrivateKey::P384(key) => PublicKey::p384(key.public_key().to_sec1_point(false).as_bytes())?,
            PrivateKey::Ed25519(key) => PublicKey::ed25519(key.verifying_key().as_bytes())?,
            PrivateKey::X25519(key) => PublicKey::x25519(x25519_dalek::PublicKey::from(key).as_bytes())?,
            PrivateKey::Rsa(key) => PublicKey::rsa(&key.to_public_key())?,
            PrivateKey::AesKw(_) => return Ok(None),
        }))
    }

    /// DER PKCS#8; an AES key has no such form.
    pub fn to_pkcs8_der(&self) -> Result<SecretBytes> {
        let bytes = |document: pkcs8::Result<pkcs8::SecretDocument>| {
            document.map(|d| d.to_bytes()).map_err(Error::internal)
        };
        match self {
            PrivateKey::P256(key) => bytes(key.to_pkcs8_der()),
            PrivateKey::P384(key) => bytes(key.to_pkcs8_der()),
            PrivateKey::Rsa(key) => bytes(key.to_pkcs8_der()),
            PrivateKey::Ed25519(key) => Ok(curve_25519_der(0x70, key.as_bytes())),
            PrivateKey::X25519(key) => Ok(curve_25519_der(0x6e, key.as_bytes())),
            PrivateKey::AesKw(_) => Err(Error::internal("an AES key has no PKCS#8 form")),
        }
    }

    /// What a bootloader needs of a decryption key, and no byte more: imgtool's `getpriv --minimal`.
    ///
    /// Refused for kinds that only sign: a device that holds a signing key can make firmware for all others.
    pub fn to_minimal_der(&self) -> Result<SecretBytes> {
        match self {
            PrivateKey::P256(key) => {
                let number = Zeroizing::new(key.to_bytes());
                Ok(Zeroizing::new([P256_MINIMAL.as_slice(), &number].concat()))
            }
            PrivateKey::X25519(_) => self.to_pkcs8_der(),
            PrivateKey::AesKw(bytes) => Ok(bytes.clone()),
            PrivateKey::Rsa(key) if self.kind().decrypts() => minimal_rsa(key),
            _ => {
                let cause = format!(
                    "{} keys only sign; a bootloader needs none of their private halves",
                    self.kind()
                );
                Err(Error::new(input::KEY_ALGORITHM, cause))
            }
        }
    }
}

/// PKCS#1 with its last three numbers left out, as MCUboot's reader of it expects.
fn minimal_rsa(key: &rsa::RsaPrivateKey) -> Result<SecretBytes> {
    use rsa::pkcs1::{EncodeRsaPrivateKey as _, RsaPrivateKeyRef};
    let document = key.to_pkcs1_der().map_err(Error::internal)?;
    let whole = RsaPrivateKeyRef::from_der(document.as_bytes()).map_err(Error::internal)?;
    let numbers = [whole.modulus, whole.public_exponent, whole.private_exponent, whole.prime1, whole.prime2];
    let body = || -> der::Result<SecretBytes> {
        let mut body = Zeroizing::new(0_u8.to_der()?);
        for number in numbers {
            let number = Zeroizing::new(number.to_der()?);
            body.extend_from_slice(&number);
        }
        let header = der::Header::new(der::Tag::Sequence, der::Length::try_from(body.len())?);
        Ok(Zeroizing::new([header.to_der()?, body.to_vec()].concat()))
    };
    body().map_err(Error::internal)
}

fn curve_25519_der(algorithm: u8, key: &[u8; 32]) -> SecretBytes {
    Zeroizing::new([CURVE_25519_HEAD.as_slice(), &[algorithm], &CURVE_25519_TAIL, key].concat())
}

/// `N` random bytes.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes)
        .map_err(|e| Error::internal(format!("the operating system gave no random numbers: {e}")))?;
    Ok(bytes)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.kind().name())
    }
}
