//! The record of the installed image: its version and digest, in two copies in option-byte keys.

use ironroot_codes::{Code, h7rs as codes};
use ironroot_crypto::{Crypto, Verdict};
use ironroot_hal::crypto::Hardware;
use ironroot_hal::obk::{self, For, Key};
use ironroot_layout::stm32h7rs::obkeys::STIROT_DATA;
use ironroot_layout::stm32h7rs::stirot::record as at;

use crate::image::Accepted;

const KEYS: u8 = (at::LEN / 32) as u8;
const PLACES: [u8; 2] = [STIROT_DATA.index, STIROT_DATA.index + KEYS];

/// The copy that counts.
pub struct Installed {
    /// Least security counter of an image.
    pub version: u32,
    /// Where the next one goes.
    other: u8,
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn read(place: u8) -> Option<u32> {
    let mut keys: [Key; at::LEN / 32] = Default::default();
    obk::read_many(place, &mut keys).ok()?;
    let bytes = keys.as_flattened();
    let (stated, content) = bytes.split_at_checked(at::DIGEST)?;
    let sound = Verdict::of_equal(&Hardware.sha256_of(content), stated).is_accepted();
    sound.then(|| word(bytes, at::VERSION))
}

/// Reads both copies; the sound one with the higher version counts.
pub fn load() -> Result<Installed, Code> {
    let [a, b] = PLACES;
    match (read(a), read(b)) {
        (Some(first), Some(second)) if second > first => Ok(Installed::of(second, a)),
        (Some(first), _) => Ok(Installed::of(first, b)),
        (None, Some(second)) => Ok(Installed::of(second, a)),
        (None, None) => Err(codes::STIROT_NO_DATA),
    }
}

impl Installed {
    fn of(version: u32, other: u8) -> Self {
        Self { version, other }
    }

    /// Records an image with a higher counter. Into the other copy: cut short, the one before still counts.
    pub fn raise(&self, image: &Accepted) -> Result<(), Code> {
        if image.counter <= self.version {
            return Ok(());
        }
        let mut record = [0; at::LEN];
        let (hash, content) = record.split_at_mut(at::DIGEST);
        let words = image.counter.to_le_bytes().into_iter().chain(self.version.to_le_bytes());
        for (to, from) in content.iter_mut().zip(image.digest.into_iter().chain(words)) {
            *to = from;
        }
        for (to, from) in hash.iter_mut().zip(Hardware.sha256_of(content)) {
            *to = from;
        }
        for (offset, key) in (0..).zip(record.as_chunks::<32>().0) {
            obk::write(self.other.wrapping_add(offset), For::This, key)
                .map_err(|_| codes::STIROT_DATA_WRITE)?;
        }
        match read(self.other) {
            Some(version) if version == image.counter => Ok(()),
            _ => Err(codes::STIROT_DATA_WRITE),
        }
    }
}
