//! The identity of a device: its key pair, and the certificate by which its maker vouches for it.
//!
//! Virtual devices are born with one of a demo maker, whose private key everybody can compute: it shows how things work and
//! proves nothing. A tool that takes real devices therefore never trusts it unasked.

use std::path::Path;

use ironroot_chip::Identity;
use ironroot_codes::input;
use ironroot_crypto::{Crypto, P256PublicKey, SigningKey, Software};
use ironroot_keys::{KeyKind, PrivateKey};
use ironroot_sfi::build::raw_signature;
use ironroot_sfi::{Certificate, Product};

use crate::error::{Failure, Result};
use crate::keyfile;

/// The private number of the demo maker is the SHA-256 of this text.
pub const DEMO_MAKER: &[u8] = b"ironroot demo maker of virtual devices v1: not secret, trust it for nothing";

/// The demo maker's key.
pub fn demo_maker() -> Result<SigningKey> {
    let number = Software.sha256_of(DEMO_MAKER);
    SigningKey::from_scalar(&number).map_err(|_| Failure::internal("the demo maker's number is out of range"))
}

/// The maker's key of a command line: a file, or the demo maker's.
pub fn maker(file: Option<&Path>) -> Result<SigningKey> {
    match file {
        Some(path) => keyfile::read(path)?.signer(path).cloned(),
        None => demo_maker(),
    }
}

/// Signs a certificate.
pub fn issue(product: Product, device: P256PublicKey, maker: &SigningKey) -> Result<Certificate> {
    let digest = Certificate::digest(product, &device, &mut Software);
    let der = maker.sign_digest(&digest).map_err(|e| Failure::internal(e.to_string()))?;
    let raw = raw_signature(&der).ok_or_else(|| Failure::internal("a signature that is not DER"))?;
    Ok(Certificate::new(product, device, raw))
}

/// A new identity for a virtual device.
pub fn create(product: Product, maker: &SigningKey) -> Result<Identity> {
    let PrivateKey::P256(secret) = PrivateKey::generate(KeyKind::EcdsaP256)? else {
        return Err(Failure::internal("the new key is of another kind"));
    };
    let key: [u8; 32] = secret.to_bytes().into();
    let device = SigningKey::from(p256::ecdsa::SigningKey::from(&secret));
    let certificate = issue(product, device.public_key(), maker)?.encode();
    Ok(Identity { key, certificate })
}

/// A product id of a command line.
pub fn parse_product(text: &str) -> std::result::Result<Product, String> {
    let digits = <[u8; 8]>::try_from(text.as_bytes()).ok();
    digits
        .and_then(Product::from_ascii)
        .ok_or_else(|| "a product id has eight hexadecimal digits, like 48302001".to_owned())
}

/// `count` bytes of the operating system's random numbers.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Failure::new(input::KEY_INVALID, format!("no random numbers: {e}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_that_of_its_maker_and_of_no_other() {
        let maker = demo_maker().unwrap();
        let identity = create(Product::STM32H735, &maker).unwrap();
        let certificate = Certificate::parse(&identity.certificate).unwrap();
        assert_eq!(certificate.verify(&maker.public_key(), &mut Software), Ok(()));
        let other = SigningKey::from_scalar(&[7; 32]).unwrap();
        let refused = certificate.verify(&other.public_key(), &mut Software);
        assert_eq!(refused, Err(ironroot_codes::install::CERTIFICATE_SIGNATURE));
        let private = SigningKey::from_scalar(&identity.key).unwrap();
        assert_eq!(private.public_key(), *certificate.key());
        assert_ne!(create(Product::STM32H735, &maker).unwrap().key, identity.key);
    }

    #[test]
    fn product_ids() {
        assert_eq!(parse_product("48302001"), Ok(Product::STM32H735));
        for text in ["", "4830200", "483020011", "4830200g", "éééé"] {
            assert!(parse_product(text).is_err(), "{text}");
        }
    }
}
