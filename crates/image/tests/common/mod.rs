//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;

use ironroot_codes::Code;
use ironroot_crypto::{
    ContentKeys, Ed25519SigningKey, KeyWrapKey, P256ContentKeys, P384SigningKey, RsaContentKeys,
    RsaSigningKey, Signer, SigningKey, Software, X25519ContentKeys,
};
use ironroot_image::{
    Dependencies, Dialect, Error, Image, Limits, Policy, PublicKey, ReadAt, VerifiedImage, verify,
};
use p256::pkcs8::DecodePrivateKey;

/// A slot of 896 KB without its trailer.
pub const LIMITS: Limits = Limits { max_size: 0xe0000 - 0x30e0, dialect: Dialect::Mcuboot };

/// A policy that demands nothing and leaves dependencies alone.
pub const ANY: Policy = Policy { dependencies: Dependencies::LeaveToDevice, ..Policy::NONE };

/// A file of tests/data.
pub fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The payload of 256 bytes.
pub fn app() -> Vec<u8> {
    data("app.bin")
}

/// The payload of 250 bytes.
pub fn odd() -> Vec<u8> {
    data("odd.bin")
}

fn pem(name: &str) -> String {
    String::from_utf8(data(&format!("{name}.pem"))).expect("PEM is text")
}

/// A private key of tests/data that signs.
pub fn signer(name: &str) -> Box<dyn Signer> {
    let pem = pem(name);
    match name {
        "p384" => Box::new(P384SigningKey::from(
            p384::ecdsa::SigningKey::from_pkcs8_pem(&pem).expect("a P-384 key"),
        )),
        "ed25519" => Box::new(Ed25519SigningKey::from(
            ed25519_dalek::SigningKey::from_pkcs8_pem(&pem).expect("an Ed25519 key"),
        )),
        "rsa2048" | "rsa3072" => Box::new(
            RsaSigningKey::try_from(rsa::RsaPrivateKey::from_pkcs8_pem(&pem).expect("an RSA key"))
                .expect("of a size that images have"),
        ),
        _ => Box::new(signing_key(&format!("{name}.pem"))),
    }
}

/// Every key that signed.
pub fn keys() -> Vec<PublicKey> {
    ["p256", "p384", "ed25519", "rsa2048", "rsa3072"].iter().map(|name| signer(name).public_key()).collect()
}

/// A private key of tests/data that decrypts.
pub fn holder(name: &str) -> Box<dyn ContentKeys> {
    match name {
        "x25519" => Box::new(X25519ContentKeys::from_bytes(&x25519_secret())),
        "rsa2048" => Box::new(RsaContentKeys::from(
            rsa::RsaPrivateKey::from_pkcs8_pem(&pem(name)).expect("an RSA key"),
        )),
        "kw" => Box::new(KeyWrapKey::from_bytes(&[7; 16]).expect("16 bytes are a key")),
        _ => {
            Box::new(P256ContentKeys::from(p256::SecretKey::from_pkcs8_pem(&pem(name)).expect("a P-256 key")))
        }
    }
}

/// The DER of its public half.
pub fn public_der(name: &str) -> Vec<u8> {
    match name {
        "x25519" => X25519ContentKeys::from_bytes(&x25519_secret()).public_key().spki_der().to_vec(),
        _ => signer(name).public_key().der().as_bytes().to_vec(),
    }
}

/// The last 32 bytes of the PKCS#8 of an X25519 key (RFC 8410).
fn x25519_secret() -> [u8; 32] {
    let (_, document) = p256::pkcs8::SecretDocument::from_pem(&pem("x25519")).expect("a PEM block");
    *document.as_bytes().last_chunk().expect("a key")
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
