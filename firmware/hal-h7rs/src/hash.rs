//! HASH: SHA-256, word by word.

use crate::rcc::{self, Block};
use crate::reg::{Ro, Wo};
use ironroot_crypto::{Sha256, Sha256Digest};

const BASE: u32 = 0x4802_0400;
const CR: Wo = Wo::at(BASE);
const DIN: Wo = Wo::at(BASE + 0x004);
const STR: Wo = Wo::at(BASE + 0x008);
const SR: Ro = Ro::at(BASE + 0x024);
/// The digest, first word most significant.
const HR: u32 = BASE + 0x310;

/// CR: start of a hash, bytes, SHA-256.
const INIT: u32 = 1 << 2;
const BYTES: u32 = 2 << 4;
const SHA256: u32 = 3 << 17;
/// STR: the digest is wanted; bits of the last word in the low bits.
const DCAL: u32 = 1 << 8;
/// SR.
const DCIS: u32 = 1 << 1;

/// A running SHA-256. There is one block: a second one may be made, but the first to be fed must be finished before the
/// other gets its first byte.
pub struct HardwareSha256 {
    /// The bytes of a word that is not full.
    pending: [u8; 4],
    used: usize,
    started: bool,
}

impl HardwareSha256 {
    /// Nothing hashed yet.
    pub const fn new() -> Self {
        Self { pending: [0; 4], used: 0, started: false }
    }

    fn start(&mut self) {
        if !self.started {
            rcc::enable(Block::Hash);
            CR.write(BYTES | SHA256 | INIT);
            self.started = true;
        }
    }
}

impl Default for HardwareSha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Sha256 for HardwareSha256 {
    fn update(&mut self, data: &[u8]) {
        self.start();
        let mut data = data;
        while self.used != 0 {
            let Some((byte, rest)) = data.split_first() else { return };
            if let Some(place) = self.pending.get_mut(self.used) {
                *place = *byte;
            }
            data = rest;
            self.used = (self.used + 1) % 4;
            if self.used == 0 {
                DIN.write(u32::from_le_bytes(self.pending));
            }
        }
        let (turns, rest) = data.as_chunks::<32>();
        for turn in turns {
            // Written out: the loop around a word costs as much as the word.
            let ([a, b, c, d, e, f, g, h], _) = turn.as_chunks::<4>() else { break };
            DIN.write(u32::from_le_bytes(*a));
            DIN.write(u32::from_le_bytes(*b));
            DIN.write(u32::from_le_bytes(*c));
            DIN.write(u32::from_le_bytes(*d));
            DIN.write(u32::from_le_bytes(*e));
            DIN.write(u32::from_le_bytes(*f));
            DIN.write(u32::from_le_bytes(*g));
            DIN.write(u32::from_le_bytes(*h));
        }
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            DIN.write(u32::from_le_bytes(*word));
        }
        for (place, byte) in self.pending.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.used = rest.len();
    }

    fn finish(mut self) -> Sha256Digest {
        self.start();
        if self.used != 0 {
            for place in self.pending.iter_mut().skip(self.used) {
                *place = 0;
            }
            DIN.write(u32::from_le_bytes(self.pending));
        }
        let bits = (self.used * 8) as u32;
        STR.write(bits);
        STR.write(bits | DCAL);
        while !SR.any(DCIS) {}
        let mut digest = [0; 32];
        for (word, bytes) in (0..).zip(digest.as_chunks_mut::<4>().0) {
            *bytes = Ro::at(HR + 4 * word).read().to_be_bytes();
        }
        digest
    }
}
