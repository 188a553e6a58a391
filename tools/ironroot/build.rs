//! Embeds the firmware that `cargo xtask build` left in `target/ironroot-firmware/`, as far as it is there.

use std::fmt::Write;
use std::path::Path;

/// File name without its ending, and the constant in `src/firmware.rs`.
const PROGRAMS: &[(&str, &str)] = &[
    ("rss", "RSS_ELF"),
    ("rss-install", "RSS_INSTALL_ELF"),
    ("rss-h7rs", "RSS_H7RS_ELF"),
    ("rsslib-h7rs", "RSSLIB_H7RS_ELF"),
    ("stirot-h7rs", "STIROT_H7RS_ELF"),
    ("bootloader-h7rs", "BOOTLOADER_H7RS_ELF"),
    ("secure-boot", "SECURE_BOOT_ELF"),
    ("hello-hal", "HELLO_HAL_ELF"),
    ("hello-c", "HELLO_C_ELF"),
    ("bench-sha256", "BENCH_SHA256_ELF"),
    ("bench-ecdsa", "BENCH_ECDSA_ELF"),
    ("bench-memcpy", "BENCH_MEMCPY_ELF"),
    ("bench-interrupts", "BENCH_INTERRUPTS_ELF"),
];

fn main() {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    // Not CARGO_TARGET_DIR: xtask writes to the same fixed place, whatever that variable says.
    let dir = Path::new(&manifest).join("../../target/ironroot-firmware");
    let mut code = String::new();
    for (name, constant) in PROGRAMS {
        let elf = dir.join(format!("{name}.elf"));
        // cargo looks at the time stamp; a file that is missing now and appears later counts as changed.
        println!("cargo::rerun-if-changed={}", elf.display());
        let value = match elf.canonicalize() {
            Ok(path) => format!("Some(include_bytes!({:?}))", path.display().to_string()),
            Err(_) => "None".to_owned(),
        };
        writeln!(code, "const {constant}: Option<&[u8]> = {value};")
            .expect("writing to a String cannot fail");
    }
    std::fs::write(Path::new(&out).join("embedded.rs"), code).expect("OUT_DIR is writable");
}
