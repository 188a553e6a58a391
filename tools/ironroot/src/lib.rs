//! The command line of Ironroot, as a library: what the binary does, a test can call.
//!
//! 1. Refuse with a reason: every failure is a [`error::Failure`] with a code of `ironroot-codes`, a cause with names and
//!    values, and a fix; the code decides the exit code.
//! 2. Output files are there whole or not at all ([`atomic`]), input files are only read.
//! 3. The rules of image, layout and boot are in `crates/`, the same that the device runs; here is only what a host adds:
//!    files, formats that linkers write, text and JSON.

#![forbid(unsafe_code)]

pub mod atomic;
mod boards;
mod cli;
mod commands;
pub mod console;
mod device;
pub mod error;
mod files;
pub mod firmware;
mod hex;
pub mod identity;
pub mod input;
mod install;
pub mod interrupt;
pub mod keyarg;
pub mod keyfile;
mod number;
pub mod parsers;
mod product;
pub mod report;
pub mod st;
pub mod vdev;

pub use cli::{command, run};
