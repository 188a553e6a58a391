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
    /// `None`: there is no such area, and nothing can be read.
    flash: Option<&'f dyn Flash>,
    offset: u32,
    len: u32,
}

impl<'f> View<'f> {
    /// The bytes of `flash` from `offset` on, as an image that starts there.
    pub fn new(flash: &'f dyn Flash, offset: u32) -> Self {
        Self { flash: Some(flash), offset, len: flash.size().saturating_sub(offset) }
    }

    /// Of an area that is not there.
    pub(crate) const NONE: Self = Self { flash: None, offset: 0, len: 0 };
}

impl ReadAt for View<'_> {
    fn len(&self) -> u32 {
        self.len
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let end = u64::from(offset).saturating_add(buffer.len() as u64);
        match self.flash {
            Some(flash) if end <= u64::from(self.len) => {
                flash.read(self.offset.wrapping_add(offset), buffer).map_err(|error| match error {
                    FlashError::OutOfBounds => ReadError::OutOfBounds,
                    FlashError::Unreadable | FlashError::Failed => ReadError::Unreadable,
                })
            }
            _ => Err(ReadError::OutOfBounds),
        }
    }
}

/// Flash that is only looked at.
pub(crate) struct ReadOnly<'f>(pub &'f dyn Flash);

impl Flash for ReadOnly<'_> {
    fn size(&self) -> u32 {
        self.0.size()
    }

    fn write_size(&self) -> u32 {
        self.0.write_size()
    }

    fn erased_value(&self) -> u8 {
        self.0.erased_value()
    }

    fn sector_count(&self) -> u32 {
        self.0.sector_count()
    }

    fn sector(&self, index: u32) -> Option<Sector> {
        self.0.sector(index)
    }

    fn read(&self, offset: u32, buffer: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(offset, buffer)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }

    fn erase(&mut self, _: u32) -> Result<(), FlashError> {
        Err(FlashError::Failed)
    }
}
