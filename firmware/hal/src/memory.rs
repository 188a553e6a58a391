//! Safe access to the memory that no Rust object occupies: user flash, the request block, the hand-off record.
//!
//! Where these are, `ironroot-layout` says.

use crate::reg::{self, RamWindow};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::{self as chip, AXI_SRAM, DTCM, FLASH, HAND_OFF, SRAM1, SRAM2, SRAM4};

/// The service request block.
pub const REQUEST: RamWindow = RamWindow::new(chip::rss::REQUEST_BLOCK);

/// The hand-off record: written by the boot stage, read by application and host.
pub const HANDOFF: RamWindow = RamWindow::new(HAND_OFF);

/// AXI SRAM as a place to collect something large, for secure user software whose linker script gives it none of it.
pub const STAGING: RamWindow = RamWindow::new(AXI_SRAM);

/// Size of the hand-off record in bytes.
pub const HANDOFF_LEN: usize = HAND_OFF.size().bytes() as usize;

/// Whether the `length` bytes at `address` lie inside `region`.
#[inline(always)]
fn within(region: Region, address: u32, length: u32) -> bool {
    let (first, limit) = (region.start().value(), region.end().value());
    match address.checked_add(length) {
        Some(end) => address >= first && end <= limit,
        None => false,
    }
}

/// Whether the `length` bytes at `address` are 4-aligned and inside one RAM that software can own. ITCM and
/// backup SRAM are left out on purpose: service arguments have no business there.
///
/// Comparisons and not a loop over a table: a table would be data, for which the closed parts of the ROM have
/// no place.
#[inline(always)]
pub fn is_ram(address: u32, length: u32) -> bool {
    address.is_multiple_of(4)
        && (within(DTCM, address, length)
            || within(AXI_SRAM, address, length)
            || within(SRAM1, address, length)
            || within(SRAM2, address, length)
            || within(SRAM4, address, length))
}

/// Whether the `length` bytes at `address` touch the window that RSS uses.
#[inline(always)]
fn touches_rss_window(address: u32, length: u32) -> bool {
    let (first, limit) = (chip::rss::WINDOW.start().value(), chip::rss::WINDOW.end().value());
    address < limit && address.saturating_add(length) > first
}

/// Reads three argument words at `address`, each exactly once; `None` when they are not in RAM that a caller
/// of a service may use.
#[inline(always)]
pub fn read_arguments3(address: u32) -> Option<(u32, u32, u32)> {
    if !is_ram(address, 12) || touches_rss_window(address, 12) {
        return None;
    }
    Some((reg::read_argument(address), reg::read_argument(address + 4), reg::read_argument(address + 8)))
}

/// The bytes of `region`; `None` when it is not inside user flash.
#[inline(always)]
pub fn flash(region: Region) -> Option<&'static [u8]> {
    let (start, length) = (region.start().value(), region.size().bytes());
    if within(FLASH, start, length) { Some(reg::flash_slice(start, length)) } else { None }
}

/// One word of user flash, volatile: for code that wants to see what a (perhaps closed or erased) address
/// answers. `None` when `address` is not that of a word of user flash.
#[inline(always)]
pub fn flash_word(address: u32) -> Option<u32> {
    if within(FLASH, address, 4) && address.is_multiple_of(4) {
        Some(reg::read_flash_word(address))
    } else {
        None
    }
}

/// The first two words of a vector table in user flash or in RAM; `None` when `address` is neither.
#[inline(always)]
pub fn vectors(address: u32) -> Option<(u32, u32)> {
    if (within(FLASH, address, 8) && address.is_multiple_of(4)) || is_ram(address, 8) {
        Some((reg::read_argument(address), reg::read_argument(address + 4)))
    } else {
        None
    }
}

/// The product id that the bootloader reports.
#[inline(always)]
pub fn bootloader_pid() -> u16 {
    reg::Ro::at(chip::rss::BOOTLOADER_PID.start().value()).read() as u16
}

/// The unique id: 96 bits, as three words in the order of their addresses.
pub fn unique_id() -> [u8; 12] {
    let mut id = [0; 12];
    let mut address = chip::UNIQUE_ID.start().value();
    for word in id.chunks_exact_mut(4) {
        word.copy_from_slice(&reg::Ro::at(address).read().to_le_bytes());
        address += 4;
    }
    id
}

/// Clears the hand-off window.
pub fn clear_handoff() {
    for index in 0..HANDOFF_LEN as u32 / 4 {
        HANDOFF.write(index, 0);
    }
}

/// Copies `record` into the hand-off window.
pub fn write_handoff(record: &[u8; HANDOFF_LEN]) {
    for (index, word) in (0..).zip(record.chunks_exact(4)) {
        if let Ok(bytes) = word.try_into() {
            HANDOFF.write(index, u32::from_le_bytes(bytes));
        }
    }
}

/// Copies the hand-off window out.
pub fn read_handoff() -> [u8; HANDOFF_LEN] {
    let mut record = [0; HANDOFF_LEN];
    for (index, word) in (0..).zip(record.chunks_exact_mut(4)) {
        word.copy_from_slice(&HANDOFF.read(index).to_le_bytes());
    }
    record
}
