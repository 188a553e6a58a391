//! What the boot costs: bytes of each part, instructions of the cryptography, depth of the stack, against the gates.
//!
//! `cargo xtask size` prints it and writes docs/size-and-speed.md; `tests/tests/size.rs` holds it to the gates.

pub mod calls;
pub mod parts;
pub mod speed;
pub mod stack;
pub mod table;
pub mod unreachable;

use std::path::PathBuf;

/// A build of secure boot; `xtask/src/size.rs` builds them under these names.
pub struct Variant {
    /// In the table, and in the name of the file.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The goal, in bytes of flash.
    pub goal: u32,
    /// What it must not exceed: the goal, or, as long as that is not met, what was reached. It may only be lowered.
    pub gate: u32,
    /// The C reference's figure, in bytes.
    pub reference: u32,
}

/// Every build that is measured.
pub const VARIANTS: [Variant; 3] = [
    Variant { name: "overwrite", what: "overwrite-only", goal: 20 * 1024, gate: 27_904, reference: 10_240 },
    Variant { name: "swap", what: "swap with scratch", goal: 24 * 1024, gate: 35_584, reference: 13_517 },
    Variant {
        name: "full",
        what: "swap with scratch, ECIES-P256",
        goal: 30 * 1024,
        gate: 43_520,
        reference: 19_763,
    },
];

impl Variant {
    /// The ELF, as `cargo xtask build` leaves it.
    pub fn elf(&self) -> PathBuf {
        crate::firmware(&format!("secure-boot-{}", self.name))
    }
}
