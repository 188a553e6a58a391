//! A slot in the external flash as the update engine sees it: plain on this side, and encrypted by the MCE in the memory
//! where it is told so. Whatever is changed in it reloads the watchdog, should one run: an update takes longer than it waits.

use crate::nor::{ERASED, Nor, SECTOR};
use crate::{iwdg, mce};
use ironroot_boot::{Flash, FlashError, Sector};
use ironroot_layout::Region;

/// What is programmed once between two erases: an entry of a trailer.
const UNIT: u32 = 8;

/// A part of the memory.
pub struct Area<'n> {
    nor: &'n Nor,
    /// From the start of the memory.
    start: u32,
    size: u32,
    /// So many bytes from the start lie in the region of the MCE.
    sealed: u32,
}

impl<'n> Area<'n> {
    /// The whole sectors of `region`, a part of the memory's window; its first `sealed` bytes go through the MCE. `None` if
    /// there are no such sectors.
    pub fn new(nor: &'n Nor, region: Region, sealed: u32) -> Option<Self> {
        let whole = region.start().is_aligned(SECTOR) && region.size().is_multiple_of(SECTOR);
        let start = region.start().value().checked_sub(nor.region().start().value())?;
        (nor.region().contains_region(region) && whole && sealed <= region.size().bytes()).then_some(Self {
            nor,
            start,
            size: region.size().bytes(),
            sealed,
        })
    }

    fn locate(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let end = u32::try_from(length).ok().and_then(|length| offset.checked_add(length));
        match end {
            Some(end) if end <= self.size => Ok(self.start.wrapping_add(offset)),
            _ => Err(FlashError::OutOfBounds),
        }
    }

    /// Whether the memory itself is erased from `offset` on, for as long as `buffer`.
    pub fn is_erased(&self, offset: u32, buffer: &mut [u8]) -> bool {
        self.locate(offset, buffer.len()).is_ok_and(|place| self.nor.read_raw(place, buffer).is_ok())
            && buffer.iter().all(|byte| *byte == ERASED)
    }
}

impl Flash for Area<'_> {
    fn size(&self) -> u32 {
        self.size
    }

    fn write_size(&self) -> u32 {
        UNIT
    }

    fn erased_value(&self) -> u8 {
        ERASED
    }

    fn cipher_block(&self) -> u32 {
        if self.sealed == 0 { 0 } else { mce::BLOCK as u32 }
    }

    fn sector_count(&self) -> u32 {
        self.size / SECTOR.bytes()
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        let size = SECTOR.bytes();
        (index < self.sector_count()).then(|| Sector { offset: index.wrapping_mul(size), size })
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        let place = self.locate(offset, buffer.len())?;
        self.nor.read(place, buffer).map_err(|_| FlashError::Failed)
    }

    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let place = self.locate(offset, data.len())?;
        if !offset.is_multiple_of(UNIT) || !data.len().is_multiple_of(UNIT as usize) {
            return Err(FlashError::OutOfBounds);
        }
        iwdg::reload();
        let room = self.sealed.saturating_sub(offset) as usize;
        let (sealed, plain) = data.split_at_checked(room).unwrap_or((data, &[]));
        let failed = |_| FlashError::Failed;
        if !sealed.is_empty() {
            self.nor.program_encrypted(place, sealed).map_err(failed)?;
        }
        self.nor.program(place.wrapping_add(sealed.len() as u32), plain).map_err(failed)
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let sector = self.sector(sector).ok_or(FlashError::OutOfBounds)?;
        let place = self.locate(sector.offset, 0)?;
        iwdg::reload();
        self.nor.erase(place).map_err(|_| FlashError::Failed)
    }
}
