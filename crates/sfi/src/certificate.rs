//! The device certificate: 136 bytes by which the maker says that a key pair is that of a genuine chip.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | product id, ASCII hexadecimal |
//! | 8 | 64 | the device's public key, X then Y, big-endian |
//! | 72 | 64 | ECDSA P-256 signature of the maker, r then s, over SHA-256 of bytes 0 to 71 |
//!
//! The sizes, and the eight ASCII characters at the start, are those of ST's certificates; the split of the rest is ours.

use core::fmt;

use ironroot_codes::{Code, install as codes};
use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest};

use crate::bytes::{array, put};

/// Length of a certificate.
pub const CERTIFICATE_LEN: usize = 136;
/// Length of a product id.
pub const PRODUCT_LEN: usize = 8;

const AT_KEY: usize = PRODUCT_LEN;
const AT_SIGNATURE: usize = 72;
const SIGNATURE_LEN: usize = 64;
const _: () = assert!(AT_SIGNATURE + SIGNATURE_LEN == CERTIFICATE_LEN);

/// The kind of chip: eight ASCII hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Product([u8; PRODUCT_LEN]);

impl Product {
    /// The virtual STM32H735. Ours: the device id of the family (0x483), then the form that ST's ids have.
    pub const STM32H735: Self = Self(*b"48302001");

    /// From eight hexadecimal digits in ASCII; anything else is not a product id.
    pub fn from_ascii(digits: [u8; PRODUCT_LEN]) -> Option<Self> {
        digits.iter().all(u8::is_ascii_hexdigit).then_some(Self(digits))
    }

    /// The eight digits.
    pub const fn ascii(&self) -> &[u8; PRODUCT_LEN] {
        &self.0
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.0).unwrap_or("????????"))
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A certificate of the right form. Whether the maker signed it, [`Certificate::verify`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    product: Product,
    key: P256PublicKey,
    signature: [u8; SIGNATURE_LEN],
}

impl Certificate {
    /// Puts the maker's signature (r then s) to what it signed.
    pub const fn new(product: Product, key: P256PublicKey, signature: [u8; SIGNATURE_LEN]) -> Self {
        Self { product, key, signature }
    }

    /// Reads the form only.
    ///
    /// # Errors
    /// `CERTIFICATE_MALFORMED`: another length, or a product id that is not one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Code> {
        if bytes.len() != CERTIFICATE_LEN {
            return Err(codes::CERTIFICATE_MALFORMED);
        }
        let product = Product::from_ascii(array(bytes, 0)).ok_or(codes::CERTIFICATE_MALFORMED)?;
        Ok(Self {
            product,
            key: public_key(array(bytes, AT_KEY)).ok_or(codes::CERTIFICATE_MALFORMED)?,
            signature: array(bytes, AT_SIGNATURE),
        })
    }

    /// The 136 bytes.
    pub fn encode(&self) -> [u8; CERTIFICATE_LEN] {
        let mut bytes = [0; CERTIFICATE_LEN];
        put(&mut bytes, 0, &self.product.0);
        put(&mut bytes, AT_KEY, &coordinates(&self.key));
        put(&mut bytes, AT_SIGNATURE, &self.signature);
        bytes
    }

    /// The kind of chip.
    pub fn product(&self) -> Product {
        self.product
    }

    /// The device's public key.
    pub fn key(&self) -> &P256PublicKey {
        &self.key
    }

    /// What the maker signs for this chip.
    pub fn digest(product: Product, key: &P256PublicKey, crypto: &mut impl Crypto) -> Sha256Digest {
        let mut signed = [0; AT_SIGNATURE];
        put(&mut signed, 0, &product.0);
        put(&mut signed, AT_KEY, &coordinates(key));
        crypto.sha256_of(&signed)
    }

    /// Checks the maker's signature.
    ///
    /// # Errors
    /// `CERTIFICATE_SIGNATURE`: `maker` did not sign this.
    pub fn verify(&self, maker: &P256PublicKey, crypto: &mut impl Crypto) -> Result<(), Code> {
        let digest = Self::digest(self.product, &self.key, crypto);
        let (der, len) = der_signature(&self.signature);
        let signature = der.get(..len).unwrap_or_default();
        if crypto.verify_p256(maker, &digest, signature).is_accepted() {
            Ok(())
        } else {
            Err(codes::CERTIFICATE_SIGNATURE)
        }
    }
}

/// The point without its form byte.
pub(crate) fn coordinates(key: &P256PublicKey) -> [u8; 64] {
    array(key.sec1(), 1)
}

/// A point from its coordinates; whether it is on the curve is seen where it is used.
pub(crate) fn public_key(coordinates: [u8; 64]) -> Option<P256PublicKey> {
    let mut sec1 = [4; 65];
    put(&mut sec1, 1, &coordinates);
    P256PublicKey::from_sec1(&sec1).ok()
}

/// The longest DER form of a P-256 signature.
const DER_LEN: usize = 72;

/// r and s as a strict DER sequence, and its length. An r or s of zero becomes an INTEGER zero, which no verifier takes.
fn der_signature(raw: &[u8; SIGNATURE_LEN]) -> ([u8; DER_LEN], usize) {
    let mut der = [0; DER_LEN];
    let mut len = 2;
    for half in 0..2 {
        let number: [u8; 32] = array(raw, half * 32);
        let zeros = number.iter().take(31).take_while(|byte| **byte == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        let sign = usize::from(digits.first().is_some_and(|byte| *byte >= 0x80));
        put(&mut der, len, &[0x02, (digits.len() + sign) as u8]);
        put(&mut der, len + 2 + sign, digits);
        len += 2 + sign + digits.len();
    }
    put(&mut der, 0, &[0x30, (len - 2) as u8]);
    (der, len)
}
