//! What the flash does by itself: programming and erasing, which take time, and what an interruption leaves behind.

use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT};

use super::buffer::Complete;
use super::cells::Cells;
use super::change::Change;
use super::ecc::WORD;
use crate::supply::{CutEffect, FlashOperation};

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

/// The cells of this part's bank.
pub(crate) type Bank<'a> = Cells<'a, WORD, { super::ecc::WORDS as usize }>;

impl Action {
    /// The power went, or a reset came, while this was under way. Option bytes are as before.
    pub(crate) fn cut(&self, cells: &mut Bank<'_>, effect: CutEffect, seed: u64) {
        match self {
            Action::Program(complete) => cells.cut_program(complete, effect, seed),
            Action::Erase { sectors, .. } | Action::Options(Change { erase: sectors, .. }) => {
                cells.cut_erase(*sectors, effect, seed);
            }
        }
    }
}
