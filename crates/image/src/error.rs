//! Why an image was refused.

use core::fmt;

use ironroot_codes::Code;

use crate::ReadError;

/// A refusal: its code, and where in the image it was found.
///
/// A device reports only the code: without the feature `offsets` no place is kept, nor the code that finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    #[cfg(feature = "offsets")]
    offset: u32,
}

impl Error {
    pub(crate) const fn new(code: Code, offset: u32) -> Self {
        #[cfg(not(feature = "offsets"))]
        let _ = offset;
        Self {
            code,
            #[cfg(feature = "offsets")]
            offset,
        }
    }

    /// A read that failed at `offset`.
    pub(crate) const fn read(error: ReadError, offset: u32) -> Self {
        Self::new(error.code(), offset)
    }

    /// The code of the check that failed.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The offset from the start of the image of what was checked.
    #[cfg(feature = "offsets")]
    pub const fn offset(&self) -> u32 {
        self.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        #[cfg(feature = "offsets")]
        write!(f, " at offset {:#x}", self.offset)?;
        match self.code.entry() {
            Some(entry) => write!(f, ": {}", entry.summary),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}
