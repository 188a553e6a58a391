//! What Ironroot's ROM does with the two special commands: the services of RSS for a host without a debug probe.
//!
//! AN3155 leaves the content to the product, and ST publishes none. This format is open:
//!
//! | sub-command | data (words little-endian) | answer | what |
//! |---|---|---|---|
//! | 0x0100 | none | 4: patch, minor, major, 0 | version of the services |
//! | 0x0101 | none | 4: service << 16, code | how the last service that reset the chip ended; 0: none since power-on |
//! | 0x0110 | 12 an area: size, start, removed by bank erase | none | resetAndInitializeSecureAreas |
//! | 0x0111 | none | none | resetAndRemovePcropArea |
//! | 0x0200..=0x02FF | | | kept for firmware install (SFI) through the extended command |
//!
//! After the answer comes a status of 4 bytes: [`OK`], or [`UNKNOWN`], or what the service returned. The two services that
//! reset the chip answer before they do it: with `OK` the chip resets next; then synchronise again and ask 0x0101.
//! A device that does not offer services now (Standard mode, level 1, secure area left) refuses the command itself.

/// getVersion.
pub const GET_VERSION: u16 = 0x0100;
/// getStatus.
pub const GET_STATUS: u16 = 0x0101;
/// resetAndInitializeSecureAreas.
pub const INITIALIZE_SECURE_AREAS: u16 = 0x0110;
/// resetAndRemovePcropArea.
pub const REMOVE_PCROP_AREA: u16 = 0x0111;

/// Status: done, or begun and the chip resets next.
pub const OK: u32 = 0xEE00_0092;
/// Status: no such sub-command, or one that takes other data.
pub const UNKNOWN: u32 = 0xEE00_0000;

/// Bytes of one area in the data of [`INITIALIZE_SECURE_AREAS`].
pub const AREA: usize = 12;
