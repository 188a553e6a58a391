//! MCUboot's ECIES on P-256: the image key, sealed for this device.
//!
//! Ephemeral point (65 bytes, uncompressed) || HMAC-SHA-256 (32) || encrypted image key (16). HKDF-SHA-256 of the shared x
//! coordinate, without salt, gives the AES key (16) and the HMAC key (32). Both by the crate `hmac-sha256`.
//!
//! What is kept here is wiped here. The libraries leave their state on the stack, which is wiped with all of this stage's RAM
//! before the application starts.

use hmac_sha256::{HKDF, HMAC};
use ironroot_crypto::{ContentKey, ContentKeys, OpenError, Sealing};
use zeroize::Zeroize;

use crate::aes_ctr::aes128_ctr;
use crate::p256::{Words, agree, is_scalar, words};

/// HKDF's info, the same for every image.
const INFO: &[u8] = b"MCUBoot_ECIES_v1";

/// The device's private key. Wiped when dropped.
pub struct DeviceKeys {
    scalar: Words,
}

impl DeviceKeys {
    /// From the big-endian scalar; `None` if it is 0 or not below the order.
    pub fn new(scalar: &[u8; 32]) -> Option<Self> {
        let keys = Self { scalar: words(scalar) };
        is_scalar(&keys.scalar).then_some(keys)
    }

    /// The x coordinate of the private key times `public`, `04 || X || Y`: ECDH. `None` if that is no point of the curve.
    pub fn agree(&self, public: &[u8; 65]) -> Option<[u8; 32]> {
        agree(&self.scalar, public)
    }
}

impl Drop for DeviceKeys {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl ContentKeys for DeviceKeys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::EciesP256 {
            return Err(OpenError::Unsupported);
        }
        let (public, sealed) = sealed.split_first_chunk().ok_or(OpenError::Refused)?;
        let (tag, sealed) = sealed.split_first_chunk::<32>().ok_or(OpenError::Refused)?;
        // A key of 32 bytes would be AES-256, which this build does not have.
        let sealed: &[u8; 16] = sealed.try_into().map_err(|_| OpenError::Unsupported)?;
        let mut shared = self.agree(public).ok_or(OpenError::Refused)?;

        let mut derived = [0; 48];
        // All as slices: the library has its functions once for each type of argument.
        let secret = HKDF::extract(&[][..], &shared[..]);
        HKDF::expand(&mut derived, &secret[..], INFO);
        shared.zeroize();
        let mut key = *sealed;
        let mut opened = None;
        let (cipher_key, mac_key) = derived.split_at(16);
        // In constant time: how many bytes of a tag were right must not show.
        if let Ok(cipher_key) = cipher_key.try_into()
            && HMAC::verify(&sealed[..], mac_key, tag)
        {
            aes128_ctr(cipher_key, 0, &mut key);
            opened = ContentKey::from_bytes(&key);
        }
        derived.zeroize();
        key.zeroize();
        opened.ok_or(OpenError::Refused)
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        match key.as_bytes().try_into() {
            Ok(key) => aes128_ctr(key, offset, data),
            // Not opened by this holder. Zeros show no plaintext and run nowhere.
            Err(_) => data.fill(0),
        }
    }
}
