//! Register drivers of the STM32H7R/7S: what its boot stages and system flash need of the hardware.
//!
//! 1. Volatile access lives in [`reg`], assembly in [`jump`], and [`window`] copies from and to memory that no Rust object
//!    occupies; these three modules hold all `unsafe` of this crate. The first two, and [`scb`], are the same source files as
//!    in `ironroot-hal`: the core is the same.
//! 2. A register is a constant with its address and its direction. Addresses and bits are written here from the CMSIS
//!    device header's facts; the model in `vdev/chip-h7rs` has its own, on purpose.
//! 3. No panic, no allocation. State is in the hardware; what a driver must remember is in a value that it hands out.
//! 4. What waits for hardware waits without end only where the hardware itself ends it; random numbers and keys are given
//!    up after a number of looks, and a memory that stays busy after the longest time that one may take.
#![no_std]
#![deny(unsafe_code)]

pub mod alarm;
#[cfg(feature = "boot")]
pub mod area;
#[cfg(feature = "boot")]
pub mod counters;
pub mod cryp;
#[cfg(feature = "crypto")]
pub mod crypto;
pub mod flash;
pub mod gpio;
#[cfg(any(feature = "crypto", feature = "boot"))]
pub mod hash;
pub mod iwdg;
#[path = "../../hal/src/jump.rs"]
#[allow(dead_code)] // shared: each chip uses a part
pub mod jump;
pub mod mce;
pub mod memory;
pub mod mpu;
pub mod nor;
pub mod obk;
pub mod pka;
pub mod psram;
pub mod ramecc;
pub mod rcc;
#[path = "../../hal/src/reg.rs"]
#[allow(dead_code)] // shared: each chip uses a part
pub mod reg;
pub mod rng;
pub mod rsslib;
pub mod saes;
pub mod sbs;
#[path = "../../hal/src/scb.rs"]
pub mod scb;
pub mod usart;
pub mod window;
pub mod xspi;
