//! MCUboot's ECIES behind the key agreement: HKDF, AES-CTR, HMAC. One set for both curves and both hashes.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

use crate::{ContentKey, KeyBits, aes_ctr};

/// HKDF's info, the same for every image: the ephemeral key makes the rest differ.
const INFO: &[u8] = b"MCUBoot_ECIES_v1";

/// The two keys that follow from the shared secret: 16 or 32 bytes for AES, then one digest for HMAC.
struct Derived {
    okm: Zeroizing<[u8; 32 + 64]>,
    bits: KeyBits,
    tag_len: usize,
}

impl Derived {
    fn new<H: EagerHash>(shared: &[u8], bits: KeyBits, tag_len: usize) -> Option<Self> {
        let mut okm = Zeroizing::new([0; 32 + 64]);
        let wanted = okm.get_mut(..bits.bytes() + tag_len)?;
        hkdf::Hkdf::<H>::new(None, shared).expand(INFO, wanted).ok()?;
        Some(Self { okm, bits, tag_len })
    }

    fn cipher_key(&self) -> Option<ContentKey> {
        ContentKey::from_bytes(self.okm.get(..self.bits.bytes())?)
    }

    fn mac<H: EagerHash>(&self, sealed: &[u8]) -> Option<Hmac<H>> {
        let key = self.okm.get(self.bits.bytes()..self.bits.bytes() + self.tag_len)?;
        let mut mac = <Hmac<H> as KeyInit>::new_from_slice(key).ok()?;
        mac.update(sealed);
        Some(mac)
    }
}

/// Opens `tag || encrypted key`; `None` if the tag does not fit.
pub(crate) fn open<H: EagerHash>(shared: &[u8], sealed: &[u8], tag_len: usize) -> Option<ContentKey> {
    let (tag, encrypted) = sealed.split_at_checked(tag_len)?;
    let bits = match encrypted.len() {
        16 => KeyBits::Aes128,
        32 => KeyBits::Aes256,
        _ => return None,
    };
    let derived = Derived::new::<H>(shared, bits, tag_len)?;
    // The tag first, in constant time: an unauthentic key must not become one.
    derived.mac::<H>(encrypted)?.verify_slice(tag).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    let key = key.get_mut(..bits.bytes())?;
    for (to, from) in key.iter_mut().zip(encrypted) {
        *to = *from;
    }
    aes_ctr(&derived.cipher_key()?, 0, key);
    ContentKey::from_bytes(key)
}

/// Makes `tag || encrypted key`.
#[cfg(feature = "seal")]
pub(crate) fn seal<H: EagerHash>(
    shared: &[u8],
    key: &ContentKey,
    tag_len: usize,
) -> Option<alloc::vec::Vec<u8>> {
    let derived = Derived::new::<H>(shared, key.bits(), tag_len)?;
    let mut encrypted = key.as_bytes().to_vec();
    aes_ctr(&derived.cipher_key()?, 0, &mut encrypted);
    let mut sealed = derived.mac::<H>(&encrypted)?.finalize().into_bytes().to_vec();
    sealed.extend_from_slice(&encrypted);
    Some(sealed)
}
