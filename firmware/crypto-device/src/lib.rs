//! The cryptography of the device, for Armv7E-M cores (Cortex-M4, M7) and Armv8-M with DSP.
//!
//! 1. Small before fast: the whole boot has a budget of bytes (`docs/size-and-speed.md`), and a verification is a few
//!    milliseconds either way.
//! 2. No panic is linked: nothing here indexes, so nothing needs a bounds check whose failure would have to be handled.
//! 3. What depends on a secret takes the same instructions and the same addresses whatever the secret is.
//! 4. The host keeps RustCrypto, and is the oracle for this: `tests/tests/device_crypto.rs` runs both over the same
//!    vectors, this one on the virtual core.
#![no_std]

#[cfg(feature = "decrypt")]
mod aes_ctr;
mod curve;
mod ecdsa;
#[cfg(feature = "decrypt")]
mod ecies;
mod sha256;

#[cfg(feature = "decrypt")]
pub use aes_ctr::aes128_ctr;
#[cfg(feature = "decrypt")]
pub use ecies::DeviceKeys;
pub use sha256::DeviceSha256;

use ironroot_crypto::{Crypto, P256PublicKey, Sha256Digest, Verdict};

/// SHA-256 and ECDSA P-256 on the core.
#[derive(Clone, Copy, Debug, Default)]
pub struct Device;

impl Crypto for Device {
    type Sha256 = DeviceSha256;

    fn sha256(&mut self) -> DeviceSha256 {
        DeviceSha256::new()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        Verdict::from_bool(ecdsa::verify(key, digest, signature))
    }
}
