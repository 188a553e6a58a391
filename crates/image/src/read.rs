//! Where an image is read from.

use ironroot_codes::{Code, image as codes};

/// Random access to the bytes of a slot or file. Offset 0 is the first byte of the image header.
pub trait ReadAt {
    /// Number of bytes that can be asked for: the size of the slot or file.
    fn len(&self) -> u32;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills the whole of `buffer` from `offset`, or fails; on failure the content of `buffer` means nothing.
    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError>;
}

/// Why bytes could not be read. Each is the number of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ReadError {
    /// Some of them are behind the end.
    OutOfBounds = codes::TRUNCATED.number(),
    /// The memory cannot give them: an uncorrectable ECC error, or an I/O error of a file.
    Unreadable = codes::READ_FAILED.number(),
}

impl ReadError {
    /// The code of a refusal for this reason.
    pub const fn code(self) -> Code {
        Code::from_number(self as u16)
    }
}

impl ReadAt for [u8] {
    /// The part behind 4 GB, should there be one, cannot be an image and is not seen.
    fn len(&self) -> u32 {
        u32::try_from(<[u8]>::len(self)).unwrap_or(u32::MAX)
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).map_err(|_| ReadError::OutOfBounds)?;
        let end = start.checked_add(buffer.len()).ok_or(ReadError::OutOfBounds)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(ReadError::OutOfBounds)?);
        Ok(())
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u32 {
        (**self).len()
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        (**self).read_at(offset, buffer)
    }
}
