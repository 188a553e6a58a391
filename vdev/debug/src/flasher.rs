//! Programming the STM32H735 through its debug port, with the register sequences that a debug probe uses. Everything is
//! read back.
//!
//! The gate and all rules apply: what a probe cannot do to a chip, this cannot do to the model.

mod removal;

use std::fmt;

use ironroot_chip::flash::change::BrokenRule;
use ironroot_chip::flash::options::OptionBytes;
use ironroot_chip::flash::registers::{self as reg, cr, optcr, optsr, sr};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{DebugRefusal, Stm32h735};
use ironroot_codes::{Code, vdev};
use ironroot_cpu::bus::Size;
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_WORD, SECTOR, SECTOR_COUNT};
use ironroot_layout::{Address, Region, Size as Bytes};

/// PSIZE for 64 bits.
const PSIZE: u32 = 3 << cr::PSIZE_SHIFT;
/// Errors of programming and erasing.
const ERRORS: u32 = sr::WRPERR | sr::PGSERR | sr::STRBERR | sr::INCERR | sr::OPERR;
/// Bytes of a flash word.
const WORD: usize = FLASH_WORD.bytes() as usize;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlasherError {
    /// The debug port refused.
    Refused(DebugRefusal),
    /// Not in user flash, or not at the start of a flash word.
    Place {
        /// First address.
        address: u32,
        /// Bytes.
        size: usize,
    },
    /// The controller raised error flags when programming.
    Program {
        /// The flash word.
        address: u32,
        /// SR1.
        status: u32,
    },
    /// The controller raised error flags when erasing.
    Erase {
        /// The sector.
        sector: u32,
        /// SR1.
        status: u32,
    },
    /// The read-back differs.
    ReadBack {
        /// Where.
        address: u32,
        /// What was written.
        wanted: u32,
        /// What is there.
        found: u32,
    },
    /// OPTCHANGEERR, with the rule that would be broken.
    Options(Option<BrokenRule>),
    /// The registers are locked until the next reset.
    Locked,
}

impl From<DebugRefusal> for FlasherError {
    fn from(refusal: DebugRefusal) -> Self {
        FlasherError::Refused(refusal)
    }
}

impl FlasherError {
    /// The documented code.
    pub fn code(&self) -> Code {
        match self {
            FlasherError::Refused(refusal) => refusal.code(),
            FlasherError::Place { .. } => vdev::UNMAPPED,
            FlasherError::Program { status, .. } | FlasherError::Erase { status, .. }
                if status & sr::WRPERR != 0 =>
            {
                vdev::WRITE_PROTECTED
            }
            FlasherError::Program { .. } => vdev::FLASH_PROGRAM_FAILED,
            FlasherError::Erase { .. } => vdev::FLASH_ERASE_FAILED,
            FlasherError::ReadBack { .. } => vdev::READ_BACK_MISMATCH,
            FlasherError::Options(_) => vdev::OPTION_CHANGE_ERROR,
            FlasherError::Locked => vdev::FLASH_LOCKED,
        }
    }
}

impl fmt::Display for FlasherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlasherError::Refused(refusal) => refusal.fmt(f),
            FlasherError::Place { address, size } => {
                write!(f, "{size} bytes at {address:#010x} are not whole flash words in user flash")
            }
            FlasherError::Program { address, status } => {
                write!(f, "programming {address:#010x} failed, SR1 is {status:#010x}")
            }
            FlasherError::Erase { sector, status } => {
                write!(f, "erasing sector {sector} failed, SR1 is {status:#010x}")
            }
            FlasherError::ReadBack { address, wanted, found } => {
                write!(f, "at {address:#010x}: wanted {wanted:#x}, actual {found:#x}")
            }
            FlasherError::Options(Some(rule)) => write!(f, "the option change was refused: {rule:?}"),
            FlasherError::Options(None) => f.write_str("the option change was refused"),
            FlasherError::Locked => f.write_str("the flash registers are locked until the next reset"),
        }
    }
}

impl std::error::Error for FlasherError {}

/// A probe on the chip's debug port; the core stands meanwhile.
pub struct Flasher<'a>(pub &'a mut Stm32h735);

impl Flasher<'_> {
    fn get(&mut self, offset: u32) -> Result<u32, FlasherError> {
        Ok(self.0.debugger_read(FLASH_REGISTERS + offset, Size::Word)?)
    }

    fn set(&mut self, offset: u32, value: u32) -> Result<(), FlasherError> {
        Ok(self.0.debugger_write(FLASH_REGISTERS + offset, value, Size::Word)?)
    }

    /// Opens CR1 if it is locked, and clears old flags.
    fn unlock(&mut self) -> Result<(), FlasherError> {
        if self.get(reg::CR)? & cr::LOCK != 0 {
            for key in [reg::KEY1, reg::KEY2] {
                self.set(reg::KEYR, key).map_err(|_| FlasherError::Locked)?;
            }
        }
        self.set(reg::CCR, sr::FLAGS)
    }

    fn lock(&mut self) -> Result<(), FlasherError> {
        self.set(reg::CR, cr::LOCK)
    }

    /// Waits for the end and returns SR1.
    fn finish(&mut self) -> Result<u32, FlasherError> {
        self.0.finish_flash_operations();
        self.get(reg::SR)
    }

    /// Erases one sector and checks that it is erased.
    pub fn erase_sector(&mut self, sector: u32) -> Result<(), FlasherError> {
        if sector >= SECTOR_COUNT {
            return Err(FlasherError::Place { address: sector, size: SECTOR.bytes() as usize });
        }
        self.unlock()?;
        let select = cr::SER | PSIZE | sector << cr::SNB_SHIFT;
        self.set(reg::CR, select)?;
        self.set(reg::CR, select | cr::START)?;
        let status = self.finish()?;
        self.set(reg::CR, PSIZE)?;
        self.lock()?;
        if status & ERRORS != 0 {
            return Err(FlasherError::Erase { sector, status });
        }
        let start = FLASH.start().value() + sector * SECTOR.bytes();
        self.verify(start, &vec![ERASED; SECTOR.bytes() as usize])
    }

    /// Erases the sectors that `size` bytes at `address` lie in.
    pub fn erase_range(&mut self, address: u32, size: usize) -> Result<(), FlasherError> {
        let (first, last) = self.sectors(address, size)?;
        (first..=last).try_for_each(|sector| self.erase_sector(sector))
    }

    fn sectors(&self, address: u32, size: usize) -> Result<(u32, u32), FlasherError> {
        let error = FlasherError::Place { address, size };
        let bytes = u32::try_from(size).map_err(|_| error)?;
        let place = Region::checked(Address::new(address), Bytes::new(bytes)).ok_or(error)?;
        if size == 0 || !FLASH.contains_region(place) {
            return Err(error);
        }
        let offset = address - FLASH.start().value();
        Ok((offset / SECTOR.bytes(), (offset + bytes - 1) / SECTOR.bytes()))
    }

    /// Programs bytes from the start of a flash word on; the last word is completed with ones. Words of ones only are left
    /// virgin: programming one would only cost its one chance to be programmed. Checks every byte.
    pub fn program(&mut self, address: u32, bytes: &[u8]) -> Result<(), FlasherError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.sectors(address, bytes.len())?;
        if !address.is_multiple_of(FLASH_WORD.bytes()) {
            return Err(FlasherError::Place { address, size: bytes.len() });
        }
        self.unlock()?;
        self.set(reg::CR, cr::PG | PSIZE)?;
        let mut failed = None;
        for (at, chunk) in (address..).step_by(WORD).zip(bytes.chunks(WORD)) {
            if chunk.iter().all(|&byte| byte == ERASED) {
                continue;
            }
            if let Some(status) = self.program_word(at, chunk)? {
                failed = Some(FlasherError::Program { address: at, status });
                break;
            }
        }
        self.set(reg::CR, PSIZE)?;
        self.lock()?;
        match failed {
            Some(error) => Err(error),
            None => self.verify(address, bytes),
        }
    }

    /// Programs one word. The status, if it has error flags.
    fn program_word(&mut self, address: u32, bytes: &[u8]) -> Result<Option<u32>, FlasherError> {
        let mut word = [ERASED; WORD];
        for (slot, &byte) in word.iter_mut().zip(bytes) {
            *slot = byte;
        }
        for (at, value) in (address..).step_by(4).zip(word.as_chunks::<4>().0) {
            self.0.debugger_write(at, u32::from_le_bytes(*value), Size::Word)?;
        }
        let status = self.finish()?;
        Ok((status & ERRORS != 0).then_some(status))
    }

    /// Compares flash with `wanted`. `address` is word-aligned.
    pub fn verify(&mut self, address: u32, wanted: &[u8]) -> Result<(), FlasherError> {
        for (at, chunk) in (address..).step_by(4).zip(wanted.chunks(4)) {
            let found = self.0.debugger_read(at, Size::Word)?;
            let mut raw = found.to_le_bytes();
            // Beyond the last byte anything may stand.
            raw.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            let wanted = u32::from_le_bytes(raw);
            if found != wanted {
                return Err(FlasherError::ReadBack { address: at, wanted, found });
            }
        }
        Ok(())
    }

    /// Opens the option registers if they are locked, and writes all that is wanted into the PRG registers.
    fn stage_options(&mut self, wanted: &OptionBytes) -> Result<(), FlasherError> {
        if self.get(reg::OPTCR)? & optcr::OPTLOCK != 0 {
            for key in [reg::OPTKEY1, reg::OPTKEY2] {
                self.set(reg::OPTKEYR, key).map_err(|_| FlasherError::Locked)?;
            }
        }
        wanted.program_values().into_iter().try_for_each(|(offset, value)| self.set(offset, value))
    }

    /// Changes the option bytes by the real sequence and reads them back. What takes effect at the next reset still needs
    /// that reset.
    pub fn change_options(&mut self, wanted: &OptionBytes) -> Result<(), FlasherError> {
        let wanted = self.0.options().with(wanted);
        self.stage_options(&wanted)?;
        self.set(reg::OPTCCR, optsr::OPTCHANGEERR)?;
        self.set(reg::OPTCR, optcr::OPTSTART)?;
        self.0.finish_flash_operations();
        // RDP level 2 ends the conversation: what is left to check is the model's own state.
        if self.0.debug_state() == Err(DebugRefusal::Disabled) {
            return match *self.0.options() == wanted {
                true => Ok(()),
                false => Err(FlasherError::Options(self.0.flash().last_refusal())),
            };
        }
        let status = self.get(reg::OPTSR_CUR)?;
        self.set(reg::OPTCR, optcr::OPTLOCK)?;
        if status & optsr::OPTCHANGEERR != 0 {
            return Err(FlasherError::Options(self.0.flash().last_refusal()));
        }
        for (offset, value) in wanted.program_values() {
            // Each register in force lies before its wanted one.
            let found = self.get(offset - 4)? & !(optsr::OPT_BUSY | optsr::OPTCHANGEERR);
            if found != value & !(optsr::OPT_BUSY | optsr::OPTCHANGEERR) {
                return Err(FlasherError::ReadBack {
                    address: FLASH_REGISTERS + offset - 4,
                    wanted: value,
                    found,
                });
            }
        }
        Ok(())
    }
}
