//! Writes memory.x from the layout and hands the linker script to the linker.

use std::path::PathBuf;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the directory");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));
    let memory = ironroot_layout::linker::INSTALLER.to_string();
    std::fs::write(out.join("memory.x"), memory).expect("OUT_DIR is writable");
    println!("cargo:rerun-if-changed=install.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-T{here}/install.x");
    // No page alignment: segments are what is burnt into system flash, not what a loader maps.
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
