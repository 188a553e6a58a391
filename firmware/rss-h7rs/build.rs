//! Writes the memory of each program from the layout and hands it its linker script.

use std::path::PathBuf;

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::rsslib;

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets the directory");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets the directory"));
    let nowhere = Region::between(0, 0);
    let programs = [
        ("rss-h7rs", "program.x", rsslib::RSS, rsslib::RAM),
        ("rsslib-h7rs", "library.x", rsslib::LIBRARY, nowhere),
        ("stirot-h7rs", "program.x", rsslib::STIROT, rsslib::STIROT_RAM),
        ("bootloader-h7rs", "program.x", rsslib::BOOTLOADER, rsslib::RAM),
    ];
    for (name, script, flash, ram) in programs {
        let line = |label: &str, region: Region| {
            let (start, size) = (region.start().value(), region.size().bytes());
            format!("  {label} : ORIGIN = {start:#x}, LENGTH = {size:#x}\n")
        };
        let memory = format!(
            "MEMORY\n{{\n{}{}{}}}\nINCLUDE {script}\n",
            line("FLASH", flash),
            line("RAM", ram),
            line("TABLE", rsslib::TABLE)
        );
        std::fs::write(out.join(format!("{name}.x")), memory).expect("OUT_DIR is writable");
        println!("cargo:rustc-link-arg-bin={name}=-T{}/{name}.x", out.display());
    }
    println!("cargo:rerun-if-changed=program.x");
    println!("cargo:rerun-if-changed=library.x");
    println!("cargo:rustc-link-search={here}");
    // No page alignment: segments are what is burnt into system flash, not what a loader maps.
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
