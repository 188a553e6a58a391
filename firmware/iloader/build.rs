//! Writes memory.x from the layout and hands the linker script to the linker.

use std::path::PathBuf;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the directory");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));

    let map = &ironroot_layout::linker::ILOADER;
    std::fs::write(out.join("memory.x"), map.to_string()).expect("OUT_DIR is writable");
    println!("cargo:rerun-if-changed=iloader.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-T{here}/iloader.x");
    // No page alignment: segments are what is burnt into flash, not what a loader maps.
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
