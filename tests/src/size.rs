//! What the boot costs: bytes of each part, instructions of the cryptography, depth of the stack, against the gates.
//!
//! `cargo xtask size` prints it and writes docs/size-and-speed.md; `tests/tests/size.rs` holds it to the gates.

pub mod calls;
pub mod cold;
pub mod h7rs;
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
    /// What the loader must not exceed, counted as the C reference's figure is: engine, image format, cryptography, key store,
    /// decision and record, without start-up, console and drivers.
    pub loader_gate: u32,
    /// What the whole program must not exceed: what was reached. It may only be lowered.
    pub gate: u32,
    /// The C reference's figure for the bare loader, in bytes.
    pub reference: u32,
}

/// Every build that is measured.
pub const VARIANTS: [Variant; 3] = [
    Variant {
        name: "overwrite",
        what: "overwrite-only",
        loader_gate: 20 * 1024,
        gate: 22_912,
        reference: 10_240,
    },
    Variant {
        name: "swap",
        what: "swap with scratch",
        loader_gate: 24 * 1024,
        gate: 26_240,
        reference: 13_517,
    },
    Variant {
        name: "full",
        what: "swap with scratch, ECIES-P256",
        loader_gate: 30 * 1024,
        gate: 33_280,
        reference: 19_763,
    },
];

impl Variant {
    /// The ELF, as `cargo xtask build` leaves it.
    pub fn elf(&self) -> PathBuf {
        crate::firmware(&format!("secure-boot-{}", self.name))
    }
}
