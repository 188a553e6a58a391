//! Memory as a flasher on the other end of a cable names it: any address, any length, nothing believed.
#![allow(unsafe_code)]

use crate::{flash, reg, scb};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::{self as chip, rss};

/// What a flasher may read, besides user flash and [`WRITABLE`].
const READABLE: [Region; 3] = [
    rss::BOOTLOADER,
    // Unique id, flash size and the like.
    Region::between(0x1FF1_E800, 0x1FF1_F000),
    // The option registers, as one block that flashers of this family read.
    Region::between(0x5200_201C, 0x5200_2150),
];

/// RAM that a flasher may read and write: all of it but the bootloader's and that of the request block before it.
const WRITABLE: [Region; 6] = [
    chip::ITCM,
    Region::between(rss::BOOTLOADER_RAM.end().value(), chip::DTCM.end().value()),
    chip::AXI_SRAM,
    chip::SRAM1,
    chip::SRAM2,
    chip::SRAM4,
];

/// RAM behind the window of RSS, which the services take no arguments from: room for those of the bootloader itself.
pub const ARGUMENTS: u32 = rss::WINDOW.end().value();

const _: () = {
    let mut index = 0;
    while index < WRITABLE.len() {
        assert!(
            !WRITABLE[index].overlaps(rss::BOOTLOADER_RAM) && !WRITABLE[index].overlaps(rss::REQUEST_BLOCK)
        );
        index += 1;
    }
};

/// Whether the `length` bytes at `address` lie in one of `regions`.
fn is_in(regions: &[Region], address: u32, length: usize) -> bool {
    let Some(end) = u32::try_from(length).ok().and_then(|length| address.checked_add(length)) else {
        return false;
    };
    regions.iter().any(|region| address >= region.start().value() && end <= region.end().value())
}

/// Whether the `length` bytes at `address` are user flash that is not the secure area. That one is none of a flasher's
/// business, even when somebody jumps here while it is open.
pub fn is_flash(address: u32, length: usize) -> bool {
    if !is_in(&[chip::FLASH], address, length) {
        return false;
    }
    if !flash::secure_mode() {
        return true;
    }
    let area = flash::secure_area();
    let mut at = address;
    let end = address.saturating_add(length as u32);
    // Areas begin and end at multiples of 256 bytes: one look a unit, and at the last byte.
    while at < end {
        if area.covers(ironroot_layout::Address::new(at)) {
            return false;
        }
        at = (at | 0xFF).saturating_add(1);
    }
    true
}

/// Whether the `length` bytes at `address` are RAM that a flasher may use.
pub fn is_ram(address: u32, length: usize) -> bool {
    is_in(&WRITABLE, address, length)
}

/// Whether a flasher may read the `length` bytes at `address`.
pub fn is_readable(address: u32, length: usize) -> bool {
    is_flash(address, length) || is_ram(address, length) || is_in(&READABLE, address, length)
}

/// The right to write RAM that a flasher names.
pub struct HostMemory(());

impl HostMemory {
    /// The right.
    ///
    /// # Safety
    /// Every Rust object of the program lies in [`rss::BOOTLOADER_RAM`] or in flash.
    #[inline(always)]
    pub const unsafe fn claim() -> Self {
        HostMemory(())
    }

    /// Reads memory. `None` if it may not be read, if the bus refuses, or if flash does not give the true content.
    pub fn read(&self, address: u32, into: &mut [u8]) -> Option<()> {
        if !is_readable(address, into.len()) {
            return None;
        }
        flash::clear_flags();
        scb::probe(|| {
            let (mut at, mut word) = (address, reg::read_any(address));
            for byte in into.iter_mut() {
                if at.is_multiple_of(4) {
                    word = reg::read_any(at);
                }
                *byte = (word >> (8 * (at & 3))) as u8;
                at = at.wrapping_add(1);
            }
        })?;
        if flash::flags() & flash::sr::READ_ERRORS == 0 { Some(()) } else { None }
    }

    /// A word of memory, under the same conditions.
    pub fn word(&self, address: u32) -> Option<u32> {
        let mut bytes = [0; 4];
        self.read(address, &mut bytes)?;
        Some(u32::from_le_bytes(bytes))
    }

    /// Writes RAM. `None` if it may not be written or does not read back.
    pub fn write_ram(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
        if !is_ram(address, bytes.len()) {
            return None;
        }
        let mut at = address;
        let mut same = true;
        for byte in bytes {
            // SAFETY: RAM outside of BOOTLOADER_RAM, where `claim`'s caller has no Rust object.
            unsafe { reg::write_byte(at, *byte) }
            let word = scb::probe(|| reg::read_any(at))?;
            same &= (word >> (8 * (at & 3))) as u8 == *byte;
            at = at.wrapping_add(1);
        }
        if same { Some(()) } else { None }
    }
}
