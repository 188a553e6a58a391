//! Puts memory.x, from the layout, where cortex-m-rt's linker script finds it.

use std::path::PathBuf;

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));
    let memory = ironroot_layout::linker::APPLICATION.to_string();
    std::fs::write(out.join("memory.x"), memory).expect("the output directory is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=build.rs");
}
