//! Instructions of the cryptography on the virtual core: the same on every host, so they can be held to a number.

use ironroot_crypto::seal::{DerivedEntropy, EncryptionKey};
use ironroot_crypto::{ContentKey, KeyBits, Sealing, SigningKey};

use crate::core_crypto::{AES_CTR, Case, OPEN, SHA256, VERIFY, instructions};

/// A figure, what it must not exceed, and what the C reference needs.
pub struct Figure {
    /// What was counted.
    pub what: &'static str,
    /// Instructions.
    pub instructions: f64,
    /// The gate, if there is one.
    pub gate: Option<f64>,
    /// The C reference, as published.
    pub reference: &'static str,
}

/// Counts them.
pub fn figures() -> Vec<Figure> {
    const BYTES: usize = 65_536;
    let signer = SigningKey::from_scalar(&[7; 32]).expect("in range");
    let digest = [0x5A; 32];
    let signature = signer.sign_digest(&digest).expect("signed");
    let public = signer.public_key();
    let verify = instructions(Case(VERIFY, [public.sec1(), &digest[..], &signature].concat(), 4));

    let data = vec![0x5A; BYTES];
    // In two pieces, as a boot hashes an image in many.
    let sha = instructions(Case(SHA256, [&(BYTES as u32 / 2).to_le_bytes()[..], &data].concat(), 32));

    let mut entropy = DerivedEntropy::new(b"the figures of the device", b"open").expect("long enough");
    let key = ContentKey::generate(KeyBits::Aes128, &mut entropy).expect("random");
    let sealed = EncryptionKey::P256(public).seal(Sealing::EciesP256, &key, &mut entropy).expect("sealed");
    let open = instructions(Case(OPEN, [&[7; 32][..], &sealed].concat(), 20));
    let aes = instructions(Case(AES_CTR, [&[9; 16][..], &[0; 4], &data].concat(), BYTES));

    let each = |count: u64| count as f64 / BYTES as f64;
    vec![
        Figure {
            what: "ECDSA P-256 verification",
            instructions: verify as f64,
            gate: Some(2_000_000.0),
            reference: "12.3-14.5 million",
        },
        Figure { what: "SHA-256, a byte", instructions: each(sha), gate: Some(45.0), reference: "68-71" },
        Figure { what: "ECIES-P256, one key", instructions: open as f64, gate: None, reference: "" },
        Figure { what: "AES-128-CTR, a byte", instructions: each(aes), gate: None, reference: "" },
    ]
}
