//! The key area: places for keys that the device makes itself and that nobody, the owner of the firmware included, ever sees.
//!
//! Pairs of u32 size and u32 address, little-endian. A key has 16 to 256 bytes in steps of 16; it begins on a flash word and
//! takes whole ones, whose rest stays erased.

use ironroot_codes::{Code, install as codes};

use crate::bytes::u32_at;
use crate::install::HELD_BACK;

/// Length of a pair.
pub const COUPLE_LEN: usize = 8;
/// Keys in one package, at most.
pub const MAX_KEYS: usize = 8;
/// The longest key, in bytes.
pub const MAX_KEY_LEN: usize = 256;
/// Keys are whole blocks of a block cipher.
const STEP: u32 = 16;

/// Where a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// Its first byte.
    pub address: u32,
    /// Its length in bytes.
    pub size: u32,
}

impl KeyPlace {
    /// Reads a key area.
    ///
    /// # Errors
    /// `KEYS_MALFORMED`: not whole pairs, none, more than [`MAX_KEYS`], or a size that no key has.
    pub fn parse(bytes: &[u8]) -> Result<[Option<Self>; MAX_KEYS], Code> {
        let malformed = codes::KEYS_MALFORMED;
        let mut places = [None; MAX_KEYS];
        if bytes.is_empty() || !bytes.len().is_multiple_of(COUPLE_LEN) {
            return Err(malformed);
        }
        for (index, couple) in bytes.chunks_exact(COUPLE_LEN).enumerate() {
            let place = Self { size: u32_at(couple, 0), address: u32_at(couple, 4) };
            if place.size == 0 || !place.size.is_multiple_of(STEP) || place.size as usize > MAX_KEY_LEN {
                return Err(malformed);
            }
            *places.get_mut(index).ok_or(malformed)? = Some(place);
        }
        Ok(places)
    }

    /// Bytes of flash that it takes: whole flash words.
    pub fn occupied(&self) -> u32 {
        self.size.next_multiple_of(HELD_BACK as u32)
    }

    /// Whether it shares a byte with `size` bytes at `address`.
    pub(crate) fn meets(&self, address: u32, size: u32) -> bool {
        let end = u64::from(self.address) + u64::from(self.occupied());
        u64::from(self.address) < u64::from(address) + u64::from(size) && u64::from(address) < end
    }

    /// The bytes of a pair.
    #[cfg(feature = "build")]
    pub fn encode(&self) -> [u8; COUPLE_LEN] {
        let mut bytes = [0; COUPLE_LEN];
        crate::bytes::put(&mut bytes, 0, &self.size.to_le_bytes());
        crate::bytes::put(&mut bytes, 4, &self.address.to_le_bytes());
        bytes
    }
}
