//! A slot for one image: the one slot arithmetic that the host signs with and the device boots with.

use core::fmt;

use ironroot_codes::{self as codes, Code};

use crate::{Address, Region, Size};

/// Where an image lies and how its room is divided: header, payload, TLVs, trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The whole slot: whole erase units.
    pub region: Region,
    /// The image header with its padding; the vector table follows it.
    pub header: Size,
    /// Room for both TLV areas that an application must leave free.
    pub tlv_room: Size,
    /// Room at the end of the slot for the update trailer.
    pub trailer: Size,
}

impl Slot {
    /// The largest image: header, payload and TLVs. What is behind it belongs to the trailer.
    pub const fn max_image(&self) -> Size {
        match self.region.size().checked_sub(self.trailer) {
            Some(size) => size,
            None => Size::new(0),
        }
    }

    /// Where the vector table of the image in this slot is.
    pub const fn vector_table(&self) -> Option<Address> {
        self.region.start().checked_add(self.header)
    }

    /// What the application's linker may fill: from the vector table to where TLVs and trailer begin. `None` if nothing
    /// is left.
    pub const fn application(&self) -> Option<Region> {
        let room = match self.max_image().checked_sub(self.header) {
            Some(room) => room.checked_sub(self.tlv_room),
            None => None,
        };
        match (self.vector_table(), room) {
            (Some(start), Some(size)) => Region::checked(start, size),
            _ => None,
        }
    }

    /// Whether an application with its vector table at `start` and its last flash byte before `end` can be signed for
    /// this slot.
    pub fn check_application(&self, start: Address, end: Address) -> Result<(), AppError> {
        let Some(room) = self.application() else {
            return Err(AppError::TooLarge { room: Size::new(0), needed: Size::new(0) });
        };
        if start != room.start() {
            return Err(AppError::WrongAddress { expected: room.start(), actual: start });
        }
        match end.offset_from(start) {
            Some(needed) if needed <= room.size() => Ok(()),
            Some(needed) => Err(AppError::TooLarge { room: room.size(), needed }),
            None => Err(AppError::EndsBeforeStart { start, end }),
        }
    }
}

/// Why an application does not fit a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppError {
    /// The vector table is not where the slot has it.
    WrongAddress {
        /// Where the slot has it.
        expected: Address,
        /// Where the application has it.
        actual: Address,
    },
    /// The application needs more room than there is.
    TooLarge {
        /// What there is.
        room: Size,
        /// What it needs.
        needed: Size,
    },
    /// The bounds are not those of an application.
    EndsBeforeStart {
        /// The stated start.
        start: Address,
        /// The stated end.
        end: Address,
    },
}

impl AppError {
    /// The code of this refusal.
    pub const fn code(&self) -> Code {
        match self {
            Self::WrongAddress { .. } => codes::input::APP_WRONG_ADDRESS,
            Self::TooLarge { .. } => codes::input::APP_TOO_LARGE,
            Self::EndsBeforeStart { .. } => codes::input::APP_OUTSIDE_SLOT,
        }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongAddress { expected, actual } => {
                write!(f, "the vector table is at {actual}, the slot has it at {expected}")
            }
            Self::TooLarge { room, needed } => {
                write!(f, "the application needs {needed}, the slot has room for {room}")
            }
            Self::EndsBeforeStart { start, end } => write!(f, "it ends at {end}, before its start {start}"),
        }
    }
}

impl core::error::Error for AppError {}
