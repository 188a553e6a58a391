//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;

use ironroot_codes::Code;
use ironroot_crypto::{Signer, SigningKey, Software};
use ironroot_image::{
    Dependencies, Dialect, Error, Image, Limits, Policy, PublicKey, ReadAt, VerifiedImage, verify,
};
use p256::pkcs8::DecodePrivateKey;

/// A slot of 896 KB without its trailer.
pub const LIMITS: Limits = Limits { max_size: 0xe0000 - 0x30e0, dialect: Dialect::Mcuboot };

/// A policy that demands nothing and leaves dependencies alone.
pub const ANY: Policy = Policy {
    min_security_counter: None,
    vendor_id: None,
    class_id: None,
    slot_address: None,
    dependencies: Dependencies::LeaveToDevice,
};

/// A file of tests/data.
pub fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A private key of tests/data.
pub fn signing_key(name: &str) -> SigningKey {
    let pem = String::from_utf8(data(name)).expect("PEM is text");
    p256::ecdsa::SigningKey::from_pkcs8_pem(&pem).expect("a P-256 key").into()
}

/// The key that signed most images.
pub fn key() -> PublicKey {
    PublicKey::P256(signing_key("p256.pem").public_key())
}

/// A key that signed none.
pub fn other_key() -> PublicKey {
    PublicKey::P256(signing_key("other.pem").public_key())
}

pub fn check_with(
    source: &(impl ReadAt + ?Sized),
    keys: &[PublicKey],
    policy: &Policy,
) -> Result<VerifiedImage, Error> {
    let image = Image::parse(source, LIMITS)?;
    verify(&image, source, keys, policy, &mut Software)
}

pub fn check(source: &(impl ReadAt + ?Sized)) -> Result<VerifiedImage, Error> {
    check_with(source, &[key()], &ANY)
}

pub fn code(result: Result<VerifiedImage, Error>) -> Option<Code> {
    result.err().map(|error| error.code())
}
