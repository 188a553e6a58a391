//! Public keys, checked once and kept in their one canonical form.

use std::fmt;

use ironroot_codes::input;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::EncodePublicKey as _;
use pkcs8::spki::{DecodePublicKey as _, SubjectPublicKeyInfoRef};
use pkcs8::{LineEnding, ObjectIdentifier};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::kind::KeyKind;

/// id-ecPublicKey (RFC 5480).
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// secp256r1.
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// secp384r1.
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// rsaEncryption (RFC 8017).
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-X25519 (RFC 8410).
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// id-Ed25519 (RFC 8410).
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The public half of a key. The type guarantees a kind of the table, a point on its curve or a modulus of its length, and
/// one encoding: the same key always gives the same bytes and hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
    image: Vec<u8>,
    raw: Vec<u8>,
}

/// Which kind an algorithm identifier names; RSA's length is in the key.
pub(crate) enum Algorithm {
    P256,
    P384,
    Ed25519,
    X25519,
    Rsa,
}

/// The algorithm, or a refusal that names what is there instead.
pub(crate) fn algorithm(id: &pkcs8::AlgorithmIdentifierRef<'_>) -> Result<Algorithm> {
    let other = |what: String| Error::new(input::KEY_ALGORITHM, format!("the key is {what}"));
    match id.oid {
        ED25519 => Ok(Algorithm::Ed25519),
        X25519 => Ok(Algorithm::X25519),
        RSA => Ok(Algorithm::Rsa),
        EC => match id.parameters_oid() {
            Ok(P256) => Ok(Algorithm::P256),
            Ok(P384) => Ok(Algorithm::P384),
            Ok(curve) => {
                Err(other(format!("an elliptic-curve key of the curve {curve}, not P-256 or P-384")))
            }
            Err(_) => Err(other("an elliptic-curve key whose curve is not named".to_owned())),
        },
        oid => Err(other(format!("of the algorithm {oid}"))),
    }
}

/// The kind of an RSA key of that many bits.
pub(crate) fn rsa_kind(bits: u32) -> Result<KeyKind> {
    match bits {
        2048 => Ok(KeyKind::Rsa2048),
        3072 => Ok(KeyKind::Rsa3072),
        _ => Err(Error::new(input::KEY_ALGORITHM, format!("the RSA key has {bits} bits, not 2048 or 3072"))),
    }
}

fn invalid(cause: impl fmt::Display) -> Error {
    Error::new(input::KEY_INVALID, cause.to_string())
}

impl PublicKey {
    /// From a DER SubjectPublicKeyInfo. Compressed points are taken and expanded.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|e| {
            Error::new(input::KEY_UNREADABLE, format!("the public key cannot be decoded: {e}"))
        })?;
        let bits = || {
            info.subject_public_key.as_bytes().ok_or_else(|| invalid("the key is no whole number of bytes"))
        };
        match algorithm(&info.algorithm)? {
            Algorithm::P256 => Self::p256(bits()?),
            Algorithm::P384 => Self::p384(bits()?),
            Algorithm::Ed25519 => Self::ed25519(bits()?),
            Algorithm::X25519 => Self::x25519(bits()?),
            Algorithm::Rsa => {
                let key = rsa::RsaPublicKey::from_public_key_der(der)
                    .map_err(|e| invalid(format!("the RSA key cannot be used: {e}")))?;
                Self::rsa(&key)
            }
        }
    }

    /// From a DER X.509 certificate. Only its key is taken: who issued it, and until when, says nothing about firmware.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self> {
        use pkcs8::der::{Decode as _, Encode as _};
        let certificate = x509_cert::Certificate::from_der(der).map_err(|e| {
            Error::new(input::KEY_UNREADABLE, format!("the certificate cannot be decoded: {e}"))
        })?;
        let info = certificate.tbs_certificate().subject_public_key_info();
        Self::from_spki_der(&info.to_der().map_err(Error::internal)?)
    }

    /// From a SEC1 point on P-256.
    pub(crate) fn p256(point: &[u8]) -> Result<Self> {
        let key = p256::PublicKey::from_sec1_bytes(point)
            .map_err(|_| invalid("the point is not on the curve P-256"))?;
        let spki = key.to_public_key_der().map_err(Error::internal)?.into_vec();
        let raw = key.to_sec1_point(false).as_bytes().to_vec();
        Ok(PublicKey { kind: KeyKind::EcdsaP256, image: spki.clone(), spki, raw })
    }

    /// From a SEC1 point on P-384.
    pub(crate) fn p384(point: &[u8]) -> Result<Self> {
        let key = p384::PublicKey::from_sec1_bytes(point)
            .map_err(|_| invalid("the point is not on the curve P-384"))?;
        let spki = key.to_public_key_der().map_err(Error::internal)?.into_vec();
        let raw = key.to_sec1_point(false).as_bytes().to_vec();
        Ok(PublicKey { kind: KeyKind::EcdsaP384, image: spki.clone(), spki, raw })
    }

    /// From the 32 bytes of RFC 8032.
    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self> {
        let array: [u8; 32] = bytes.try_into().map_err(|_| invalid("an Ed25519 key has 32 bytes"))?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&array)
            .map_err(|_| invalid("the point is not on the curve of Ed25519"))?;
        if key.is_weak() {
            return Err(invalid("the point is of small order: every message would have the same signature"));
        }
        Ok(Self::montgomery_or_edwards(KeyKind::Ed25519, ED25519, bytes))
    }

    /// From the 32 bytes of RFC 7748. Every string is a key; one of small order is refused where a secret is shared.
    pub(crate) fn x25519(bytes: &[u8]) -> Result<Self> {
        if bytes.len() != 32 {
            return Err(invalid("an X25519 key has 32 bytes"));
        }
        Ok(Self::montgomery_or_edwards(KeyKind::X25519, X25519, bytes))
    }

    /// RFC 8410: SEQUENCE { SEQUENCE { OID }, BIT STRING of 32 bytes }; with these lengths fixed it is this prefix.
    fn montgomery_or_edwards(kind: KeyKind, oid: ObjectIdentifier, bytes: &[u8]) -> Self {
        let mut spki = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03];
        spki.extend_from_slice(oid.as_bytes());
        spki.extend_from_slice(&[0x03, 0x21, 0x00]);
        spki.extend_from_slice(bytes);
        PublicKey { kind, image: spki.clone(), spki, raw: bytes.to_vec() }
    }

    /// From modulus and exponent, big-endian.
    pub(crate) fn rsa_parts(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        let number = |bytes| rsa::BoxedUint::from_be_slice_vartime(bytes);
        let key = rsa::RsaPublicKey::new(number(modulus), number(exponent))
            .map_err(|e| invalid(format!("the RSA key cannot be used: {e}")))?;
        Self::rsa(&key)
    }

    pub(crate) fn rsa(key: &rsa::RsaPublicKey) -> Result<Self> {
        let kind = rsa_kind(key.n().bits())?;
        // The only exponent that MCUboot's tools make; the verifier on the device takes no other.
        if key.e_bytes().as_ref() != [1, 0, 1] {
            return Err(Error::new(input::KEY_ALGORITHM, "the exponent of the RSA key is not 65537"));
        }
        let spki = key.to_public_key_der().map_err(Error::internal)?.into_vec();
        let image = key.to_pkcs1_der().map_err(Error::internal)?.as_bytes().to_vec();
        Ok(PublicKey { kind, spki, raw: image.clone(), image })
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The DER SubjectPublicKeyInfo (RFC 5280).
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The bytes that images and bootloaders embed and hash: PKCS#1 for RSA, SubjectPublicKeyInfo for all others.
    pub fn image_der(&self) -> &[u8] {
        &self.image
    }

    /// The bare key: the uncompressed SEC1 point, the 32 bytes of RFC 8032 and 7748, or PKCS#1 for RSA.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// SHA-256 of [`Self::image_der`]: the name of the key, and what imgtool's `getpubhash` gives. (An image that is hashed
    /// with another algorithm names its key with that one.)
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.image).into()
    }

    /// The key as the image verifier takes it, if images are signed with keys of its kind.
    pub fn signing_key(&self) -> Option<ironroot_crypto::PublicKey> {
        self.kind.signs().then(|| ironroot_crypto::PublicKey::from_der(&self.image)).flatten()
    }

    /// The key as images are encrypted for, if its kind can be.
    pub fn encryption_key(&self) -> Option<ironroot_crypto::seal::EncryptionKey> {
        self.kind
            .decrypts()
            .then(|| ironroot_crypto::seal::EncryptionKey::from_der(&self.spki).ok())
            .flatten()
    }

    /// PEM, `PUBLIC KEY`.
    pub fn to_pem(&self) -> Result<String> {
        pkcs8::der::pem::encode_string("PUBLIC KEY", LineEnding::LF, &self.spki).map_err(Error::internal)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, ", self.kind.name())?;
        self.hash().iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}
