//! What must not stand in flash in clear: payloads outside the primary slot, content keys anywhere.
//!
//! A window of [`WINDOW`] bytes is the least that counts: payloads and keys are random, so an equal window is no accident.

use std::collections::HashSet;

/// Bytes that must be equal to count.
pub const WINDOW: usize = 16;
/// Bits of the filter before the exact search.
const FILTER_BITS: u32 = 19;

type Window = [u8; WINDOW];

/// A set of windows with a filter in front, asked for every byte that is written.
#[derive(Debug, Default)]
struct Windows {
    filter: Vec<u64>,
    exact: HashSet<Window>,
}

impl Windows {
    fn add(&mut self, bytes: &[u8]) {
        self.filter.resize(1 << (FILTER_BITS - 6), 0);
        for window in bytes.array_windows::<WINDOW>() {
            let bit = slot(window);
            self.filter[bit >> 6] |= 1 << (bit & 63);
            self.exact.insert(*window);
        }
    }

    fn any(&self, bytes: &[u8]) -> bool {
        !self.exact.is_empty()
            && bytes.array_windows::<WINDOW>().any(|window| {
                let bit = slot(window);
                self.filter[bit >> 6] >> (bit & 63) & 1 == 1 && self.exact.contains(window)
            })
    }
}

fn slot(window: &Window) -> usize {
    let (low, _) = window.split_at(8);
    let word = low.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - FILTER_BITS)) as usize
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
        let bytes = cells.get(from..to)?;
        if self.keys.any(bytes) {
            Some("a content key stands in clear")
        } else if self.open.get(area) != Some(&true) && self.payloads.any(bytes) {
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
