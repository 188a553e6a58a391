//! Points of the boot that the host can watch: `stage(n)` is called with one of these numbers.
//!
//! The virtual device stops at the symbol `stage` and reads r0: how far a boot came, and how many instructions
//! each part took, without a debug build.

use crate::startup;
use ironroot_crypto::{Crypto, P256PublicKey, Sha256, Sha256Digest, Verdict};
use ironroot_crypto_device::Device;

/// `main` begins.
pub const START: u32 = 1;
/// Key store and image are about to be read.
pub const PARSE: u32 = 2;
/// Hashing of the image begins.
pub const HASH_BEGIN: u32 = 3;
/// Hashing of the image has ended.
pub const HASH_END: u32 = 4;
/// The check of a signature begins.
pub const SIGNATURE_BEGIN: u32 = 5;
/// The check of a signature has ended.
pub const SIGNATURE_END: u32 = 6;
/// The image is accepted; wiping and exit follow.
pub const HANDOFF: u32 = 7;
/// Refused: the core stays.
pub const REFUSED: u32 = 8;
/// RSS is asked for the secure area; a reset follows.
pub const AREA_REQUEST: u32 = 9;

/// The device's backend, with marks around the two expensive operations.
pub struct Marked(Device);

impl Marked {
    /// The backend.
    pub fn new() -> Self {
        Self(Device)
    }
}

/// A running hash with marks, if it is the hash of the image: known by its first piece, which is longer than
/// anything else that is hashed (the key store is hashed in pieces of at most 128 bytes).
pub struct MarkedSha256 {
    sha: <Device as Crypto>::Sha256,
    marked: bool,
}

/// Least first piece of the image.
const IMAGE_PIECE: usize = 256;

impl Sha256 for MarkedSha256 {
    fn update(&mut self, data: &[u8]) {
        if !self.marked && data.len() >= IMAGE_PIECE {
            self.marked = true;
            startup::stage(HASH_BEGIN);
        }
        self.sha.update(data);
    }

    fn finish(self) -> Sha256Digest {
        let digest = self.sha.finish();
        if self.marked {
            startup::stage(HASH_END);
        }
        digest
    }
}

impl Crypto for Marked {
    type Sha256 = MarkedSha256;

    fn sha256(&mut self) -> MarkedSha256 {
        MarkedSha256 { sha: self.0.sha256(), marked: false }
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        startup::stage(SIGNATURE_BEGIN);
        let verdict = self.0.verify_p256(key, digest, signature);
        startup::stage(SIGNATURE_END);
        verdict
    }
}
