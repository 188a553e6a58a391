//! Damage to valid samples, the same on every run: what the smoke run tries where libFuzzer is not at hand.

use crate::random::Random;

/// Values at which sizes, counts and addresses break.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    4,
    0x1F,
    0x20,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFC,
    0xFFFF_FFFF,
];

/// Makes one damaged sample after the other.
pub struct Mutator<'c> {
    random: Random,
    samples: &'c [Vec<u8>],
    max_len: usize,
}

impl<'c> Mutator<'c> {
    /// Damage to `samples`, none longer than `max_len`.
    pub fn new(seed: u64, samples: &'c [Vec<u8>], max_len: usize) -> Self {
        Self { random: Random::new(seed), samples, max_len }
    }

    /// The next damaged sample.
    pub fn sample(&mut self) -> Vec<u8> {
        let index = self.random.below(self.samples.len());
        let mut bytes = self.samples.get(index).cloned().unwrap_or_default();
        for _ in 0..=self.random.below(4) {
            self.damage(&mut bytes);
        }
        bytes.truncate(self.max_len);
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.below(bytes.len() + 1);
        match self.random.below(9) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.random.below(8);
                }
            }
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.random.number() as u8;
                }
            }
            // An edge value of 1, 2 or 4 bytes, in either byte order.
            2 | 3 => {
                let value = self.random.pick(&EDGES).unwrap_or_default() as u32;
                let width = 1 << self.random.below(3);
                let mut field = value.to_le_bytes();
                if self.random.below(2) == 0 {
                    field[..width].reverse();
                }
                for (to, from) in bytes.iter_mut().skip(at).zip(&field[..width]) {
                    *to = *from;
                }
            }
            // A little more or less than what is there.
            4 => {
                if let Some(field) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
                    let change = self.random.below(9) as u16;
                    *field = u16::from_le_bytes(*field).wrapping_add(change).wrapping_sub(4).to_le_bytes();
                }
            }
            5 => bytes.truncate(at),
            6 => {
                let end = at.saturating_add(self.random.below(64)).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                let end = at.saturating_add(self.random.below(64)).min(bytes.len());
                let piece = bytes.get(at..end).unwrap_or_default().to_vec();
                let to = self.random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            // A piece of another sample.
            _ => {
                let other = self.random.below(self.samples.len());
                let other = self.samples.get(other).map(Vec::as_slice).unwrap_or_default();
                let start = self.random.below(other.len() + 1);
                let end = start.saturating_add(self.random.below(128)).min(other.len());
                let piece = other.get(start..end).unwrap_or_default().to_vec();
                let until = at.saturating_add(piece.len()).min(bytes.len());
                bytes.splice(at..until, piece);
            }
        }
    }
}
