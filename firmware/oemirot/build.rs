//! The numbers of the product, from its description: what the linker and the program are built with.
//!
//! The environment variable IRONROOT_PRODUCT names the description (`ironroot.toml`); without it, the product is what ST's
//! projects have for the features that are asked for. Either way features and numbers must agree: `src/product.rs` refuses.

use std::error::Error;
use std::path::PathBuf;

use ironroot_layout::generate::{Form, Side, build_script, generate};
use ironroot_layout::stm32h7rs::Part;
use ironroot_layout::stm32h7rs::product::{BootPath, Open, Place, Plan, Product, UpdateMode};

fn main() -> Result<(), Box<dyn Error>> {
    let here = std::env::var("CARGO_MANIFEST_DIR")?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-env-changed=IRONROOT_PRODUCT");
    let plan = match std::env::var_os("IRONROOT_PRODUCT") {
        Some(path) => build_script(path)?.plan,
        None => Plan::resolve(&of_features())?,
    };
    std::fs::write(out.join("memory.x"), generate(&plan, Side::Stage, Form::Linker))?;
    std::fs::write(out.join("product.rs"), generate(&plan, Side::Stage, Form::Rust))?;
    println!("cargo:rerun-if-changed=oemirot.x");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-T{here}/oemirot.x");
    // No page alignment: segments are what is burnt into flash, not what a loader maps.
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}

fn of_features() -> Product {
    let has = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let part = if has("SOFTWARE_CRYPTO") { Part::Stm32h7r7 } else { Part::Stm32h7s7 };
    let boot = if has("UROT") { BootPath::StirotOemurot } else { BootPath::Oemirot };
    let place = match (has("EXEC_EXTERNAL_FLASH"), has("EXEC_INTERNAL_RAM")) {
        (true, _) => Place::ExternalFlash,
        (_, true) => Place::InternalRam,
        _ => Place::ExternalRam,
    };
    let update = if has("SWAP") { UpdateMode::Swap } else { UpdateMode::Overwrite };
    // As ST's projects, whose applications have their data in AXI SRAM.
    Product { open: Open::Sram, ..Product::new(part, boot, place, update) }
}
