//! The RSS controller: our model of the non-public hardware that RSS uses to hand over, to exit and to open debug.
//!
//! Nothing outside system flash may rely on it. It answers only to code that runs in the open part of RSS or of its
//! library: without that check an application could close or open things by itself.

use std::ops::RangeInclusive;

/// Offsets inside the FLASH block (0x5200_2000) that belong to this model instead.
pub const WINDOW: RangeInclusive<u32> = 0xF00..=0xFFF;

/// Read: how the chip booted.
pub const BOOTR: u32 = 0xF00;
/// Write [`HANDOVER_KEY`]: RSS closes with the first fetch outside it.
pub const HANDOVER: u32 = 0xF04;
/// Write [`EXIT_KEY`]: the secure area closes now, the library with the first fetch outside it.
pub const EXIT: u32 = 0xF08;
/// Write [`DEBUG_KEY`] between EXIT and the library's end: debug opens until the next reset.
pub const DEBUG: u32 = 0xF0C;

/// BOOTR: level of the BOOT0 pin at reset.
pub const BOOTR_BOOT0: u32 = 1 << 0;
/// BOOTR: the last reset was a power-on.
pub const BOOTR_POWER_ON: u32 = 1 << 1;

/// "SSRH".
pub const HANDOVER_KEY: u32 = 0x4852_5353;
/// "TIXE".
pub const EXIT_KEY: u32 = 0x4558_4954;
/// The same value that exitSecureArea takes.
pub const DEBUG_KEY: u32 = ironroot_layout::stm32h735::rss::JTAG_ENABLE;
