//! Register drivers of the STM32H73x: the one place of Ironroot's firmware that touches hardware.
//!
//! 1. Volatile access lives in [`reg`], assembly in [`jump`], [`host`] reads and writes what a flasher names, and [`install`]
//!    claims the installer's buffers; these four modules hold all `unsafe` of this crate. Everything else is safe Rust over
//!    typed registers.
//! 2. A register is a constant with its address, its name of the reference manual and its direction
//!    ([`reg::Ro`], [`reg::Wo`], [`reg::Rw`]): writing a read-only register does not compile.
//! 3. Every function that the closed parts of the ROM use is `#[inline(always)]`: the ROM ([`rss`](crate::rss) documents its interface) must lie
//!    in three closed windows of system flash and may not call anything outside of them. The linker script
//!    of the ROM asserts that nothing is left over.
//! 4. No panic, no allocation, no global state.
//!
//! Register names, offsets and bits follow RM0468 (STM32H72x/H73x) and the CMSIS device header. Why tables of
//! our own and not the public `stm32-metapac`: that crate lacks OPTSR2 and knows a second flash bank that this
//! part does not have, has three bits where ACR.LATENCY has four, and leaves inlining to the optimiser, which
//! the ROM windows cannot afford. Some sixty registers are used here; a table of them can be read against the
//! manual in one sitting.
#![no_std]
#![deny(unsafe_code)]

pub mod area;
pub mod counters;
pub mod flash;
pub mod host;
pub mod install;
pub mod jump;
pub mod memory;
pub mod nor;
pub mod otfdec;
pub mod rcc;
pub mod reg;
pub mod rng;
pub mod rss;
pub mod rssc;
pub mod scb;
pub mod serial;
pub mod usart;
