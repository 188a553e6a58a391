//! The RSS controller as registers of the FLASH block: offsets inside that block. What each does, and that the block is our
//! model of something ST does not publish, is written at [`ironroot_layout::stm32h735::rssc`].
//!
//! Nothing outside system flash may rely on it. It answers only to code that runs in the open part of RSS or of its
//! library: without that check an application could close or open things by itself.

use std::ops::Range;

use ironroot_layout::stm32h735::rssc as layout;

pub use layout::{BOOTR_BOOT0, BOOTR_POWER_ON, DEBUG_KEY, EXIT_KEY, HANDOVER_KEY};

use crate::map::FLASH_REGISTERS;

const FIRST: u32 = layout::BASE.value() - FLASH_REGISTERS;

/// Offsets inside the FLASH block (0x5200_2000) that belong to this model instead.
pub const WINDOW: Range<u32> = FIRST..FIRST + layout::SIZE;

/// How the chip booted.
pub const BOOTR: u32 = FIRST + layout::BOOTR;
/// Arms the hand-over.
pub const HANDOVER: u32 = FIRST + layout::HANDOVER;
/// Closes the secure area.
pub const EXIT: u32 = FIRST + layout::EXIT;
/// Opens debug.
pub const DEBUG: u32 = FIRST + layout::DEBUG;
/// Check value of the request block.
pub const REQUEST: u32 = FIRST + layout::REQUEST;
/// How the last service ended.
pub const STATUS: u32 = FIRST + layout::STATUS;
/// The highest version that was installed.
pub const VERSION: u32 = FIRST + layout::VERSION;
