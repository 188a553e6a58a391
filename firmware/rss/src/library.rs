//! The services that secure user software calls directly.

use crate::request::{self, Block};
use ironroot_hal::{flash, jump, memory, rssc, scb};
use ironroot_layout::stm32h735::options::{SECURE_AREA_UNIT, Scar, SecureArea};
use ironroot_layout::stm32h735::rss::{JTAG_ENABLE, RSS_ERROR};
use ironroot_layout::stm32h735::{FLASH, VECTOR_TABLE_ALIGNMENT};
use ironroot_layout::{Address, Region, Size};

/// Version of this library: bytes patch, minor, major, 0, from the least significant.
pub const VERSION: u32 = u32::from_le_bytes([0, 1, 0, 0]);

/// Whether the option value `scar` describes an area that this part can have.
#[inline(always)]
pub fn is_possible(scar: u32) -> bool {
    match Scar::decode(scar).area {
        SecureArea::Region(region) => FLASH.contains_region(region),
        SecureArea::WholeFlash => true,
        SecureArea::None => false,
    }
}

/// Whether no secure area is in force.
#[inline(always)]
pub fn no_area_yet() -> bool {
    flash::secure_area().area == SecureArea::None
}

/// Closes the secure user area and starts the code behind `vectors`. Never returns, never resets.
///
/// The order matters: the area closes before the vector table is read, so that a table inside of it cannot
/// lead back in, and the interrupts of the caller are off before it closes, so that none of them fetches
/// from the closed area.
///
/// Returns only, and with everything as it was, when `vectors` cannot be a vector table (not aligned, or inside
/// the area that is about to close).
#[inline(always)]
pub fn exit_secure_area(vectors: u32, jtag: u32) {
    if !vectors.is_multiple_of(VECTOR_TABLE_ALIGNMENT.bytes())
        || flash::secure_area().covers(Address::new(vectors))
    {
        return;
    }
    jump::disable_interrupts();
    scb::quiesce();
    if scb::fpu_enabled() {
        jump::clear_fpu();
        scb::disable_fpu();
    }
    rssc::exit_area();
    if jtag == JTAG_ENABLE {
        rssc::open_debug();
    }
    jump::barrier();
    jump::enter(vectors)
}

/// Asks for the secure area: checks, leaves a request and resets. Returns [`RSS_ERROR`] when it refuses.
///
/// Once only, first time only: with an area in force nobody may call for another (the area's own software
/// changes its size through the option bytes, which the hardware allows it).
#[inline(always)]
pub fn reset_and_initialize_secure_areas(count: u32, areas: u32) -> u32 {
    // One bank, so one area.
    if count != 1 || !flash::secure_mode() || !no_area_yet() {
        return RSS_ERROR;
    }
    // A request that the hardware refused is not tried again until a power-on: secure user software that
    // insists would reset the device for ever.
    if let Block::Failed = request::get() {
        return RSS_ERROR;
    }
    // Read once: what is checked is what is requested, whoever else can write the caller's memory.
    let Some((size, start, remove)) = memory::read_arguments3(areas) else { return RSS_ERROR };
    if remove > 1 {
        return RSS_ERROR;
    }
    let Some(scar) = encode(start, size, remove) else { return RSS_ERROR };
    request::put_area(scar);
    scb::system_reset()
}

/// The option value for `size` bytes from `start`, or `None` if this part cannot have that area.
///
/// What is possible is said by the decoder alone: a value is right when decoding it gives exactly the area that
/// was asked for (unaligned, too small or outside of the flash, it gives another one).
#[inline(always)]
fn encode(start: u32, size: u32, remove: u32) -> Option<u32> {
    let asked = Region::checked(Address::new(start), Size::new(size))?;
    let unit = SECURE_AREA_UNIT.bytes();
    let first = asked.start().value().wrapping_sub(FLASH.start().value()) / unit;
    let last = (asked.end().value().wrapping_sub(FLASH.start().value()) / unit).wrapping_sub(1);
    let scar = (first & 0xFFF) | ((last & 0xFFF) << 16) | (remove << 31);
    match Scar::decode(scar).area {
        SecureArea::Region(area) if area == asked && is_possible(scar) => Some(scar),
        _ => None,
    }
}
