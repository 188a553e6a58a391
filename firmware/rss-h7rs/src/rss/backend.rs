//! The cryptography of RSS: HASH, which both parts have, and P-256 in software, since the STM32H7R has no PKA.

use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest, Verdict};
use ironroot_crypto_device::Device;
use ironroot_hal::hash::HardwareSha256;

/// The backend.
pub struct Backend;

impl Crypto for Backend {
    type Sha256 = HardwareSha256;

    fn sha256(&mut self) -> HardwareSha256 {
        HardwareSha256::new()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        Device.verify_p256(key, digest, signature)
    }
}
