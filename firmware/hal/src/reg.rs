//! Volatile access: registers by direction, and windows of RAM and flash.
//!
//! All raw addresses enter the safe world here. Constructors are crate-private, so that every address that can
//! be accessed is in one of this crate's tables.
#![allow(unsafe_code)]

use ironroot_layout::Region;

/// A read-only 32-bit register.
#[derive(Clone, Copy)]
pub struct Ro(u32);

/// A write-only 32-bit register (key and trigger registers: reading them says nothing).
#[derive(Clone, Copy)]
pub struct Wo(u32);

/// A read-write 32-bit register.
#[derive(Clone, Copy)]
pub struct Rw(u32);

/// Reads the word at `address`.
///
/// # Safety
/// `address` is 4-aligned and one at which a read has no effect on memory that Rust knows of: a device
/// register, or memory outside of every Rust object.
#[inline(always)]
unsafe fn load(address: u32) -> u32 {
    // SAFETY: passed on to the caller.
    unsafe { core::ptr::read_volatile(address as *const u32) }
}

/// Writes the word at `address`.
///
/// # Safety
/// As [`load`], and the write must not change memory that a Rust object occupies.
#[inline(always)]
unsafe fn store(address: u32, value: u32) {
    // SAFETY: passed on to the caller.
    unsafe { core::ptr::write_volatile(address as *mut u32, value) }
}

impl Ro {
    /// The register at `address` (4-aligned, of this device's peripheral or system space).
    #[inline(always)]
    pub(crate) const fn at(address: u32) -> Self {
        Self(address)
    }

    /// Reads the register.
    #[inline(always)]
    pub fn read(self) -> u32 {
        // SAFETY: only this crate's register tables make an `Ro`, all aligned device addresses.
        unsafe { load(self.0) }
    }

    /// Whether any bit of `mask` is set.
    #[inline(always)]
    pub fn any(self, mask: u32) -> bool {
        self.read() & mask != 0
    }
}

impl Wo {
    /// The register at `address` (4-aligned, of this device's peripheral or system space).
    #[inline(always)]
    pub(crate) const fn at(address: u32) -> Self {
        Self(address)
    }

    /// Writes the register.
    #[inline(always)]
    pub fn write(self, value: u32) {
        // SAFETY: only this crate's register tables make a `Wo`, all aligned device addresses.
        unsafe { store(self.0, value) }
    }
}

impl Rw {
    /// The register at `address` (4-aligned, of this device's peripheral or system space).
    #[inline(always)]
    pub(crate) const fn at(address: u32) -> Self {
        Self(address)
    }

    /// Reads the register.
    #[inline(always)]
    pub fn read(self) -> u32 {
        // SAFETY: only this crate's register tables make an `Rw`, all aligned device addresses.
        unsafe { load(self.0) }
    }

    /// Writes the register.
    #[inline(always)]
    pub fn write(self, value: u32) {
        // SAFETY: only this crate's register tables make an `Rw`, all aligned device addresses.
        unsafe { store(self.0, value) }
    }

    /// Reads the lowest byte alone: data registers give as many bytes as the access is wide.
    #[inline(always)]
    pub fn read_byte(self) -> u8 {
        // SAFETY: as `read`; a byte needs no alignment.
        unsafe { core::ptr::read_volatile(self.0 as *const u8) }
    }

    /// Writes the lowest byte alone.
    #[inline(always)]
    pub fn write_byte(self, value: u8) {
        // SAFETY: as `write`; a byte needs no alignment.
        unsafe { core::ptr::write_volatile(self.0 as *mut u8, value) }
    }

    /// Clears the bits of `clear`, then sets those of `set`: one read, one write.
    #[inline(always)]
    pub fn modify(self, clear: u32, set: u32) {
        self.write((self.read() & !clear) | set);
    }

    /// Whether any bit of `mask` is set.
    #[inline(always)]
    pub fn any(self, mask: u32) -> bool {
        self.read() & mask != 0
    }
}

/// A window of RAM that no Rust object occupies: linker scripts leave it out.
///
/// Accessed word by word and volatile, so that the contents mean the same to the stage that wrote them and to
/// the stage that reads them, whatever the two optimisers think.
#[derive(Clone, Copy)]
pub struct RamWindow {
    base: u32,
    words: u32,
}

impl RamWindow {
    /// The window over `region`: 4-aligned, in RAM, outside of the RAM that a stage's linker script hands out.
    pub(crate) const fn new(region: Region) -> Self {
        Self { base: region.start().value(), words: region.size().bytes() / 4 }
    }

    /// Size in bytes.
    #[inline(always)]
    pub const fn size(self) -> u32 {
        self.words * 4
    }

    /// Reads word `index`; 0 outside of the window.
    #[inline(always)]
    pub fn read(self, index: u32) -> u32 {
        if index < self.words {
            // SAFETY: inside a window that no Rust object occupies, aligned because the base is.
            unsafe { load(self.base + 4 * index) }
        } else {
            0
        }
    }

    /// Writes word `index`; nothing outside of the window.
    #[inline(always)]
    pub fn write(self, index: u32, value: u32) {
        if index < self.words {
            // SAFETY: inside a window that no Rust object occupies, aligned because the base is.
            unsafe { store(self.base + 4 * index, value) }
        }
    }
}

/// Reads a word of a caller's memory, once. The caller has checked that `address` lies in RAM.
///
/// For service arguments: what is checked must be the value that is used, so each word is read exactly once
/// (a DMA or interrupt could change it between two reads).
#[inline(always)]
pub(crate) fn read_argument(address: u32) -> u32 {
    // SAFETY: `memory::is_ram` was true for the word, so the access is to memory; alignment was checked with it.
    unsafe { load(address) }
}

/// The first word of user flash, read as an application would. Closed areas answer 0 and set RDSERR.
#[inline(always)]
pub(crate) fn read_flash_word(address: u32) -> u32 {
    // SAFETY: callers pass 4-aligned user flash addresses; flash reads have no effect on Rust objects.
    unsafe { load(address) }
}

/// Reads the word that `address` lies in, past every check. The caller has made sure that nothing happens by it.
#[inline(always)]
pub(crate) fn read_any(address: u32) -> u32 {
    // SAFETY: aligned here; reading memory that a Rust object occupies, volatile, changes nothing.
    unsafe { load(address & !3) }
}

/// Writes a byte of RAM.
///
/// # Safety
/// As [`store`], without the alignment.
#[inline(always)]
pub(crate) unsafe fn write_byte(address: u32, value: u8) {
    // SAFETY: passed on to the caller.
    unsafe { core::ptr::write_volatile(address as *mut u8, value) }
}

/// A slice over user flash.
///
/// The caller (crate-private, [`crate::memory`]) has checked that the range lies in user flash.
#[inline(always)]
pub(crate) fn flash_slice(start: u32, length: u32) -> &'static [u8] {
    // SAFETY: the range is inside memory-mapped user flash, which is readable for the whole run of the stage
    // that asks (the area closes only when that stage has ended) and which no stage that holds such a slice
    // programs or erases: the engine that writes slots reads them by copy (`area`), and the key store, which is
    // read by slice, no stage writes.
    unsafe { core::slice::from_raw_parts(start as *const u8, length as usize) }
}
