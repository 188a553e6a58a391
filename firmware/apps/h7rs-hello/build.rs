//! Puts memory.x where cortex-m-rt's linker script finds it: the application's own, or, with the feature `adapted`, the one that
//! is generated from the product (IRONROOT_PRODUCT, or what ST's projects have), as `_h7rs_app.ld` for C.

use std::error::Error;
use std::path::PathBuf;

use ironroot_layout::generate::{Form, Side, build_script, generate};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::product::{BootPath, Place, Plan, Product, UpdateMode};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let memory = if std::env::var_os("CARGO_FEATURE_ADAPTED").is_some() { adapted()? } else { own() };
    std::fs::write(out.join("memory.x"), memory)?;
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=IRONROOT_PRODUCT");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}

/// As a debugger starts it: from the start of the external RAM.
fn own() -> String {
    "MEMORY\n{\n  FLASH : ORIGIN = 0x70000000, LENGTH = 2M\n  RAM : ORIGIN = 0x24020000, LENGTH = 128K\n}\n"
        .into()
}

fn adapted() -> Result<String, Box<dyn Error>> {
    let plan = match std::env::var_os("IRONROOT_PRODUCT") {
        Some(path) => build_script(path)?.plan,
        None => Plan::resolve(&Product::new(
            Part::Stm32h7s7,
            BootPath::Oemirot,
            Place::ExternalRam,
            UpdateMode::Overwrite,
        ))?,
    };
    Ok(generate(&plan, Side::Application, Form::Linker))
}
