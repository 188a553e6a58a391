//! The cryptography of the device, for Armv7E-M cores (Cortex-M4, M7) and Armv8-M with DSP: libraries, wired to the interface
//! of `ironroot-crypto`. None of it is our own.
//!
//! 1. P-256 is `p256-cm4`, SHA-256 with HMAC and HKDF is `hmac-sha256`, AES is `aes`: the smallest that were found to be fast
//!    enough (`docs/size-and-speed.md`).
//! 2. The libraries index, so their bounds checks link a panic. No input reaches one: `tests/src/size/unreachable.rs` names each
//!    with the reason, and any other panic in the boot fails the tests.
//! 3. What depends on a secret takes the same instructions whatever the secret is, and its tables lie in tightly coupled
//!    memory.
//! 4. The host keeps RustCrypto, and is the oracle for this: `tests/tests/device_crypto.rs` runs both over the same
//!    vectors, this one on the virtual core.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "decrypt")]
mod aes_ctr;
#[cfg(feature = "decrypt")]
mod ecies;
mod p256;
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
        Verdict::from_bool(p256::verify(key, digest, signature))
    }
}
