//! Which flash words are virgin and which cannot be read.
//!
//! A flash word is programmed once; its ECC then belongs to its data. Programming it again clears more bits of data and of
//! ECC, which then no longer match (h73x-flash 4). Silicon's code is not public: this model says that such a word has more
//! wrong bits than can be corrected, except where AND of data and of ECC match for any linear code: the same data again,
//! or all zeros.

use std::collections::BTreeMap;
use std::ops::Range;

use ironroot_layout::stm32h735::{FLASH, FLASH_WORD};

/// Bytes in a flash word.
pub const WORD: usize = FLASH_WORD.bytes() as usize;
/// Flash words in the bank.
pub const WORDS: u32 = FLASH.size().bytes() / FLASH_WORD.bytes();

/// What is wrong with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Damage {
    /// One bit: reads give the right data and SNECCERR.
    Single,
    /// More: reads are bus errors with DBECCERR.
    Double,
}

/// State of all words of a bank: `N` words of `W` bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Words<const W: usize, const N: usize> {
    /// Bit n % 64 of entry n / 64: word n was programmed since its last erase.
    programmed: Vec<u64>,
    damaged: BTreeMap<u32, Damage>,
}

/// The words of this part's bank.
pub type Ecc = Words<WORD, { WORDS as usize }>;

impl<const W: usize, const N: usize> Default for Words<W, N> {
    fn default() -> Self {
        Words { programmed: vec![0; N.div_ceil(64)], damaged: BTreeMap::new() }
    }
}

impl<const W: usize, const N: usize> Words<W, N> {
    /// True if no word was programmed since its last erase, and none is damaged.
    pub fn is_blank(&self) -> bool {
        self.damaged.is_empty() && self.programmed.iter().all(|bits| *bits == 0)
    }

    /// True if the word was programmed since its last erase.
    pub fn is_programmed(&self, word: u32) -> bool {
        self.programmed.get(word as usize / 64).is_some_and(|bits| bits >> (word % 64) & 1 != 0)
    }

    /// Damage of a word.
    pub fn damage(&self, word: u32) -> Option<Damage> {
        self.damaged.get(&word).copied()
    }

    /// True if any word of the range is damaged.
    pub fn any_damaged(&self, words: Range<u32>) -> bool {
        self.damaged.range(words).next().is_some()
    }

    /// The first damaged word of the range.
    pub fn first_damaged(&self, words: Range<u32>) -> Option<u32> {
        self.damaged.range(words).next().map(|(&word, _)| word)
    }

    /// Marks a word as programmed, with the damage it has now.
    pub fn set(&mut self, word: u32, damage: Option<Damage>) {
        if word as usize >= N {
            return;
        }
        if let Some(bits) = self.programmed.get_mut(word as usize / 64) {
            *bits |= 1 << (word % 64);
        }
        match damage {
            Some(damage) => self.damaged.insert(word, damage),
            None => self.damaged.remove(&word),
        };
    }

    /// The words were erased.
    pub fn erase(&mut self, words: Range<u32>) {
        for word in words.clone() {
            if let Some(bits) = self.programmed.get_mut(word as usize / 64) {
                *bits &= !(1 << (word % 64));
            }
        }
        // By range: an interrupted bank erase leaves thousands of damaged words and comes here for each.
        let gone: Vec<u32> = self.damaged.range(words).map(|(word, _)| *word).collect();
        for word in gone {
            self.damaged.remove(&word);
        }
    }

    /// Programs `data` over `stored`: what the word then holds, and its state.
    pub fn program(&mut self, word: u32, stored: &[u8; W], data: &[u8; W]) -> [u8; W] {
        let mut result = *stored;
        for (result, data) in result.iter_mut().zip(data) {
            *result &= data;
        }
        let consistent = match self.damage(word) {
            None => !self.is_programmed(word) || data == stored || *data == [0; W],
            Some(_) => *data == [0; W],
        };
        self.set(word, if consistent { None } else { Some(Damage::Double) });
        result
    }

    /// The bitmap of programmed words, for the board file.
    pub fn programmed(&self) -> &[u64] {
        &self.programmed
    }

    /// The damaged words, for the board file.
    pub fn damaged(&self) -> impl Iterator<Item = (u32, Damage)> {
        self.damaged.iter().map(|(&word, &damage)| (word, damage))
    }

    /// From the bitmap of programmed words. `None` if it has not the length of the bank.
    pub fn from_programmed(programmed: Vec<u64>) -> Option<Self> {
        (programmed.len() == N.div_ceil(64)).then(|| Words { programmed, damaged: BTreeMap::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_a_second_programming_is_an_and_with_wrong_ecc() {
        let mut ecc = Ecc::default();
        let first = ecc.program(5, &[0xFF; WORD], &[0xF0; WORD]);
        assert_eq!((first, ecc.damage(5)), ([0xF0; WORD], None));
        let second = ecc.program(5, &first, &[0x3C; WORD]);
        assert_eq!((second, ecc.damage(5)), ([0x30; WORD], Some(Damage::Double)));
        let zero = ecc.program(5, &second, &[0; WORD]);
        assert_eq!((zero, ecc.damage(5)), ([0; WORD], None));
    }

    #[test]
    fn a_word_of_ones_is_programmed_too() {
        let mut ecc = Ecc::default();
        ecc.program(1, &[0xFF; WORD], &[0xFF; WORD]);
        assert!(ecc.is_programmed(1) && !ecc.is_programmed(0));
        ecc.program(1, &[0xFF; WORD], &[0x01; WORD]);
        assert!(ecc.any_damaged(0..32) && !ecc.any_damaged(2..32));
        ecc.erase(0..4096);
        assert!(!ecc.is_programmed(1) && !ecc.any_damaged(0..WORDS));
    }
}
