//! Writes memory.x from the layout and hands the linker script to the linker.

use std::path::PathBuf;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the directory");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));
    let entry = ironroot_layout::stm32h735::rss::BOOTLOADER_ENTRY.value();
    let memory = format!(
        "{}MEMORY\n{{\n  ENTRY : ORIGIN = {entry:#x}, LENGTH = 8\n}}\n",
        ironroot_layout::linker::RSS
    );
    std::fs::write(out.join("memory.x"), memory).expect("OUT_DIR is writable");
    println!("cargo:rerun-if-changed=rss.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-T{here}/rss.x");
    // No page alignment: segments are what is burnt into system flash, not what a loader maps.
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
