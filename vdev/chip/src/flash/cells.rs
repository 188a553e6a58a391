//! The cells of a bank: what programming, erasing and an interruption do to them.

use ironroot_cpu::memory::Memory;

use super::buffer::Complete;
use super::ecc::{Damage, Words};
use crate::supply::{CutEffect, SplitMix};

/// What an erased byte reads as.
const ERASED: u8 = 0xFF;

/// The storage of a bank of `N` words of `W` bytes, and the state of its words.
pub struct Cells<'a, const W: usize, const N: usize> {
    /// The arena.
    pub memory: &'a mut Memory,
    /// Where the bank begins in it.
    pub base: u32,
    /// State of the words.
    pub ecc: &'a mut Words<W, N>,
    /// Bytes of a sector.
    pub sector: u32,
}

impl<const W: usize, const N: usize> Cells<'_, W, N> {
    fn word(&self, word: u32) -> [u8; W] {
        let bytes = self.memory.slice(self.base + word * W as u32, W);
        bytes.first_chunk().copied().unwrap_or([ERASED; W])
    }

    fn words_of_sector(&self) -> u32 {
        self.sector / W as u32
    }

    /// Bit n of `sectors` is sector n.
    fn listed(&self, sectors: u32) -> impl Iterator<Item = u32> + use<W, N> {
        let count = (N as u32 * W as u32 / self.sector).min(32);
        (0..count).filter(move |sector| sectors >> sector & 1 != 0)
    }

    /// Programs a word.
    pub fn program(&mut self, complete: &Complete<W>) {
        let word = complete.offset / W as u32;
        let stored = self.word(word);
        let result = self.ecc.program(word, &stored, &complete.data);
        self.memory.write_bytes(self.base + complete.offset, &result);
    }

    /// Erases sectors: bit n is sector n.
    pub fn erase(&mut self, sectors: u32) {
        for sector in self.listed(sectors) {
            let words = self.words_of_sector();
            self.memory.fill(self.base + sector * self.sector, self.sector as usize, ERASED);
            self.ecc.erase(sector * words..(sector + 1) * words);
        }
    }

    /// The power went, or a reset came, while a word was programmed. Which bits have already moved is up to `seed`: the
    /// word keeps a mix of old and new ones, and, unless it is [`CutEffect::Torn`], fails ECC. [`CutEffect::After`] is not
    /// for here: the word is programmed then.
    pub fn cut_program(&mut self, complete: &Complete<W>, effect: CutEffect, seed: u64) {
        if effect == CutEffect::Before {
            return;
        }
        let mut random = SplitMix(seed);
        let word = complete.offset / W as u32;
        let mut mixed = self.word(word);
        for (stored, data) in mixed.iter_mut().zip(&complete.data) {
            *stored &= data | random.next() as u8;
        }
        self.ecc.set(word, (effect != CutEffect::Torn).then_some(Damage::Double));
        self.memory.write_bytes(self.base + complete.offset, &mixed);
    }

    /// The same while sectors were erased: they are part erased.
    pub fn cut_erase(&mut self, sectors: u32, effect: CutEffect, seed: u64) {
        if effect == CutEffect::Before {
            return;
        }
        let mut random = SplitMix(seed);
        for sector in self.listed(sectors) {
            self.cut_sector(sector, effect, &mut random);
        }
    }

    fn cut_sector(&mut self, sector: u32, effect: CutEffect, random: &mut SplitMix) {
        let words = self.words_of_sector();
        let done = (random.next() % u64::from(words + 1)) as u32;
        for index in 0..words {
            let word = sector * words + index;
            // 0: as it was, 1: erased, 2: a mix.
            let fate = match effect {
                CutEffect::Half => u64::from(index < done),
                _ => random.next() % 3,
            };
            if fate == 0 {
                continue;
            }
            let mut bytes = self.word(word);
            for byte in &mut bytes {
                *byte |= if fate == 1 { ERASED } else { random.next() as u8 };
            }
            self.memory.write_bytes(self.base + word * W as u32, &bytes);
            self.ecc.erase(word..word + 1);
            if fate == 2 {
                self.ecc.set(word, (effect != CutEffect::Torn).then_some(Damage::Double));
            }
        }
    }
}
