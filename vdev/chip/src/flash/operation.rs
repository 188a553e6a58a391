//! What the flash does by itself: programming and erasing, which take time, and what an interruption leaves behind.

use ironroot_cpu::memory::Memory;
use ironroot_layout::stm32h735::{ERASED, FLASH, SECTOR, SECTOR_COUNT};

use super::buffer::Complete;
use super::change::Change;
use super::ecc::{Damage, Ecc, WORD};
use crate::supply::{CutEffect, FlashOperation, SplitMix};

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Programs a word.
    Program(Complete),
    /// Erases sectors: bit n is sector n. `removal`: afterwards the change of a bank erase with protection removal.
    Erase {
        /// Which.
        sectors: u32,
        /// The options afterwards, if they change.
        removal: Option<super::options::OptionBytes>,
    },
    /// Changes the option bytes.
    Options(Change),
}

/// An operation with its end in virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// What.
    pub action: Action,
    /// When it is done.
    pub end: u64,
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;

// Typical times in ns by PSIZE (8, 16, 32, 64 bits of internal parallelism), in the order of magnitude of the datasheet
// (unverified). An option change and an erase by option bytes do not depend on PSIZE.
const PROGRAM: [u64; 4] = [290 * MICROSECOND, 180 * MICROSECOND, 130 * MICROSECOND, 100 * MICROSECOND];
const ERASE_SECTOR: [u64; 4] =
    [2000 * MILLISECOND, 1800 * MILLISECOND, 1200 * MILLISECOND, 1000 * MILLISECOND];
const ERASE_BANK: [u64; 4] =
    [13_000 * MILLISECOND, 8000 * MILLISECOND, 6000 * MILLISECOND, 5000 * MILLISECOND];
const OPTIONS: u64 = 150 * MILLISECOND;

impl Action {
    /// How long it takes with this PSIZE, in core cycles.
    pub fn cycles(&self, psize: u32, core_hz: u64) -> u64 {
        let psize = (psize & 3) as usize;
        let nanoseconds = match self {
            Action::Program(_) => PROGRAM[psize],
            Action::Erase { sectors, .. } if sectors.count_ones() > 1 => ERASE_BANK[psize],
            Action::Erase { .. } => ERASE_SECTOR[psize],
            Action::Options(Change { erase: 0, .. }) => OPTIONS,
            Action::Options(_) => OPTIONS + ERASE_BANK[3],
        };
        let cycles = u128::from(nanoseconds) * u128::from(core_hz) / 1_000_000_000;
        u64::try_from(cycles).unwrap_or(u64::MAX).max(1)
    }

    /// What it is, to those who count.
    pub fn described(&self) -> FlashOperation {
        let start = FLASH.start().value();
        match self {
            Action::Program(complete) => FlashOperation::Program { address: start + complete.offset },
            Action::Erase { sectors, .. } => FlashOperation::Erase {
                address: start + sectors.trailing_zeros().min(SECTOR_COUNT) * SECTOR.bytes(),
                size: sectors.count_ones() * SECTOR.bytes(),
            },
            Action::Options(_) => FlashOperation::Options,
        }
    }

    /// True if the bank cannot be read meanwhile.
    pub fn occupies_bank(&self) -> bool {
        !matches!(self, Action::Options(Change { erase: 0, .. }))
    }

    /// True if QW and BSY show it; option changes show as OPT_BUSY.
    pub fn is_queued(&self) -> bool {
        !matches!(self, Action::Options(_))
    }
}

/// The cells: storage of the bank and the state of its words.
pub struct Cells<'a> {
    /// The arena.
    pub memory: &'a mut Memory,
    /// Where the bank begins in it.
    pub base: u32,
    /// State of the words.
    pub ecc: &'a mut Ecc,
}

impl Cells<'_> {
    fn word(&self, word: u32) -> [u8; WORD] {
        let bytes = self.memory.slice(self.base + word * WORD as u32, WORD);
        bytes.first_chunk().copied().unwrap_or([ERASED; WORD])
    }

    /// Programs a word.
    pub fn program(&mut self, complete: &Complete) {
        let word = complete.offset / WORD as u32;
        let stored = self.word(word);
        let result = self.ecc.program(word, &stored, &complete.data);
        self.memory.write_bytes(self.base + complete.offset, &result);
    }

    /// Erases sectors.
    pub fn erase(&mut self, sectors: u32) {
        for sector in (0..SECTOR_COUNT).filter(|sector| sectors >> sector & 1 != 0) {
            let (start, size) = (sector * SECTOR.bytes(), SECTOR.bytes());
            self.memory.fill(self.base + start, size as usize, ERASED);
            self.ecc.erase(start / WORD as u32..(start + size) / WORD as u32);
        }
    }

    /// The power went, or a reset came, while `action` was under way. Which bits have already moved is up to `seed`.
    /// The word being programmed keeps a mix of old and new bits and fails ECC; a sector being erased is part erased.
    /// Option bytes are as before.
    pub fn interrupt(&mut self, action: &Action, seed: u64) {
        self.cut(action, CutEffect::Broken, seed);
    }

    /// The same with a chosen effect. [`CutEffect::After`] is not among them: the action is done then.
    pub(crate) fn cut(&mut self, action: &Action, effect: CutEffect, seed: u64) {
        if effect == CutEffect::Before {
            return;
        }
        let mut random = SplitMix(seed);
        match action {
            Action::Program(complete) => {
                let word = complete.offset / WORD as u32;
                let mut mixed = self.word(word);
                for (stored, data) in mixed.iter_mut().zip(&complete.data) {
                    *stored &= data | random.next() as u8;
                }
                self.ecc.set(word, (effect != CutEffect::Torn).then_some(Damage::Double));
                self.memory.write_bytes(self.base + complete.offset, &mixed);
            }
            Action::Erase { sectors, .. } | Action::Options(Change { erase: sectors, .. }) => {
                for sector in (0..SECTOR_COUNT).filter(|sector| sectors >> sector & 1 != 0) {
                    self.cut_erase(sector, effect, &mut random);
                }
            }
        }
    }

    fn cut_erase(&mut self, sector: u32, effect: CutEffect, random: &mut SplitMix) {
        let words = SECTOR.bytes() / WORD as u32;
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
            self.memory.write_bytes(self.base + word * WORD as u32, &bytes);
            self.ecc.erase(word..word + 1);
            if fate == 2 {
                self.ecc.set(word, (effect != CutEffect::Torn).then_some(Damage::Double));
            }
        }
    }
}
