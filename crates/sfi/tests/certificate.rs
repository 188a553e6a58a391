//! Device certificates.

mod common;

use common::*;
use ironroot_codes::install as codes;
use ironroot_crypto::Software;
use ironroot_sfi::{Certificate, Product};

#[test]
fn a_certificate_is_taken_back_and_verifies() {
    // Keys and signatures whose numbers begin with every kind of byte.
    for seed in 1..40 {
        let bytes = certificate(seed, 100).encode();
        let read = Certificate::parse(&bytes).expect("a certificate");
        assert_eq!(read.product(), Product::STM32H735);
        assert_eq!(read.key(), &key_pair(seed).1);
        assert_eq!(read.verify(&key_pair(100).1, &mut Software), Ok(()));
        assert_eq!(read.verify(&key_pair(101).1, &mut Software), Err(codes::CERTIFICATE_SIGNATURE));
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = certificate(7, 100).encode();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes;
        bad[bit / 8] ^= 1 << (bit % 8);
        let outcome = Certificate::parse(&bad).and_then(|read| read.verify(&key_pair(100).1, &mut Software));
        let code = outcome.expect_err("must be refused");
        assert!(
            [codes::CERTIFICATE_MALFORMED, codes::CERTIFICATE_SIGNATURE].contains(&code),
            "bit {bit}: {code}"
        );
    }
    assert_eq!(Certificate::parse(&bytes[..135]), Err(codes::CERTIFICATE_MALFORMED));
    assert_eq!(Certificate::parse(&[&bytes[..], &[0]].concat()), Err(codes::CERTIFICATE_MALFORMED));
}
