//! What must not stand in flash in clear: payloads outside the primary slot, content keys anywhere.
//!
//! A window of [`WINDOW`] bytes is the least that counts: payloads and keys are random, so an equal window is no accident.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes that must be equal to count.
pub const WINDOW: usize = 16;
/// What is looked up first.
const WORD: usize = 8;
/// Bits of the filter for each word.
const FILTER: usize = 16;

type Window = [u8; WINDOW];

/// A hash for windows, which are random: any part of one is as good.
#[derive(Clone, Copy, Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 = u64::from_le_bytes(*last);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A set of windows with a filter in front, asked for everything that is written.
///
/// The filter has every word of 8 bytes of the secrets. Wherever a window lies, it contains a word that is aligned in flash:
/// so only those are looked up, and around one that may be in the set, every window is compared.
#[derive(Debug, Default)]
struct Windows {
    words: HashSet<u64, BuildHasherDefault<Itself>>,
    filter: Vec<u64>,
    /// How far a hash is shifted to become a place in the filter.
    shift: u32,
    exact: HashSet<Window, BuildHasherDefault<Itself>>,
}

impl Windows {
    fn add(&mut self, bytes: &[u8]) {
        self.exact.extend(bytes.array_windows::<WINDOW>());
        self.words.extend(bytes.array_windows::<WORD>().map(|word| u64::from_le_bytes(*word)));
        let bits = (self.words.len() * FILTER).next_power_of_two().max(64);
        self.shift = u64::BITS - bits.trailing_zeros();
        self.filter = vec![0; bits / 64];
        for word in &self.words {
            let bit = place(*word, self.shift);
            self.filter[bit >> 6] |= 1 << (bit & 63);
        }
    }

    /// Whether a window lies in this part of `cells`.
    fn any(&self, cells: &[u8], from: usize, to: usize) -> bool {
        let part = cells.get(..to).unwrap_or_default();
        let first = from.next_multiple_of(WORD);
        let (words, _) = part.get(first..).unwrap_or_default().as_chunks::<WORD>();
        !self.exact.is_empty()
            && words.iter().enumerate().any(|(index, word)| {
                let bit = place(u64::from_le_bytes(*word), self.shift);
                self.filter[bit >> 6] >> (bit & 63) & 1 == 1 && self.around(part, from, first + index * WORD)
            })
    }

    /// Whether one of the windows that contain the word at `at` is in the set.
    fn around(&self, part: &[u8], from: usize, at: usize) -> bool {
        let start = (at + WORD).saturating_sub(WINDOW).max(from);
        let around = part.get(start..(at + WINDOW).min(part.len())).unwrap_or_default();
        around.array_windows::<WINDOW>().any(|window| self.exact.contains(window))
    }
}

fn place(word: u64, shift: u32) -> usize {
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as usize
}

/// What to look for, and where.
#[derive(Debug, Default)]
pub struct Secrets {
    keys: Windows,
    payloads: Windows,
    /// Areas in which a payload may stand in clear, by index.
    open: Vec<bool>,
}

impl Secrets {
    /// Nothing to look for; `open` says for each area whether a payload may stand there in clear.
    pub fn new(open: Vec<bool>) -> Secrets {
        Secrets { open, ..Secrets::default() }
    }

    /// A content key: nowhere.
    pub fn key(&mut self, key: &[u8]) {
        self.keys.add(key);
    }

    /// The payload of an encrypted image: only in open areas.
    pub fn payload(&mut self, payload: &[u8]) {
        self.payloads.add(payload);
    }

    /// Looks at `len` bytes written at `offset` of an area and at what they join.
    pub fn find(&self, area: usize, cells: &[u8], offset: usize, len: usize) -> Option<&'static str> {
        let from = offset.saturating_sub(WINDOW - 1);
        let to = (offset + len + WINDOW - 1).min(cells.len());
        if self.keys.any(cells, from, to) {
            Some("a content key stands in clear")
        } else if self.open.get(area) != Some(&true) && self.payloads.any(cells, from, to) {
            Some("payload of an encrypted image stands in clear")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The search by aligned words against the search for every window, which is what is meant.
    #[test]
    fn every_window_at_every_place_is_found_and_nothing_else() {
        let mut rng = Rng::new(2);
        let payload: Vec<u8> = (0..64).map(|_| rng.word() as u8).collect();
        let mut secrets = Secrets::new(vec![false]);
        secrets.payload(&payload);
        for len in 8..40 {
            for at in 20..40 {
                let mut cells: Vec<u8> = (0..96).map(|_| rng.word() as u8).collect();
                cells[at..at + len].copy_from_slice(&payload[at - 20..at - 20 + len]);
                assert_eq!(secrets.find(0, &cells, at, len).is_some(), len >= WINDOW, "{len} at {at}");
                // Written one byte before the leak's end: the byte behind it was there before.
                let found = secrets.find(0, &cells, at + len - 1, 1).is_some();
                assert_eq!(found, len >= WINDOW, "{len} at {at}");
            }
        }
    }

    #[test]
    fn a_window_is_found_wherever_a_write_completes_it() {
        let mut rng = Rng::new(1);
        let payload: Vec<u8> = (0..400).map(|_| rng.word() as u8).collect();
        let key: Vec<u8> = (0..32).map(|_| rng.word() as u8).collect();
        let mut secrets = Secrets::new(vec![true, false]);
        secrets.key(&key);
        secrets.payload(&payload);
        let mut cells = vec![0xFF; 200];
        cells[100..116].copy_from_slice(&payload[33..49]);
        for (offset, len) in [(100, 16), (115, 1), (100, 1), (96, 8)] {
            assert_eq!(secrets.find(0, &cells, offset, len), None);
            assert!(secrets.find(1, &cells, offset, len).is_some(), "{offset} {len}");
        }
        assert_eq!(secrets.find(1, &cells, 0, 80), None);
        cells[115] ^= 1;
        assert_eq!(secrets.find(1, &cells, 100, 16), None);
        cells[20..36].copy_from_slice(&key[7..23]);
        assert!(secrets.find(0, &cells, 30, 2).is_some());
    }
}
