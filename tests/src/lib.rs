//! What the end-to-end tests share: the tool, the firmware, and the programs that our word is checked against.
//!
//! `cargo xtask test` builds all of it first. A test that finds something missing fails and says so: a silent skip would
//! look like success.

#![forbid(unsafe_code)]

pub mod assemble;
pub mod core_crypto;
pub mod demo_h7s;
pub mod device;
pub mod h7rs;
pub mod h7rs_system;
pub mod journey;
mod oracle;
pub mod reach;
mod scratch;
pub mod serial;
pub mod size;
pub mod update;
pub mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use oracle::{imgtool, imgtool_python};
pub use scratch::{Run, Scratch};

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The `ironroot` binary of the same profile as the test that asks.
pub fn ironroot() -> Command {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/PROFILE/deps/TEST: the binary is one directory up.
    let binary = test.ancestors().nth(2).map(|dir| dir.join("ironroot")).filter(|path| path.is_file());
    Command::new(binary.expect("the ironroot binary is not built: run `cargo xtask test`"))
}

/// The ELF file of a firmware program: `rss`, `secure-boot`, `hello-hal` or `hello-c`.
pub fn firmware(name: &str) -> PathBuf {
    let path = root().join("target/ironroot-firmware").join(format!("{name}.elf"));
    assert!(path.is_file(), "{} is not built: run `cargo xtask build`", path.display());
    path
}
