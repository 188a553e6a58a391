//! The services of the ROM as firmware calls them: typed wrappers over the tables at 0x1FF0_9500 and
//! 0x1FF0_9560.
//!
//! The tables exist in Secure access mode until the secure area is left; a call at another time is a bus
//! fault. Structures and constants are those of ST's public `RSS.h`.

use crate::jump;
use crate::reg::Ro;
use ironroot_layout::Region;
use ironroot_layout::stm32h735::rss;

const EXIT_SECURE_AREA: Ro = Ro::at(rss::EXIT_SECURE_AREA.value());
const GET_VERSION: Ro = Ro::at(rss::GET_VERSION.value());
const GET_STATUS: Ro = Ro::at(rss::GET_STATUS.value());
const REMOVE_PCROP_AREA: Ro = Ro::at(rss::RESET_AND_REMOVE_PCROP_AREA.value());
const INSTALL: Ro = Ro::at(rss::RESET_AND_INSTALL.value());
const RESET_AND_INITIALIZE: Ro = Ro::at(rss::RESET_AND_INITIALIZE_SECURE_AREAS.value());

/// Argument of resetAndInitializeSecureAreas, as in `RSS.h` (`RSS_SecureArea_t`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SecureAreaArgument {
    /// Bytes; a multiple of 256, at least 512.
    pub size: u32,
    /// Address of the first byte; 256-aligned, in user flash.
    pub start: u32,
    /// 1: a bank erase with removal of protections removes the area too.
    pub remove_during_bank_erase: u32,
}

const _: () = assert!(size_of::<SecureAreaArgument>() == 12);

/// Debug access after exit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Debug {
    /// Stays closed until the next reset.
    Closed,
    /// Opens.
    Open,
}

/// Asks RSS to create the secure area. On success the device resets inside the call; returning is the refusal.
///
/// The value is what the service returned, normally [`rss::RSS_ERROR`].
pub fn initialize_secure_area(area: &SecureAreaArgument) -> u32 {
    jump::call_with(RESET_AND_INITIALIZE.read(), 1, area)
}

/// Leaves the secure area: wipes `ram` (the caller's, its stack included), then calls exitSecureArea, which
/// closes the area and starts the code behind the vector table at `vectors`.
///
/// Wiping and leaving are one assembly sequence because after the first no Rust code can run: its stack is
/// gone. Should the service return, which means that it refused the vectors, `refused` runs on a fresh stack.
pub fn exit_secure_area(vectors: u32, debug: Debug, ram: Region, refused: extern "C" fn() -> !) -> ! {
    let jtag = match debug {
        Debug::Closed => rss::JTAG_KEEP_CLOSED,
        Debug::Open => rss::JTAG_ENABLE,
    };
    jump::wipe_and_exit(EXIT_SECURE_AREA.read(), vectors, jtag, ram, refused)
}

/// Whether the service tables are there: a closed library reads as zeros.
#[inline(always)]
pub fn are_services_open() -> bool {
    GET_STATUS.read() != 0
}

/// getVersion: bytes patch, minor, major, 0, from the least significant.
#[inline(always)]
pub fn version() -> u32 {
    jump::call_service(GET_VERSION.read(), 0, 0)
}

/// getStatus: how the last service that reset the chip ended ([`rss::status`]).
#[inline(always)]
pub fn status() -> u32 {
    jump::call_service(GET_STATUS.read(), 0, 0)
}

/// resetAndInstall. On success the device resets inside the call; the value is what a refusal returned.
#[inline(always)]
pub fn install() -> u32 {
    jump::call_service(INSTALL.read(), 0, 0)
}

/// resetAndRemovePcropArea. On success the device resets inside the call; the value is what a refusal returned.
#[inline(always)]
pub fn remove_pcrop_area() -> u32 {
    jump::call_service(REMOVE_PCROP_AREA.read(), 0, 0)
}

/// resetAndInitializeSecureAreas with the address of the areas, which the service checks.
#[inline(always)]
pub fn initialize_secure_areas(count: u32, areas: u32) -> u32 {
    jump::call_service(RESET_AND_INITIALIZE.read(), count, areas)
}
