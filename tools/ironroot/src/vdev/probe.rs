//! A debug probe on the virtual device: programs flash and option bytes through the chip's own registers, as a probe on
//! a real board does. The chip's protections apply to every access.

use ironroot_chip::flash::registers::{
    CCR, CR, KEY1, KEY2, KEYR, OPTCCR, OPTCR, OPTKEY1, OPTKEY2, OPTKEYR, OPTSR_CUR, OPTSR_PRG, SR, cr, optcr,
    optsr, sr,
};
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::{DebugRefusal, Stm32h735};
use ironroot_codes::vdev as codes;
use ironroot_cpu::bus::Size;
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_WORD, SECTOR};

use crate::error::{Failure, Result};

/// Bytes of a flash word.
const WORD: usize = FLASH_WORD.bytes() as usize;
/// All error flags of SR1: everything that can be cleared but the end-of-operation flags.
const ERRORS: u32 = sr::FLAGS & !sr::EOP & !(1 << 27);
/// OPTSR.SECURITY.
const SECURITY: u32 = 1 << 21;

/// A probe that is connected; the core stands meanwhile.
pub struct Probe<'c> {
    chip: &'c mut Stm32h735,
}

impl<'c> Probe<'c> {
    /// Connects, if the chip lets a debugger in.
    pub fn connect(chip: &'c mut Stm32h735) -> Result<Self> {
        chip.debug_access().map_err(refused)?;
        Ok(Probe { chip })
    }

    /// Reads `len` bytes (a multiple of 4) from an aligned address.
    pub fn read(&mut self, address: u32, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        for offset in (0..len as u32).step_by(4) {
            let word = self.chip.debugger_read(address.wrapping_add(offset), Size::Word).map_err(refused)?;
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        Ok(bytes)
    }

    /// Programs `bytes` at a flash-word aligned address, and compares what is there afterwards. The last flash word is
    /// filled up with erased bytes.
    pub fn program(&mut self, address: u32, bytes: &[u8]) -> Result {
        self.unlock()?;
        self.set(CCR, sr::FLAGS)?;
        self.set(CR, cr::PG | 3 << cr::PSIZE_SHIFT)?;
        for (index, chunk) in bytes.chunks(WORD).enumerate() {
            let at = address.wrapping_add((index * WORD) as u32);
            let mut word = [ERASED; WORD];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            // An erased word may stay one: programming it would only cost its one chance to be programmed.
            if word == [ERASED; WORD] {
                continue;
            }
            for (offset, value) in (0u32..).step_by(4).zip(word.as_chunks::<4>().0) {
                self.chip
                    .debugger_write(at.wrapping_add(offset), u32::from_le_bytes(*value), Size::Word)
                    .map_err(refused)?;
            }
            self.chip.finish_flash_operations();
            self.check(codes::FLASH_PROGRAM_FAILED, at)?;
        }
        self.set(CR, 3 << cr::PSIZE_SHIFT)?;
        self.lock()?;
        self.verify(address, bytes)
    }

    /// Erases the sector of `address`.
    pub fn erase_sector(&mut self, address: u32) -> Result {
        let sector = address.wrapping_sub(FLASH.start().value()) / SECTOR.bytes();
        self.unlock()?;
        self.set(CCR, sr::FLAGS)?;
        self.set(CR, cr::SER | sector << cr::SNB_SHIFT | cr::START)?;
        self.chip.finish_flash_operations();
        self.check(codes::FLASH_ERASE_FAILED, address)?;
        self.set(CR, 3 << cr::PSIZE_SHIFT)?;
        self.lock()
    }

    /// Compares flash with `bytes`.
    pub fn verify(&mut self, address: u32, bytes: &[u8]) -> Result {
        let actual = self.read(address, bytes.len().next_multiple_of(4))?;
        match actual.iter().zip(bytes).position(|(actual, wanted)| actual != wanted) {
            None => Ok(()),
            Some(at) => {
                let cause = format!(
                    "at {:#010x}: wanted {:#04x}, actual {:#04x}",
                    address.wrapping_add(at as u32),
                    bytes.get(at).copied().unwrap_or_default(),
                    actual.get(at).copied().unwrap_or_default()
                );
                Err(Failure::new(codes::READ_BACK_MISMATCH, cause))
            }
        }
    }

    /// Sets the option SECURITY by the option-byte sequence, and reads it back. It takes effect at the next reset.
    pub fn set_security(&mut self) -> Result {
        let before = self.get(OPTSR_CUR)?;
        self.set(OPTKEYR, OPTKEY1)?;
        self.set(OPTKEYR, OPTKEY2)?;
        self.set(OPTCCR, optsr::OPTCHANGEERR)?;
        self.set(OPTSR_PRG, before | SECURITY)?;
        self.set(OPTCR, optcr::OPTSTART)?;
        self.chip.finish_flash_operations();
        let after = self.get(OPTSR_CUR)?;
        if after & optsr::OPTCHANGEERR != 0 {
            let rule = self.chip.flash().last_refusal();
            return Err(Failure::new(codes::OPTION_CHANGE_ERROR, format!("SECURITY was not set: {rule:?}")));
        }
        self.set(OPTCR, optcr::OPTLOCK)?;
        if after != before | SECURITY {
            let cause = format!("OPTSR: wanted {:#010x}, actual {after:#010x}", before | SECURITY);
            return Err(Failure::new(codes::READ_BACK_MISMATCH, cause));
        }
        Ok(())
    }

    fn unlock(&mut self) -> Result {
        if self.get(CR)? & cr::LOCK != 0 {
            self.set(KEYR, KEY1)?;
            self.set(KEYR, KEY2)?;
        }
        match self.get(CR)? & cr::LOCK {
            0 => Ok(()),
            _ => Err(Failure::new(codes::FLASH_LOCKED, "CR1.LOCK is still set after both keys")),
        }
    }

    fn lock(&mut self) -> Result {
        self.set(CR, cr::LOCK)
    }

    fn check(&mut self, code: ironroot_codes::Code, address: u32) -> Result {
        let status = self.get(SR)?;
        match status & (ERRORS | sr::BSY | sr::QW) {
            0 => Ok(()),
            _ if status & sr::WRPERR != 0 => Err(Failure::new(
                codes::WRITE_PROTECTED,
                format!("at {address:#010x}: SR1 is {status:#010x}"),
            )),
            _ => Err(Failure::new(code, format!("at {address:#010x}: SR1 is {status:#010x}"))),
        }
    }

    fn get(&mut self, register: u32) -> Result<u32> {
        self.chip.debugger_read(FLASH_REGISTERS + register, Size::Word).map_err(refused)
    }

    fn set(&mut self, register: u32, value: u32) -> Result {
        self.chip.debugger_write(FLASH_REGISTERS + register, value, Size::Word).map_err(refused)
    }
}

/// The refusal of the debug port as one of ours.
pub fn refused(refusal: DebugRefusal) -> Failure {
    Failure::new(refusal.code(), refusal.to_string())
}
