//! SHA-256 (FIPS 180-4) by the crate `hmac-sha256`: of the libraries that were measured, the one that meets the gate for speed
//! without 6 KB of unrolled rounds (`docs/size-and-speed.md`).
//!
//! Its counter has 32 bits here, and counts bits at the end: at most 512 MB, which no memory of this chip has.

use hmac_sha256::Hash;
use ironroot_crypto::{Sha256, Sha256Digest};

/// A running SHA-256.
#[derive(Clone)]
pub struct DeviceSha256(Hash);

impl DeviceSha256 {
    #[inline(never)]
    pub(crate) fn new() -> Self {
        Self(Hash::new())
    }
}

impl Sha256 for DeviceSha256 {
    #[inline(never)]
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    #[inline(never)]
    fn finish(self) -> Sha256Digest {
        self.0.finalize()
    }
}
