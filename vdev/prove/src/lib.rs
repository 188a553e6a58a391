//! Proof of the core against independent implementations, for `cargo xtask prove-cpu` and, smaller, `cargo xtask test`.
//!
//! Each module is one campaign with its own report; every difference that is not in a campaign's table of known
//! differences of the other implementation is a mismatch.
#![forbid(unsafe_code)]

pub mod access;
pub mod batches;
pub mod campaign;
pub mod consistency;
pub mod decoder;
pub mod fuzz;
pub mod gdb_fuzz;
pub mod lockstep;
pub mod options;
pub mod power_loss;
pub mod programs;
pub mod qemu;
pub mod report;
pub mod rng;
pub mod system;
