//! The services that secure user software calls directly.
//!
//! What a service returns: it resets the chip, or it refuses with
//!
//! - `RSS_ERROR` (0): an argument is wrong (count, address of the arguments, size, place, flag);
//! - `RSS_DISABLED` (0xEE00_0091): not now. The chip is not in Secure access mode, or there is an area already (once only,
//!   first time only), or nothing to remove, or the hardware refused the same service before (until power-on).
//!
//! How a service ended that did reset the chip, getStatus tells.

use crate::request;
use ironroot_hal::{flash, jump, memory, rssc, scb};
use ironroot_layout::stm32h735::options::{SECURE_AREA_UNIT, Scar, SecureArea};
use ironroot_layout::stm32h735::rss::{self, JTAG_ENABLE, RSS_DISABLED, RSS_ERROR, service};
use ironroot_layout::stm32h735::{FLASH, OCTOSPI1, OCTOSPI2, VECTOR_TABLE_ALIGNMENT};
use ironroot_layout::{Address, Region, Size};

/// Version of this library: bytes patch, minor, major, 0, from the least significant.
pub const VERSION: u32 = rss::SERVICES_VERSION;

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
/// Debug opens for exactly [`JTAG_ENABLE`]; any other value keeps it closed.
///
/// Returns only, and with everything as it was, when `vectors` cannot be a vector table ([`is_target`]).
#[inline(always)]
pub fn exit_secure_area(vectors: u32, jtag: u32) {
    if !is_target(vectors) {
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

/// Whether `vectors` can be where exitSecureArea leads to: aligned, in user flash outside of the area that closes, in RAM, or
/// in external memory; never in system flash or among the registers. What can be read without a fault must look like stack
/// pointer and entry, and the entry must not be in the area.
#[inline(always)]
fn is_target(vectors: u32) -> bool {
    let area = flash::secure_area();
    let place = Address::new(vectors);
    if !vectors.is_multiple_of(VECTOR_TABLE_ALIGNMENT.bytes()) || area.covers(place) {
        return false;
    }
    if OCTOSPI1.contains(place) || OCTOSPI2.contains(place) {
        return true;
    }
    match memory::vectors(vectors) {
        Some((stack, entry)) => is_entry(stack, entry) && !area.covers(Address::new(entry)),
        None => false,
    }
}

/// Whether the first two words of a vector table look like stack pointer and entry.
#[inline(always)]
pub fn is_entry(stack: u32, entry: u32) -> bool {
    stack.is_multiple_of(4) && entry & 1 == 1 && entry != u32::MAX
}

/// resetAndInitializeSecureAreas: the request, or the value to return.
///
/// Once only, first time only: with an area in force nobody may call for another (the area's own software
/// changes its size through the option bytes, which the hardware allows it).
#[inline(always)]
pub fn initialize_secure_areas(count: u32, areas: u32) -> Result<u32, u32> {
    if !flash::secure_mode() || !no_area_yet() || has_failed(service::INITIALIZE_SECURE_AREAS) {
        return Err(RSS_DISABLED);
    }
    // Read once: what is checked is what is requested, whoever else can write the caller's memory. One bank, so one area.
    match memory::read_arguments3(areas) {
        Some((size, start, remove)) if count == 1 => encode(start, size, remove).ok_or(RSS_ERROR),
        _ => Err(RSS_ERROR),
    }
}

/// resetAndRemovePcropArea: `Ok` to go on, or the value to return.
///
/// The option-byte rule behind it is that of the flash controller for RSS: the area's sectors are erased by the change
/// itself, so nothing of it becomes readable, and no other sector is touched.
#[inline(always)]
pub fn remove_pcrop_area() -> Result<u32, u32> {
    let nothing = flash::pcrop_area() == SecureArea::None;
    if !flash::secure_mode() || nothing || has_failed(service::REMOVE_PCROP_AREA) {
        return Err(RSS_DISABLED);
    }
    Ok(0)
}

/// resetAndInstall: `Ok` to go on, or the value to return. Only for a device that is not in service.
#[inline(always)]
pub fn install() -> Result<u32, u32> {
    if flash::secure_mode() && no_area_yet() { Ok(0) } else { Err(RSS_DISABLED) }
}

/// Whether the hardware refused this service since power-on: secure user software that insists would reset the device for
/// ever.
#[inline(always)]
fn has_failed(service: u32) -> bool {
    let status = rssc::status();
    status >> 16 == service && status & 0xFFFF != 0
}

/// Leaves the request and resets.
#[inline(always)]
pub fn post(service: u32, argument: u32) -> ! {
    request::put(service, argument);
    scb::system_reset()
}

/// The option value for `size` bytes from `start`, or `None` if this part cannot have that area.
///
/// What is possible is said by the decoder alone: a value is right when decoding it gives exactly the area that
/// was asked for (unaligned, too small or outside of the flash, it gives another one).
#[inline(always)]
pub fn encode(start: u32, size: u32, remove: u32) -> Option<u32> {
    if remove > 1 {
        return None;
    }
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
