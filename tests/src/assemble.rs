//! Small Arm programs of the tests, assembled by the same toolchain as the C example.

use std::process::Command;

use crate::device::load_pieces;
use crate::{Scratch, root};

/// Assembles `tests/arm/NAME.s`: section `.vectors` at `vectors`, everything else 0x100 bytes further. Its bytes by address.
pub fn assemble(name: &str, vectors: u32) -> Vec<(u32, Vec<u8>)> {
    let scratch = Scratch::new();
    let elf = scratch.path("program.elf");
    let done = Command::new("arm-none-eabi-gcc")
        .args(["-nostdlib", "-Wl,--nmagic", "-Wl,-e,reset"])
        .arg(format!("-Wl,--section-start=.vectors={vectors:#x}"))
        .arg(format!("-Wl,-Ttext={:#x}", vectors + 0x100))
        .arg(root().join("tests/arm").join(format!("{name}.s")))
        .arg("-o")
        .arg(&elf)
        .status()
        .expect("arm-none-eabi-gcc is installed: `cargo xtask test` sees to it");
    assert!(done.success(), "{name}.s does not assemble");
    load_pieces(&std::fs::read(&elf).expect("readable"))
}
