//! Security counters in OBKeys, in the form of ST's boot stages: two records of 96 bytes, three keys each, of which the one
//! with the larger version counts. A record: SHA-256 of the rest (32), hash of the code (32), version (u32), version before
//! (u32), 24 zeros; little-endian.
//!
//! The older record is the one that is written. A power cut leaves it with a hash that does not match, and the other counts.

use crate::obk::{self, For, Key};
use ironroot_boot::{CounterError, Counters};
use ironroot_crypto::{Crypto, Sha256, Verdict};

const KEYS: usize = 3;
const RECORDS: u8 = 2;
type Record = [Key; KEYS];
/// A version that no image has: ST's stages take it for damage.
const NO_VERSION: u32 = u32::MAX;

/// The records from one key on.
pub struct ObkCounters<C> {
    first: u8,
    new_crypto: fn() -> C,
}

impl<C: Crypto> ObkCounters<C> {
    /// The records whose first key has this index, at the level now.
    pub const fn new(first: u8, new_crypto: fn() -> C) -> Self {
        Self { first, new_crypto }
    }

    fn digest(&self, record: &Record) -> Key {
        let mut sha = (self.new_crypto)().sha256();
        let [_, content @ ..] = record;
        sha.update(content.as_flattened());
        sha.finish()
    }

    /// The version in record `number`; `None` if the record is none.
    fn read(&self, number: u8) -> Option<u32> {
        let mut record = Record::default();
        let index = number.checked_mul(KEYS as u8)?.checked_add(self.first)?;
        obk::read_many(index, &mut record).ok()?;
        let [digest, _, [a, b, c, d, ..]] = &record;
        let version = u32::from_le_bytes([*a, *b, *c, *d]);
        (Verdict::of_equal(&self.digest(&record), digest).is_accepted() && version != NO_VERSION)
            .then_some(version)
    }

    /// The record that counts, and its version. Of equals, the first.
    fn newest(&self) -> Result<(u8, u32), CounterError> {
        match (self.read(0), self.read(1)) {
            (None, None) => Err(CounterError::Unreadable),
            (Some(first), None) => Ok((0, first)),
            (first, Some(second)) if first.is_none_or(|first| second > first) => Ok((1, second)),
            (first, _) => Ok((0, first.unwrap_or(0))),
        }
    }
}

impl<C: Crypto> Counters for ObkCounters<C> {
    fn get(&self, _: u8) -> Result<u32, CounterError> {
        self.newest().map(|(_, version)| version)
    }

    fn raise(&mut self, _: u8, to: u32) -> Result<(), CounterError> {
        if to == NO_VERSION {
            return Err(CounterError::Failed);
        }
        let (newest, version) = self.newest()?;
        let mut record = Record::default();
        let [_, _, last] = &mut record;
        for (place, byte) in last.iter_mut().zip(to.to_le_bytes().into_iter().chain(version.to_le_bytes())) {
            *place = byte;
        }
        let digest = self.digest(&record);
        let [first, ..] = &mut record;
        *first = digest;
        let other = RECORDS.wrapping_sub(1).wrapping_sub(newest);
        let start = self.first.wrapping_add(other.wrapping_mul(KEYS as u8));
        for (offset, key) in (0..).zip(&record) {
            let index = start.checked_add(offset).ok_or(CounterError::Failed)?;
            obk::write(index, For::This, key).map_err(|_| CounterError::Failed)?;
        }
        if self.read(other) == Some(to) { Ok(()) } else { Err(CounterError::Failed) }
    }
}
