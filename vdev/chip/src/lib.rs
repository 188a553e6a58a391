//! The STM32H735 of the virtual device.
//!
//! 1. A chip is data plus peripherals: [`map`] has the memories and register blocks, [`peripherals`] one file a block,
//!    [`rules`] the access rights as one table, [`flash`] the controller with its own rules.
//! 2. Who accesses decides: every access carries master, kind and the address of the instruction. Nothing is decided from
//!    the value that is written or from the host's wishes.
//! 3. Deterministic: time is virtual, chance is seeded; the chip is one [`Clone`] value.
//! 4. Never a silent lie: what is not modelled reads 0, ignores writes, and says so once ([`warnings`]).
//! 5. What ST does not publish is modelled in one place and marked: [`rssc`] (how RSS controls the protections).
#![forbid(unsafe_code)]

pub mod board;
mod bus;
mod chip;
pub mod container;
mod debug;
pub mod external;
pub mod flash;
pub mod map;
pub mod nor;
pub mod peripherals;
pub mod reach;
pub mod rom;
mod routing;
pub mod rssc;
pub mod rules;
pub mod security;
pub mod supply;
pub mod time;
pub mod warnings;

pub use board::{Board, BoardError, Identity};
pub use chip::{Stm32h735, power_cycle};
pub use debug::DebugRefusal;
pub use external::ExternalFlash;
pub use flash::options::{OptionBytes, ReadProtection};
pub use rom::{RomError, RomImage};
pub use security::Mode;
pub use supply::{CutEffect, FlashOperation, PowerCut};
