//! RSS control (RSSC): how the ROM talks to the protection hardware.
//!
//! ST does not publish how its ROM closes areas. This block is Ironroot's model of it: six registers at a free address of
//! the flash interface's space, honoured only for instructions that lie inside the open RSS part or RSS library (others
//! read 0, and their writes are ignored). The virtual chip implements it; on silicon the ROM is ST's and this block does
//! not exist.

use crate::Address;

/// First register.
pub const BASE: Address = Address::new(0x5200_2F00);
/// Bytes that the block takes.
pub const SIZE: u32 = 0x100;

/// Offset of the register that tells how the chip booted: read only.
pub const BOOTR: u32 = 0x00;
/// Offset; write [`HANDOVER_KEY`]: the RSS part closes with the first instruction fetched outside of it.
pub const HANDOVER: u32 = 0x04;
/// Offset; write [`EXIT_KEY`]: the secure area closes at once, the library with the first instruction fetched outside.
pub const EXIT: u32 = 0x08;
/// Offset; write [`DEBUG_KEY`] between EXIT and the library's end: debug opens until the next reset.
pub const DEBUG: u32 = 0x0C;

/// Offset; read and write, kept over a system reset, 0 after power-on: the check value of the request block, so that RSS
/// serves only what the library wrote, and only once. Software of any kind can write the block itself, which is RAM.
pub const REQUEST: u32 = 0x10;
/// Offset; read and write, kept over a system reset, 0 after power-on: how the last service ended ([`super::rss::Status`]).
pub const STATUS: u32 = 0x14;
/// Offset; the highest version of a package that was installed, 0 for none. Kept for good: over power-off, over a regression and
/// over whatever happens to user flash. A write raises it; a lower value is ignored. A part that is made for it would have
/// fuses or a counter in the option-byte area here; this one has no OTP.
pub const VERSION: u32 = 0x18;

/// BOOTR: level of the BOOT0 pin at reset.
pub const BOOTR_BOOT0: u32 = 1 << 0;
/// BOOTR: the last reset was a power-on, RAM holds nothing.
pub const BOOTR_POWER_ON: u32 = 1 << 1;

/// "SSRH", arms the closing of the RSS part.
pub const HANDOVER_KEY: u32 = 0x4852_5353;
/// "TIXE", closes the secure user area.
pub const EXIT_KEY: u32 = 0x4558_4954;
/// The same value that exitSecureArea takes.
pub const DEBUG_KEY: u32 = super::rss::JTAG_ENABLE;
