//! Links as the secure boot is linked: the same place, the same linker script.

use std::path::PathBuf;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the directory");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));
    let memory = ironroot_layout::linker::SECURE_BOOT.to_string();
    std::fs::write(out.join("memory.x"), memory).expect("OUT_DIR is writable");
    println!("cargo:rerun-if-changed=../../secure-boot/secure-boot.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-T{here}/../../secure-boot/secure-boot.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
