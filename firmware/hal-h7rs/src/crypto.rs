//! The cryptography of the boot on HASH, PKA and CRYP, behind the traits of `ironroot-crypto`.
//!
//! What is secret here is in the blocks and on the stack: the blocks are reset after each use, the stack is wiped with all RAM
//! of the stage before it leaves.

use digest::common::BlockSizeUser;
use digest::consts::{U32, U64};
use digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use hkdf::SimpleHkdf;
use hmac::{KeyInit, Mac, SimpleHmac};
use ironroot_crypto::{
    ContentKey, ContentKeys, Crypto, OpenError, P256PublicKey, Sealing, Sha256, Sha256Digest, Verdict,
};
use zeroize::Zeroize;

use crate::hash::HardwareSha256;
use crate::{cryp, pka};

/// The blocks.
#[derive(Clone, Copy, Default)]
pub struct Hardware;

/// One for the stages that name a constructor.
pub const fn hardware() -> Hardware {
    Hardware
}

impl Crypto for Hardware {
    type Sha256 = HardwareSha256;

    fn sha256(&mut self) -> HardwareSha256 {
        HardwareSha256::new()
    }

    fn verify_p256(&mut self, key: &P256PublicKey, digest: &Sha256Digest, signature: &[u8]) -> Verdict {
        let [_, coordinates @ ..] = key.sec1();
        let (Some((x, y)), Some((r, s))) = (halves(coordinates), parse(signature)) else {
            return Verdict::REFUSED;
        };
        // The block does not look at the key.
        Verdict::from_bool(pka::is_point((x, y)) && pka::verify((x, y), digest, &r, &s))
    }
}

fn halves(coordinates: &[u8; 64]) -> Option<(&[u8; 32], &[u8; 32])> {
    let (x, y) = coordinates.split_first_chunk()?;
    Some((x, y.first_chunk()?))
}

/// r and s of a DER `SEQUENCE { r INTEGER, s INTEGER }` in strict form, with nothing behind it.
fn parse(signature: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let [0x30, length, body @ ..] = signature else { return None };
    if usize::from(*length) != body.len() || *length >= 0x80 {
        return None;
    }
    let (r, rest) = integer(body)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then_some((r, s))
}

/// A positive INTEGER of at most 256 bits in its shortest form, and what follows it.
#[inline(never)]
fn integer(bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
    let [0x02, length, rest @ ..] = bytes else { return None };
    let (value, rest) = rest.split_at_checked(usize::from(*length))?;
    let value = match value {
        [0x00, value @ ..] if value.first().is_some_and(|first| *first >= 0x80) => value,
        [0x01..0x80, ..] => value,
        _ => return None,
    };
    if value.len() > 32 {
        return None;
    }
    let mut number = [0; 32];
    for (to, from) in number.iter_mut().rev().zip(value.iter().rev()) {
        *to = *from;
    }
    Some((number, rest))
}

/// HKDF's info, the same for every image.
const INFO: &[u8] = b"MCUBoot_ECIES_v1";

/// The device's private key, for ECIES on P-256. Wiped when dropped.
pub struct HardwareKeys {
    scalar: [u8; 32],
}

impl HardwareKeys {
    /// From the big-endian scalar; `None` if it is 0. PKA refuses one that is not below the order.
    pub fn new(scalar: &[u8; 32]) -> Option<Self> {
        (*scalar != [0; 32]).then_some(Self { scalar: *scalar })
    }

    fn agree(&self, public: &[u8; 65]) -> Option<[u8; 32]> {
        let [4, coordinates @ ..] = public else { return None };
        let point = halves(coordinates)?;
        if !pka::is_point(point) {
            return None;
        }
        pka::multiply(&self.scalar, point).map(|(x, _)| x)
    }
}

impl Drop for HardwareKeys {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl ContentKeys for HardwareKeys {
    fn open(&self, sealing: Sealing, sealed: &[u8]) -> Result<ContentKey, OpenError> {
        if sealing != Sealing::EciesP256 {
            return Err(OpenError::Unsupported);
        }
        let (public, sealed) = sealed.split_first_chunk().ok_or(OpenError::Refused)?;
        let (tag, sealed) = sealed.split_first_chunk::<32>().ok_or(OpenError::Refused)?;
        let mut key: [u8; 16] = sealed.try_into().map_err(|_| OpenError::Unsupported)?;
        let mut shared = self.agree(public).ok_or(OpenError::Refused)?;

        let mut keys = [0; 48];
        let derived = SimpleHkdf::<ShortSha256>::new(None, &shared).expand(INFO, &mut keys);
        shared.zeroize();
        let (cipher_key, mac_key) = keys.split_first_chunk::<16>().ok_or(OpenError::Refused)?;
        let mac = SimpleHmac::<ShortSha256>::new_from_slice(mac_key).map(|mac| mac.chain_update(sealed));
        let authentic = match mac {
            Ok(mac) => Verdict::of_equal(&mac.finalize().into_bytes(), tag),
            Err(_) => Verdict::REFUSED,
        };
        cryp::aes128_ctr(cipher_key, 0, &mut key);
        keys.zeroize();
        if derived.is_err() || !authentic.is_accepted() {
            key.zeroize();
            return Err(OpenError::Refused);
        }
        let opened = ContentKey::from_bytes(&key).ok_or(OpenError::Unsupported);
        key.zeroize();
        opened
    }

    fn apply(&self, key: &ContentKey, offset: u32, data: &mut [u8]) {
        match key.as_bytes().try_into() {
            Ok(key) => cryp::aes128_ctr(key, offset, data),
            Err(_) => data.fill(0),
        }
    }
}

/// The longest message that [`ShortSha256`] takes: a block, a hash, HKDF's info and number.
const SHORT: usize = 160;

/// SHA-256 of a short message that is collected first: HMAC has two hashes open at a time, HASH only one.
#[derive(Clone)]
struct ShortSha256 {
    message: [u8; SHORT],
    length: usize,
}

impl Default for ShortSha256 {
    fn default() -> Self {
        Self { message: [0; SHORT], length: 0 }
    }
}

impl HashMarker for ShortSha256 {}

impl BlockSizeUser for ShortSha256 {
    type BlockSize = U64;
}

impl OutputSizeUser for ShortSha256 {
    type OutputSize = U32;
}

impl Update for ShortSha256 {
    fn update(&mut self, data: &[u8]) {
        for byte in data {
            if let Some(place) = self.message.get_mut(self.length) {
                *place = *byte;
            }
            self.length = self.length.saturating_add(1);
        }
    }
}

impl FixedOutput for ShortSha256 {
    fn finalize_into(self, out: &mut Output<Self>) {
        let mut sha = HardwareSha256::new();
        // A longer one, which no caller here has, gives the hash of nothing.
        sha.update(self.message.get(..self.length).unwrap_or_default());
        *out = sha.finish().into();
    }
}
