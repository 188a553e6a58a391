//! What the flash does by itself, and how long it takes.

use ironroot_chip::flash::buffer::Complete;
use ironroot_chip::supply::FlashOperation;
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::stm32h7rs::{FLASH, OTP, SECTOR, SECTOR_COUNT};

use super::obkeys::ObKey;
use super::options::Word;
use super::registers::sr;
use super::{OTP_WORD, WORD};

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Programs a word of user flash.
    Program(Complete<WORD>),
    /// Erases sectors: bit n is sector n.
    Erase {
        /// Which.
        sectors: u32,
    },
    /// Programs a one-time programmable word.
    Otp(Complete<OTP_WORD>),
    /// Changes an option word.
    Option {
        /// Which.
        word: Word,
        /// What it becomes.
        value: u32,
    },
    /// Programs a key.
    ProgramKey {
        /// Its level.
        level: Hdpl,
        /// Its index.
        index: u8,
        /// The key.
        key: ObKey,
    },
    /// Brings a key to the data registers or to SAES.
    ReadKey {
        /// Its level.
        level: Hdpl,
        /// Its index.
        index: u8,
    },
    /// Takes all keys away.
    EraseKeys,
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

// Times in ns, in the order of magnitude of the datasheet (unverified).
const PROGRAM: u64 = 60 * MICROSECOND;
const ERASE_SECTOR: u64 = 8 * MILLISECOND;
const ERASE_BANK: u64 = 40 * MILLISECOND;
const OPTION: u64 = 5 * MILLISECOND;
const READ_KEY: u64 = MICROSECOND;

impl Action {
    /// How long it takes, in core cycles.
    pub fn cycles(&self, core_hz: u64) -> u64 {
        let nanoseconds = match self {
            Action::Program(_) | Action::Otp(_) => PROGRAM,
            Action::Erase { sectors } if sectors.count_ones() > 1 => ERASE_BANK,
            Action::Erase { .. } => ERASE_SECTOR,
            Action::Option { .. } | Action::ProgramKey { .. } => OPTION,
            Action::EraseKeys => ERASE_BANK,
            Action::ReadKey { .. } => READ_KEY,
        };
        let cycles = u128::from(nanoseconds) * u128::from(core_hz) / 1_000_000_000;
        u64::try_from(cycles).unwrap_or(u64::MAX).max(1)
    }

    /// What it is, to those who count what survives power-off; `None` for what changes nothing. Keys count as options.
    pub fn described(&self) -> Option<FlashOperation> {
        Some(match self {
            Action::Program(complete) => {
                FlashOperation::Program { address: FLASH.start().value() + complete.offset }
            }
            Action::Otp(complete) => {
                FlashOperation::Program { address: OTP.start().value() + complete.offset }
            }
            Action::Erase { sectors } => FlashOperation::Erase {
                address: FLASH.start().value() + sectors.trailing_zeros().min(SECTOR_COUNT) * SECTOR.bytes(),
                size: sectors.count_ones() * SECTOR.bytes(),
            },
            Action::Option { .. } | Action::ProgramKey { .. } | Action::EraseKeys => FlashOperation::Options,
            Action::ReadKey { .. } => return None,
        })
    }

    /// True if the bank cannot be read meanwhile.
    pub fn occupies_bank(&self) -> bool {
        matches!(self, Action::Program(_) | Action::Erase { .. } | Action::Otp(_))
    }

    /// True if its end sets EOPF.
    pub fn is_flash(&self) -> bool {
        self.occupies_bank()
    }

    /// The IS_ bits of SR.
    pub fn status(&self) -> u32 {
        match self {
            Action::Program(_) | Action::Otp(_) => sr::IS_PROGRAM,
            Action::Erase { .. } => sr::IS_ERASE,
            _ => sr::IS_OPTCHANGE,
        }
    }
}
