//! The flash under the engine, as a trait, and the few reads that the engine makes of it.
//!
//! The model is that of flash with ECC: the smallest unit is programmed once between erases, and a unit that was being
//! programmed or erased when power failed may be unreadable until its sector is erased. So a read that fails with
//! [`FlashError::Unreadable`] is no defect; it is what an interrupted operation looks like.

use ironroot_codes::{Code, boot as codes, image as image_codes};
use ironroot_image::{ReadAt, ReadError};

/// The largest smallest programmable unit that is supported, in bytes.
pub const MAX_WRITE_SIZE: u32 = 32;

/// One area of flash: a slot or the scratch area. Offset 0 is its first byte.
pub trait Flash {
    /// Number of bytes.
    fn size(&self) -> u32;

    /// The smallest programmable unit: 1, 2, 4, 8, 16 or 32 bytes. A unit is written once between two erases.
    fn write_size(&self) -> u32;

    /// What erased bytes read as: 0xFF or 0x00.
    fn erased_value(&self) -> u8;

    /// The block of a memory cipher in front of the flash, 16 or 32 bytes; 0: there is none. Behind one, erased bytes read as
    /// anything, and an image is written in whole blocks, those that hold nothing but erased bytes included.
    fn cipher_block(&self) -> u32 {
        0
    }

    /// Number of erase units.
    fn sector_count(&self) -> u32;

    /// The erase unit of this index, in ascending order of offset and without gaps. They may be of different sizes.
    fn sector(&self, index: u32) -> Option<Sector>;

    /// Fills the whole of `buffer`; on failure its content means nothing.
    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError>;

    /// Programs `data`; offset and length are multiples of the write size.
    fn write(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError>;

    /// Erases one sector.
    fn erase(&mut self, sector: u32) -> Result<(), FlashError>;
}

/// An erase unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sector {
    /// Offset of its first byte from the start of the area.
    pub offset: u32,
    /// Number of bytes.
    pub size: u32,
}

impl Sector {
    /// The offset behind its last byte.
    pub const fn end(self) -> u32 {
        self.offset.saturating_add(self.size)
    }
}

/// Why an operation on flash failed. Each is the number of its code, which the device then need not look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FlashError {
    /// The range is not inside the area, or not aligned.
    OutOfBounds = codes::UPDATE_LAYOUT.number(),
    /// An uncorrectable ECC error: expected after a power cut, gone after an erase.
    Unreadable = image_codes::READ_FAILED.number(),
    /// The flash is protected, worn out or broken.
    Failed = codes::UPDATE_FLASH_FAILED.number(),
}

impl FlashError {
    /// The code of a refusal for this reason, where it cannot be the trace of a power cut.
    pub const fn code(self) -> Code {
        Code::from_number(self as u16)
    }
}

impl From<FlashError> for Code {
    fn from(error: FlashError) -> Self {
        error.code()
    }
}

/// A part of an area as the image parser reads it.
#[derive(Clone, Copy)]
pub struct View<'f> {
    flash: &'f dyn Flash,
    offset: u32,
    len: u32,
}

impl<'f> View<'f> {
    /// The bytes of `flash` from `offset` on, as an image that starts there.
    pub fn new(flash: &'f dyn Flash, offset: u32) -> Self {
        Self { flash, offset, len: flash.size().saturating_sub(offset) }
    }
}

impl ReadAt for View<'_> {
    fn len(&self) -> u32 {
        self.len
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let len = u32::try_from(buffer.len()).map_err(|_| ReadError::OutOfBounds)?;
        let end = offset.checked_add(len).ok_or(ReadError::OutOfBounds)?;
        let start = self.offset.checked_add(offset).ok_or(ReadError::OutOfBounds)?;
        if end > self.len {
            return Err(ReadError::OutOfBounds);
        }
        self.flash.read(start, buffer).map_err(|error| match error {
            FlashError::OutOfBounds => ReadError::OutOfBounds,
            FlashError::Unreadable | FlashError::Failed => ReadError::Unreadable,
        })
    }
}

/// The sector that begins at `offset`.
pub(crate) fn sector_at(flash: &dyn Flash, offset: u32) -> Option<u32> {
    sector_of(flash, offset)
        .filter(|index| flash.sector(*index).is_some_and(|sector| sector.offset == offset))
}

/// The index of the sector that `offset` lies in.
pub(crate) fn sector_of(flash: &dyn Flash, offset: u32) -> Option<u32> {
    let (mut low, mut high) = (0, flash.sector_count());
    while low < high {
        let middle = low.saturating_add(high.saturating_sub(low) / 2);
        let sector = flash.sector(middle)?;
        if offset < sector.offset {
            high = middle;
        } else if offset >= sector.end() {
            low = middle.saturating_add(1);
        } else {
            return Some(middle);
        }
    }
    None
}

/// Whether every byte of a range is readable and erased.
pub(crate) fn is_blank(flash: &dyn Flash, start: u32, end: u32) -> Result<bool, FlashError> {
    let mut buffer = [0; 64];
    let mut position = start;
    while position < end {
        let wanted = end.saturating_sub(position).min(64);
        let piece = buffer.get_mut(..wanted as usize).unwrap_or_default();
        match flash.read(position, piece) {
            Ok(()) if piece.iter().all(|byte| *byte == flash.erased_value()) => {}
            Ok(()) | Err(FlashError::Unreadable) => return Ok(false),
            Err(error) => return Err(error),
        }
        position = position.saturating_add(wanted);
    }
    Ok(true)
}
