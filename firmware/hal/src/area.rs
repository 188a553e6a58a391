//! A part of the internal flash as the update engine sees it: sectors of 128 KB, words of 32 bytes, reads that may fail.
//!
//! A word that was being programmed when the power went cannot be read: the flash answers with a bus error and DBECCERR
//! (RM0468, "error code correction"). That is an input like any other here, so no fault may be taken for it: reads run with
//! FAULTMASK set and CCR.BFHFNMIGN, under which a data bus fault is noted in CFSR and otherwise ignored (Armv7-M B1.5.14).

use ironroot_boot::{Flash, FlashError, Sector};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::{ERASED, FLASH, FLASH_WORD, SECTOR};

use crate::{flash, reg, scb};

/// Words of a flash word.
const WORDS: usize = FLASH_WORD.bytes() as usize / 4;

/// Whole sectors of the internal flash.
#[derive(Clone, Copy)]
pub struct InternalFlash {
    region: Region,
}

impl InternalFlash {
    /// The sectors of `region`.
    ///
    /// # Panics
    /// In a constant, which is a compile error: if the region is not whole sectors of user flash.
    pub const fn new(region: Region) -> Self {
        assert!(FLASH.contains_region(region));
        assert!(region.start().is_aligned(SECTOR) && region.size().is_multiple_of(SECTOR));
        Self { region }
    }

    /// The address of `length` bytes at `offset`.
    fn locate(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let length = u32::try_from(length).map_err(|_| FlashError::OutOfBounds)?;
        match offset.checked_add(length) {
            Some(end) if end <= self.region.size().bytes() => Ok(self.region.start().value() + offset),
            _ => Err(FlashError::OutOfBounds),
        }
    }
}

impl Flash for InternalFlash {
    fn size(&self) -> u32 {
        self.region.size().bytes()
    }

    fn write_size(&self) -> u32 {
        FLASH_WORD.bytes()
    }

    fn erased_value(&self) -> u8 {
        ERASED
    }

    fn sector_count(&self) -> u32 {
        self.region.size().bytes() / SECTOR.bytes()
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        let size = SECTOR.bytes();
        (index < self.sector_count()).then(|| Sector { offset: index.wrapping_mul(size), size })
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        read(self.locate(offset, buffer.len())?, buffer)
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let mut address = self.locate(offset, data.len())?;
        let (words, rest) = data.as_chunks::<{ FLASH_WORD.bytes() as usize }>();
        if !offset.is_multiple_of(FLASH_WORD.bytes()) || !rest.is_empty() {
            return Err(FlashError::OutOfBounds);
        }
        for bytes in words {
            program(address, bytes)?;
            address = address.wrapping_add(FLASH_WORD.bytes());
        }
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let sector = self.sector(sector).ok_or(FlashError::OutOfBounds)?;
        let start = self.region.start().value().wrapping_sub(FLASH.start().value());
        flash::erase_sector(start.wrapping_add(sector.offset) / SECTOR.bytes())
            .map_err(|_| FlashError::Failed)
    }
}

/// Programs one flash word at `address` in user flash.
pub(crate) fn program(address: u32, bytes: &[u8; FLASH_WORD.bytes() as usize]) -> Result<(), FlashError> {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    flash::program_word(address, words).map_err(|_| FlashError::Failed)
}

/// Reads user flash at `address` without taking a fault.
///
/// # Errors
/// `Unreadable` for a word that fails ECC; `Failed` for flash that is closed to this code, which answers zeros.
pub(crate) fn read(address: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
    flash::clear_flags();
    let done = scb::probe(|| copy(address, buffer));
    let errors = flash::flags() & flash::sr::READ_ERRORS;
    flash::clear_flags();
    // The fault and the flag tell the same; the flag also tells of a word that a cache line brought along.
    if done.is_none() || errors & flash::sr::DBECCERR != 0 {
        return Err(FlashError::Unreadable);
    }
    if errors != 0 { Err(FlashError::Failed) } else { Ok(()) }
}

/// Copies from flash, word by word where both sides are whole words.
#[inline(always)]
fn copy(address: u32, buffer: &mut [u8]) {
    let mut at = address;
    if at.is_multiple_of(4) {
        let (words, rest) = buffer.as_chunks_mut::<4>();
        for word in words {
            *word = reg::read_any(at).to_le_bytes();
            at = at.wrapping_add(4);
        }
        copy_bytes(at, rest);
    } else {
        copy_bytes(at, buffer);
    }
}

#[inline(always)]
fn copy_bytes(mut at: u32, buffer: &mut [u8]) {
    for byte in buffer {
        *byte = (reg::read_any(at) >> (8 * (at & 3))) as u8;
        at = at.wrapping_add(1);
    }
}
