//! What runs next, decided on the device.
//!
//! 1. [`decide`] is pure: memory and cryptography come in as traits, a [`Launch`] or a [`Refusal`] goes out. The firmware
//!    only wires registers to it, so that the very same decision is tested on the host.
//! 2. A [`Launch`] is the proof that the image behind its vector table is verified; nothing else can make one.
//! 3. Every end leaves a [`HandOff`] record that says what was booted or why not, for the application and the host.
//! 4. No allocation; the largest buffer on the stack is one piece of the image being hashed.
#![no_std]
#![forbid(unsafe_code)]

mod crc;
mod decide;
mod handoff;
pub mod keystore;
pub mod stm32h735;
pub mod update;

#[cfg(feature = "ram-load")]
pub use decide::boot_from_ram;
pub use decide::{BootPolicy, DeviceKind, Launch, Refusal, boot, boot_with_keys, decide};
pub use handoff::{HandOff, HandOffError, RECORD_LEN, Stage, Status};
pub use keystore::KeyStore;
pub use update::{CounterError, Counters, Flash, FlashError, Mode, NoCounters, Sector};
