//! Where things are.
//!
//! 1. An address is written once, here. Firmware, virtual device, tools, linker scripts and option bytes are derived from
//!    it; nobody else writes a number that begins with 0x0800.
//! 2. Every relation between two places (the slot starts at a sector, the key store is in the secure area) is a static
//!    assertion beside them: a layout that does not hold does not compile.
//! 3. Address arithmetic is checked: what could wrap returns an `Option`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "product")]
extern crate std;

mod address;
#[cfg(feature = "product")]
pub mod description;
#[cfg(feature = "product")]
pub mod generate;
pub mod linker;
mod slot;
pub mod stm32h735;
pub mod stm32h7rs;

pub use address::{Address, Region, Size};
pub use slot::{AppError, Slot};
