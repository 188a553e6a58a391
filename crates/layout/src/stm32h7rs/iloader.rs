//! What STiRoT and the iLoader tell each other: a structure in DTCM that survives a system reset, and SBS_RSSCMDR.
//!
//! Source: STM32CubeH7RS v1.3.0, iLoader.

use super::chip::{DTCM, FLASH};
use crate::Region;

/// The structure: sixteen words.
pub const REQUEST: Region = Region::between(0x2000_FFC0, 0x2001_0000);
/// Where the iLoader may lie at most; its offset and size are in the configuration of STiRoT.
pub const CODE_MAX: Region = Region::between(0x0800_0000, 0x0800_6000);

/// Word 0 of the request: what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Copy an image from external flash into internal RAM.
    Load = 0x0005_C37A,
    /// Write the image in internal RAM to external flash, erase the download: see [`save`] and [`erase`].
    Update = 0x0014_6AC1,
}

/// Index of each word of the request.
pub mod word {
    /// [`super::Operation`].
    pub const OPERATION: usize = 0;
    /// For an update: which of the steps, by slot.
    pub const SUB_OPERATIONS: usize = 1;
    /// Where the image goes in internal RAM.
    pub const RAM_START: usize = 2;
    /// Its room in bytes.
    pub const SIZE: usize = 3;
    /// Address of the installed image in external flash.
    pub const PRIMARY: usize = 6;
    /// Address of the download in external flash.
    pub const SECONDARY: usize = 7;
    /// Number of words.
    pub const COUNT: usize = 16;
}

/// Sub-operation: the image in RAM is to be saved as the installed image of `slot` (0 code, 1 data).
pub const fn save(slot: u32) -> u32 {
    1 << (slot * 3)
}

/// Sub-operation: the download of `slot` is to be erased.
pub const fn erase(slot: u32) -> u32 {
    2 << (slot * 3)
}

/// What the iLoader leaves in SBS_RSSCMDR before it resets the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has not run.
    NoLoad,
    /// There is no image in external flash.
    Empty,
    /// The installed image was copied.
    Primary,
    /// The download was copied.
    Secondary,
    /// It could not read or write.
    Error,
}

impl Answer {
    /// All of them.
    pub const ALL: [Answer; 5] = [Self::NoLoad, Self::Empty, Self::Primary, Self::Secondary, Self::Error];

    /// The value in SBS_RSSCMDR.
    pub const fn bits(self) -> u16 {
        match self {
            Self::NoLoad => 0,
            Self::Empty => 0x3EC4,
            Self::Primary => 0x3401,
            Self::Secondary => 0xD242,
            Self::Error => 0x6641,
        }
    }

    /// From SBS_RSSCMDR; `None` for a value that is none of these.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            0 => Some(Self::NoLoad),
            0x3EC4 => Some(Self::Empty),
            0x3401 => Some(Self::Primary),
            0xD242 => Some(Self::Secondary),
            0x6641 => Some(Self::Error),
            _ => None,
        }
    }
}

const _: () = {
    assert!(DTCM.contains_region(REQUEST) && REQUEST.size().bytes() as usize == 4 * word::COUNT);
    assert!(FLASH.contains_region(CODE_MAX));
};
