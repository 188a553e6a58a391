//! The USART bootloader protocol of the STM32 system flash (AN3155), both ends, without I/O.
//!
//! 1. [`device`] is the chip's end: one byte in, answers out through a [`device::Sink`], what the chip can do behind a
//!    [`device::Target`]. The ROM runs it; tests run it against a host without a chip.
//! 2. [`host`] is the flasher's end: an [`host::Exchange`] says what to send and what to wait for, and never waits itself.
//! 3. Facts of the protocol are in tables ([`protocol`]); what is Ironroot's own is in [`special`].
//! 4. A frame is swallowed to its end before it is refused, whatever is wrong with it: bytes of a refused frame must never
//!    be taken for the next command.
//! 5. No allocation, no unsafe, no panic reachable from input.
//!
//! Sources: facts of AN3155 as the public Open Bootloader and stm32flash use them.
#![no_std]
#![forbid(unsafe_code)]

pub mod device;
pub mod host;
pub mod protocol;
pub mod special;
