//! Permissions: 128 bits of which each may be in a device's mask, in every certificate, and in a token. What a token gets is what
//! all of them have.
//!
//! The mask of ST's H7S example is 0x8000…4007. Bit 14 is the full regression by ST's documents; that bits 0 to 2 are debugging
//! from HDPL 1, 2 and 3 on is our reading of them. Others mean nothing here.

use ironroot_layout::stm32h7rs::state::Hdpl;

/// Erase everything and go back to Open.
pub const FULL_REGRESSION: u128 = 1 << 14;
/// Debug from HDPL 1 on: the first boot stage too.
pub const DEBUG_LEVEL1: u128 = 1 << 0;
/// Debug from HDPL 2 on.
pub const DEBUG_LEVEL2: u128 = 1 << 1;
/// Debug from HDPL 3 on: the application alone.
pub const DEBUG_LEVEL3: u128 = 1 << 2;

/// What an authenticated host gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Everything is erased and the device is open again.
    FullRegression,
    /// The debug port opens when the core reaches this level, until the next reset.
    Debug(Hdpl),
}

impl Grant {
    /// The bit that permits it.
    pub const fn bit(self) -> u128 {
        match self {
            Self::FullRegression => FULL_REGRESSION,
            Self::Debug(Hdpl::Level0 | Hdpl::Level1) => DEBUG_LEVEL1,
            Self::Debug(Hdpl::Level2) => DEBUG_LEVEL2,
            Self::Debug(Hdpl::Level3) => DEBUG_LEVEL3,
        }
    }

    /// What these permissions come to; `None` for nothing. A regression before anything else, since it leaves nothing to be
    /// debugged; then the lowest level.
    pub const fn of(permissions: u128) -> Option<Self> {
        if permissions & FULL_REGRESSION != 0 {
            Some(Self::FullRegression)
        } else if permissions & DEBUG_LEVEL1 != 0 {
            Some(Self::Debug(Hdpl::Level1))
        } else if permissions & DEBUG_LEVEL2 != 0 {
            Some(Self::Debug(Hdpl::Level2))
        } else if permissions & DEBUG_LEVEL3 != 0 {
            Some(Self::Debug(Hdpl::Level3))
        } else {
            None
        }
    }
}
