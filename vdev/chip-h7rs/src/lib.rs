//! The STM32H7S7 and STM32H7R7 of the virtual device.
//!
//! 1. A chip is data plus peripherals: [`map`] has the memories and register blocks, [`peripherals`] one file a block,
//!    [`rules`] the access rights as one table, [`flash`] the controller with options and keys, whose rules are another.
//!    Blocks that the STM32H735 has as well are [`ironroot_chip`]'s.
//! 2. Who accesses decides: every access carries master, kind and the address of the instruction; the level (HDPL) and the
//!    product state decide what is hidden from it.
//! 3. Deterministic: time is virtual, chance is seeded; the chip is one [`Clone`] value.
//! 4. Never a silent lie: what is not modelled reads 0, ignores writes, and says so once.
//! 5. What ST does not publish is modelled in one place each and marked: the windows of system flash ([`rules`]), the
//!    division of RAM ([`map::sharing`]), what RSS alone may do (`OBKERASE` and `BOOTPIN` in [`flash::registers`]), error
//!    correction of RAM ([`peripherals::ramecc`]).
#![forbid(unsafe_code)]

pub mod board;
mod bus;
mod chip;
mod debug;
pub mod flash;
mod host;
pub mod map;
pub mod peripherals;
mod routing;
pub mod rules;

pub use board::{BoardError, BoardH7};
pub use chip::{Stm32h7rs, power_cycle};
pub use flash::obkeys::{ObKey, ObKeys};
pub use flash::options::OptionWords;
pub use ironroot_chip::supply::{CutEffect, FlashOperation, POWER_CUT, PowerCut};
pub use ironroot_chip::{DebugRefusal, RomError, RomImage};
pub use peripherals::ramecc::RamError;
