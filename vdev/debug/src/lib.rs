//! Looking into the virtual device from outside: the debug port and its gate, a GDB remote
//! server, traces and profiles.
//!
//! 1. A debugger is a bus master like any other: what the chip refuses to it, it refuses to us, and says why.
//! 2. Nothing here changes how the device runs: a trace and a profile are hooks.
#![forbid(unsafe_code)]

pub mod flasher;
pub mod gdb;
mod h735;
mod h7rs;
pub mod port;
pub mod profile;
pub mod swj;
pub mod symbols;
pub mod trace;
