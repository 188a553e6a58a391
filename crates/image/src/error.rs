//! Why an image was refused.

use core::fmt;

use ironroot_codes::{self as codes, Code};

use crate::ReadError;

/// A refusal: its code, and where in the image it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    offset: u32,
}

impl Error {
    pub(crate) const fn new(code: Code, offset: u32) -> Self {
        Self { code, offset }
    }

    /// A read that failed at `offset`.
    pub(crate) const fn read(error: ReadError, offset: u32) -> Self {
        match error {
            ReadError::OutOfBounds => Self::new(codes::image::TRUNCATED, offset),
            ReadError::Unreadable => Self::new(codes::image::READ_FAILED, offset),
        }
    }

    /// The code of the check that failed.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The offset from the start of the image of what was checked.
    pub const fn offset(&self) -> u32 {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {:#x}", self.code, self.offset)?;
        match self.code.entry() {
            Some(entry) => write!(f, ": {}", entry.summary),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
