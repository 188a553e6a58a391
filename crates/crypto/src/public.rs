//! A public key of any algorithm of this build, and what it may do.

#[cfg(feature = "ed25519")]
use crate::Ed25519PublicKey;
#[cfg(feature = "p384")]
use crate::P384PublicKey;
#[cfg(feature = "rsa")]
use crate::RsaPublicKey;
use crate::{Crypto, Digest, HashAlgorithm, Hasher, P256PublicKey, PureVerifier, Verdict};

/// A key that images may be signed with. Its variants are the algorithms that this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "rsa",
    allow(clippy::large_enum_variant, reason = "only hosts have RSA, with a few keys")
)]
pub enum PublicKey {
    /// ECDSA on P-256.
    P256(P256PublicKey),
    /// ECDSA on P-384.
    #[cfg(feature = "p384")]
    P384(P384PublicKey),
    /// Ed25519.
    #[cfg(feature = "ed25519")]
    Ed25519(Ed25519PublicKey),
    /// RSA-PSS with 2048 or 3072 bits.
    #[cfg(feature = "rsa")]
    Rsa(RsaPublicKey),
}

/// An algorithm of signatures, whether this build has it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256, in DER.
    EcdsaP256,
    /// ECDSA on P-384, in DER.
    EcdsaP384,
    /// Ed25519, 64 bytes.
    Ed25519,
    /// RSA-2048 with PSS: SHA-256, MGF1 with SHA-256, a salt of 32 bytes.
    Rsa2048,
    /// RSA-3072 with the same.
    Rsa3072,
}

impl SignatureAlgorithm {
    /// The hash that an image signed with this has if nobody asks for another.
    pub const fn default_hash(self, pure: bool) -> HashAlgorithm {
        match self {
            Self::EcdsaP384 => HashAlgorithm::Sha384,
            Self::Ed25519 if pure => HashAlgorithm::Sha512,
            _ => HashAlgorithm::Sha256,
        }
    }

    /// Whether images may combine this with a hash: the pairs that the reference tool makes or accepts. A hash weaker
    /// than the key is none of them.
    pub const fn accepts(self, hash: HashAlgorithm, pure: bool) -> bool {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        match (self, hash) {
            (Self::EcdsaP256, Sha256 | Sha512) => !pure,
            (Self::EcdsaP384, Sha384) | (Self::Rsa2048 | Self::Rsa3072, Sha256) => !pure,
            (Self::Ed25519, Sha256) => !pure,
            (Self::Ed25519, Sha512) => true,
            _ => false,
        }
    }

    /// Whether this build can verify it.
    pub const fn is_available(self) -> bool {
        match self {
            Self::EcdsaP256 => true,
            Self::EcdsaP384 => cfg!(feature = "p384"),
            Self::Ed25519 => cfg!(feature = "ed25519"),
            Self::Rsa2048 | Self::Rsa3072 => cfg!(feature = "rsa"),
        }
    }

    /// Its name as standards and tools write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Ed25519 => "Ed25519",
            Self::Rsa2048 => "RSA-2048 PSS",
            Self::Rsa3072 => "RSA-3072 PSS",
        }
    }
}

/// The longest DER of a public key in this build.
pub const MAX_KEY_DER: usize = if cfg!(feature = "rsa") {
    crate::PKCS1_RSA_MAX
} else if cfg!(feature = "p384") {
    crate::SPKI_P384_LEN
} else {
    crate::SPKI_P256_LEN
};

/// The longest signature of this build. DER of ECDSA: two numbers with a sign byte each, and six bytes around them.
pub const MAX_SIGNATURE: usize = if cfg!(feature = "rsa") {
    384
} else if cfg!(feature = "p384") {
    104
} else {
    72
};

/// The DER form of a key: what images carry, and what the hash that names it is over.
#[derive(Clone, Copy)]
pub struct KeyDer {
    bytes: [u8; MAX_KEY_DER],
    len: usize,
}

impl KeyDer {
    fn new(der: &[u8]) -> Self {
        let mut bytes = [0; MAX_KEY_DER];
        for (to, from) in bytes.iter_mut().zip(der) {
            *to = *from;
        }
        Self { bytes, len: der.len() }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl PublicKey {
    /// What it verifies.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::P256(_) => SignatureAlgorithm::EcdsaP256,
            #[cfg(feature = "p384")]
            Self::P384(_) => SignatureAlgorithm::EcdsaP384,
            #[cfg(feature = "ed25519")]
            Self::Ed25519(_) => SignatureAlgorithm::Ed25519,
            #[cfg(feature = "rsa")]
            Self::Rsa(key) if key.modulus_len() == 256 => SignatureAlgorithm::Rsa2048,
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => SignatureAlgorithm::Rsa3072,
        }
    }

    /// Its DER: SubjectPublicKeyInfo, and PKCS#1 for RSA.
    pub fn der(&self) -> KeyDer {
        match self {
            Self::P256(key) => KeyDer::new(&key.spki_der()),
            #[cfg(feature = "p384")]
            Self::P384(key) => KeyDer::new(&key.spki_der()),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => KeyDer::new(&key.spki_der()),
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => KeyDer::new(key.pkcs1_der()),
        }
    }

    /// From the DER that an image carries or a file holds; RSA in either form.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let key = P256PublicKey::from_spki_der(der).ok().map(Self::P256);
        #[cfg(feature = "p384")]
        let key = key.or_else(|| P384PublicKey::from_spki_der(der).ok().map(Self::P384));
        #[cfg(feature = "ed25519")]
        let key = key.or_else(|| Ed25519PublicKey::from_spki_der(der).ok().map(Self::Ed25519));
        #[cfg(feature = "rsa")]
        let key = key
            .or_else(|| RsaPublicKey::from_pkcs1_der(der).ok().map(Self::Rsa))
            .or_else(|| RsaPublicKey::from_spki_der(der).ok().map(Self::Rsa));
        key
    }

    /// The hash of its DER, which names the key in images; `None` if this build does not have the hash.
    pub fn hash<C: Crypto>(&self, algorithm: HashAlgorithm, crypto: &mut C) -> Option<Digest> {
        let mut hasher = Hasher::new(algorithm, crypto)?;
        hasher.update(self.der().as_bytes());
        Some(hasher.finish())
    }

    /// Whether `name` is the hash of its DER.
    pub fn is_named<C: Crypto>(&self, name: &[u8], algorithm: HashAlgorithm, crypto: &mut C) -> bool {
        match algorithm {
            // By itself: a build for a device has no other.
            HashAlgorithm::Sha256 => self.key_hash(crypto) == name,
            _ if algorithm.is_available() => {
                self.hash(algorithm, crypto).is_some_and(|hash| hash.as_bytes() == name)
            }
            _ => false,
        }
    }

    /// SHA-256 of its DER: its name outside of images.
    pub fn key_hash(&self, crypto: &mut impl Crypto) -> crate::Sha256Digest {
        match self {
            // By itself, as in `is_der`: a build for a device has no other, and makes no DER.
            Self::P256(key) => key.key_hash(crypto),
            #[cfg(any(feature = "p384", feature = "ed25519", feature = "rsa"))]
            _ => crypto.sha256_of(self.der().as_bytes()),
        }
    }

    /// Whether `der` is its DER.
    pub fn is_der(&self, der: &[u8]) -> bool {
        match self {
            Self::P256(key) => key.is_spki_der(der),
            #[cfg(any(feature = "p384", feature = "ed25519", feature = "rsa"))]
            _ => self.der().as_bytes() == der,
        }
    }

    /// Verifies a signature over the digest of an image.
    ///
    /// ECDSA takes the digest as it is, cut to the size of the curve; Ed25519 takes its bytes as the message; RSA takes
    /// a SHA-256. A pair that [`SignatureAlgorithm::accepts`] does not have is refused.
    pub fn verify(&self, digest: &Digest, signature: &[u8], crypto: &mut impl Crypto) -> Verdict {
        if !self.algorithm().accepts(digest.algorithm(), false) {
            return Verdict::REFUSED;
        }
        match self {
            Self::P256(key) => crypto.verify_p256(key, digest.prefix(), signature),
            #[cfg(feature = "p384")]
            Self::P384(key) => match digest.as_bytes().first_chunk() {
                Some(digest) => crypto.verify_p384(key, digest, signature),
                None => Verdict::REFUSED,
            },
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => crypto.verify_ed25519(key, digest.as_bytes(), signature),
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => crypto.verify_rsa(key, digest.prefix(), signature),
        }
    }

    /// Begins the verification of a signature over the content itself; `None` if the algorithm cannot, or the signature
    /// or the key is malformed.
    pub fn verify_pure(&self, signature: &[u8]) -> Option<PureVerifier> {
        match self {
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => PureVerifier::new(key, signature),
            _ => {
                let _ = signature;
                None
            }
        }
    }

    /// Whether a signature has the shape that this algorithm's have: so that a malformed one is told from a wrong one.
    /// The backend checks it again, and the ranges.
    pub fn is_signature_shape(&self, signature: &[u8]) -> bool {
        match self {
            Self::P256(_) => ecdsa_numbers(signature, 32).is_some(),
            #[cfg(feature = "p384")]
            Self::P384(_) => ecdsa_numbers(signature, 48).is_some(),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(_) => signature.len() == 64,
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => signature.len() == key.modulus_len(),
        }
    }
}

impl From<P256PublicKey> for PublicKey {
    fn from(key: P256PublicKey) -> Self {
        Self::P256(key)
    }
}

/// The two numbers of a strict DER `SEQUENCE { INTEGER, INTEGER }`, big-endian and without the zero that only says that a
/// number is not negative; `None` unless both are positive or zero and of at most `size` bytes, with nothing behind them.
pub fn ecdsa_numbers(signature: &[u8], size: usize) -> Option<[&[u8]; 2]> {
    match signature {
        // Two integers of at most 50 bytes: the length has one byte, and is less than 0x80.
        [0x30, len, body @ ..] if usize::from(*len) == body.len() && *len < 0x80 => {
            let (r, rest) = integer(body, size)?;
            let (s, rest) = integer(rest, size)?;
            rest.is_empty().then_some([r, s])
        }
        _ => None,
    }
}

/// An INTEGER in its shortest form, and what follows it.
#[inline(never)]
fn integer(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let [0x02, len, rest @ ..] = bytes else { return None };
    let (value, rest) = rest.split_at_checked(usize::from(*len))?;
    let value = match value {
        [0x00, value @ ..] if value.first().is_some_and(|first| *first >= 0x80) => value,
        // Zero has one byte; in front of anything else it is not the shortest form.
        [0x00] | [0x01..0x80, ..] => value,
        _ => return None,
    };
    (value.len() <= size).then_some((value, rest))
}
