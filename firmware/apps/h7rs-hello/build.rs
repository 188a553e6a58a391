//! Puts memory.x where cortex-m-rt's linker script finds it, as every project with cortex-m-rt does.
//!
//! One line is for secure boot: IRONROOT_GENERATED names the directory of `ironroot app adapt`, whose linker include the
//! adapted memory.x asks for.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::copy("memory.x", out.join("memory.x"))?;
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-env-changed=IRONROOT_GENERATED");
    if let Ok(generated) = std::env::var("IRONROOT_GENERATED") {
        println!("cargo:rustc-link-search={generated}");
        println!("cargo:rerun-if-changed={generated}");
    }
    Ok(())
}
