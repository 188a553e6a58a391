//! The software backend with a memory for signatures.
//!
//! Hashes are computed each time: they depend on what is in flash. An ECDSA verification depends only on key, digest and
//! signature; the same ones come back in every boot of every case, so a verdict is computed once and kept under all
//! three. Nothing else is remembered, and what is remembered is what the real backend said.

use std::collections::HashMap;

use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest, Software, Verdict};

type Question = (Vec<u8>, Sha256Digest, Vec<u8>);

/// The backend.
#[derive(Debug, Default)]
pub struct Memo {
    verdicts: HashMap<Question, Verdict>,
}

impl Memo {
    /// A backend that remembers nothing yet.
    pub fn new() -> Memo {
        Memo::default()
    }
}

impl Crypto for Memo {
    type Sha256 = <Software as Crypto>::Sha256;

    fn sha256(&mut self) -> Self::Sha256 {
        Software.sha256()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        let question = (key.sec1().to_vec(), *digest, signature.to_vec());
        *self.verdicts.entry(question).or_insert_with(|| Software.verify_p256(key, digest, signature))
    }
}
