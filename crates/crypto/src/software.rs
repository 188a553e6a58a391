//! The backend on RustCrypto's `sha2` and `p256`: constant-time field arithmetic, no allocation.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use sha2::Digest;

use crate::{Crypto, P256PublicKey, Sha256, Sha256Digest, Verdict};

/// SHA-256 and ECDSA P-256 in software.
#[derive(Clone, Copy, Debug, Default)]
pub struct Software;

impl Sha256 for sha2::Sha256 {
    fn update(&mut self, data: &[u8]) {
        Digest::update(self, data);
    }

    fn finish(self) -> Sha256Digest {
        self.finalize().into()
    }
}

impl Crypto for Software {
    type Sha256 = sha2::Sha256;

    fn sha256(&mut self) -> sha2::Sha256 {
        sha2::Sha256::new()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        let Ok(key) = VerifyingKey::from_sec1_bytes(key.sec1()) else {
            return Verdict::REFUSED;
        };
        let Ok(signature) = Signature::from_der(signature) else {
            return Verdict::REFUSED;
        };
        Verdict::from_bool(key.verify_prehash(digest, &signature).is_ok())
    }
}
