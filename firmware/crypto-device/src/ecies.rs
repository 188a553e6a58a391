//! MCUboot's ECIES on P-256: the image key, sealed for this device.
//!
//! Ephemeral point (65 bytes, uncompressed) || HMAC-SHA-256 (32) || encrypted image key (16). HKDF-SHA-256 of the shared x
//! coordinate, without salt, gives the AES key (16) and the HMAC key (32). Both by the crates `hkdf` and `hmac`.
//!
//! What is kept here is wiped here. Those crates leave their state on the stack, which is wiped with all of this stage's RAM
//! before the application starts.

use hkdf::SimpleHkdf;
use hmac::{KeyInit, Mac, SimpleHmac};
use ironroot_crypto::{ContentKey, ContentKeys, OpenError, Sealing};
use zeroize::Zeroize;

use crate::aes_ctr::aes128_ctr;
use crate::curve::{Words, is_scalar, multiply_x, point, words};
use crate::sha256::DeviceSha256;

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
        let [4, coordinates @ ..] = public else { return None };
        let (x, y) = coordinates.split_at(32);
        let point = point(words(x), words(y))?;
        Some(multiply_x(&self.scalar, &point))
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

        let mut keys = [[0; 32]; 2];
        // Refuses only lengths that no hash has.
        let derived = SimpleHkdf::<DeviceSha256>::new(None, &shared).expand(INFO, keys.as_flattened_mut());
        shared.zeroize();
        let (cipher_key, rest) = keys.as_flattened().split_at(16);
        let (mac_key, _) = rest.split_at(32);
        let mut key = *sealed;
        if let Ok(cipher_key) = cipher_key.try_into() {
            aes128_ctr(cipher_key, 0, &mut key);
        }
        let opened = if derived.is_ok() && authentic(mac_key, sealed, tag) {
            ContentKey::from_bytes(&key)
        } else {
            None
        };
        keys.as_flattened_mut().zeroize();
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

/// HMAC-SHA-256 of one piece.
#[inline(never)]
fn authentic(key: &[u8], data: &[u8], tag: &[u8; 32]) -> bool {
    let Ok(mut mac) = <SimpleHmac<DeviceSha256> as KeyInit>::new_from_slice(key) else { return false };
    mac.update(data);
    // In constant time: how many bytes of a tag were right must not show.
    mac.verify(tag.into()).is_ok()
}
