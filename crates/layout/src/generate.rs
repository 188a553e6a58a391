//! What is generated from a plan: linker scripts, a C header, Rust constants. One source for both sides of the hand-off.
//!
//! In a build script:
//!
//! ```no_run
//! use ironroot_layout::generate::{Form, Side, build_script, generate};
//!
//! let built = build_script("../../examples/h7s/oemirot-external-ram.toml")?;
//! let memory = generate(&built.plan, Side::Stage, Form::Linker);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt::Write;
use std::boxed::Box;
use std::format;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use crate::Region;
use crate::description::Description;
use crate::stm32h7rs::contract::{CONFIRM, CONFIRMATION_FLAG, HAND_OFF, RAM_ECC_HANDLE};
use crate::stm32h7rs::map;
use crate::stm32h7rs::product::{Guarded, MpuTable, OptionStep, Plan, Stage};

/// Which program it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// OEMiRoT or OEMuRoT.
    Stage,
    /// The iLoader.
    Loader,
    /// The application.
    Application,
}

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `memory.x` for GNU ld and lld: MEMORY and symbols, to be included by a linker script.
    Linker,
    /// The symbols alone, for a linker script that has a MEMORY of its own.
    Symbols,
    /// A C header.
    CHeader,
    /// A file of Rust constants, to be included.
    Rust,
}

/// The text of one file. A side that the boot path does not have gives a file that says so and defines nothing.
pub fn generate(plan: &Plan, side: Side, form: Form) -> String {
    let Some(program) = program(plan, side) else {
        let title = format!("{}: this boot path has none", name(side));
        return match form {
            Form::Linker | Form::Symbols | Form::CHeader => format!("/* {title}. */\n"),
            Form::Rust => format!("// {title}.\n"),
        };
    };
    match form {
        Form::Linker => linker(&program),
        Form::Symbols => symbols(&program),
        Form::CHeader => header(&program, plan),
        Form::Rust => rust(plan, side, &program),
    }
}

/// A constant: name, value, and what it is.
struct Constant(&'static str, u32, &'static str);

/// A program as its linker sees it.
struct Program {
    title: String,
    flash: Region,
    ram: Region,
    constants: Vec<Constant>,
}

const fn name(side: Side) -> &'static str {
    match side {
        Side::Stage => "boot stage",
        Side::Loader => "iLoader",
        Side::Application => "application",
    }
}

fn program(plan: &Plan, side: Side) -> Option<Program> {
    let product = &plan.product;
    let title = format!(
        "{} of a product on {}: boot {}, runs from {}, updates {}",
        name(side),
        product.part.name(),
        product.boot.name(),
        product.place.name(),
        product.update.name()
    );
    let (flash, ram, constants) = match side {
        Side::Stage => {
            let stage = plan.stage?;
            (stage.code, stage.ram, stage_constants(plan, &stage))
        }
        Side::Loader => (plan.iloader?, map::ILOADER_RAM, Vec::new()),
        Side::Application => (plan.application.code, plan.application.ram, application_constants(plan)),
    };
    Some(Program { title, flash, ram, constants })
}

fn stage_constants(plan: &Plan, stage: &Stage) -> Vec<Constant> {
    let start = |area: Option<Region>| area.map_or(0, |area| area.start().value());
    let size = |area: Option<Region>| area.map_or(0, |area| area.size().bytes());
    let slots = &plan.slots;
    std::vec![
        Constant("IRONROOT_INSTALLED", start(Some(slots.installed)), "installed image"),
        Constant("IRONROOT_DOWNLOAD", start(Some(slots.download)), "download"),
        Constant("IRONROOT_SLOT_SIZE", size(Some(slots.installed)), "size of either slot"),
        Constant("IRONROOT_SCRATCH", start(slots.scratch), "scratch area; 0 without"),
        Constant("IRONROOT_SCRATCH_SIZE", size(slots.scratch), "its size"),
        Constant("IRONROOT_RUN", start(Some(plan.application.run)), "where the image runs, header first"),
        Constant("IRONROOT_HAND_OFF", HAND_OFF.start().value(), "boot record for the application"),
        Constant("IRONROOT_EXIT_STACK", stage.exit_stack.value(), "stack pointer when DTCM is closed"),
    ]
}

fn application_constants(plan: &Plan) -> Vec<Constant> {
    let symbols = &plan.symbols;
    let application = &plan.application;
    std::vec![
        Constant("PARTITION_START", symbols.partition_start, "memory that the image runs from"),
        Constant("CODE_OFFSET", symbols.code_offset, "the image's distance from it"),
        Constant("CODE_SIZE", symbols.code_size, "room behind the header"),
        Constant("IMAGE_HEADER_SIZE", symbols.image_header_size, "header in front of the vector table"),
        Constant("IRONROOT_VECTOR_TABLE", application.code.start().value(), "where VTOR points at the start"),
        Constant("IRONROOT_RAM_START", application.ram.start().value(), "RAM that is open at the start"),
        Constant("IRONROOT_RAM_SIZE", application.ram.size().bytes(), "its size"),
        Constant(
            "IRONROOT_CONFIRMATION_FLAG",
            CONFIRMATION_FLAG.start().value(),
            "four words; never initialised"
        ),
        Constant(
            "IRONROOT_RAM_ECC_HANDLE",
            RAM_ECC_HANDLE.start().value(),
            "filled by the boot stage; never initialised"
        ),
        Constant("IRONROOT_HAND_OFF", HAND_OFF.start().value(), "boot record; never initialised"),
    ]
}

/// Numbers that are no addresses: for programs, not for the linker.
fn settings(plan: &Plan) -> Vec<Constant> {
    let [a, b, c, d] = CONFIRM;
    std::vec![
        Constant("IRONROOT_CONFIRM_0", a, "first word that confirms an update"),
        Constant("IRONROOT_CONFIRM_1", b, "second word"),
        Constant("IRONROOT_CONFIRM_2", c, "third word"),
        Constant("IRONROOT_CONFIRM_3", d, "fourth word"),
        Constant("IRONROOT_CORE_MHZ", plan.product.clocks.core_mhz, "core clock at the start"),
        Constant(
            "IRONROOT_CORE_MHZ_MAX",
            plan.product.clocks.application_mhz,
            "core clock that may be set by PLL1"
        ),
    ]
}

/// In the first line of every generated file: such a file may be written anew, any other may be somebody's own.
pub const SOURCE: &str = "Generated from ironroot.toml: change it there";

// Writing to a String cannot fail, here and below.
fn linker(program: &Program) -> String {
    let mut out = format!("/* {}. {SOURCE}. */\nMEMORY\n{{\n", program.title);
    for (name, attributes, area) in [("FLASH", "rx", program.flash), ("RAM", "rwx", program.ram)] {
        let (start, size) = (area.start().value(), area.size().bytes());
        let _ = writeln!(out, "  {name:<10} ({attributes:<3}) : ORIGIN = {start:#010x}, LENGTH = {size:#x}");
    }
    out.push_str("}\n");
    assignments(&mut out, program);
    out
}

fn symbols(program: &Program) -> String {
    let mut out = format!("/* {}. {SOURCE}. */\n", program.title);
    assignments(&mut out, program);
    out
}

fn assignments(out: &mut String, program: &Program) {
    for Constant(name, value, _) in &program.constants {
        let _ = writeln!(out, "{name} = {value:#010x};");
    }
}

fn header(program: &Program, plan: &Plan) -> String {
    let mut out = format!(
        "/* {}. {SOURCE}. */\n#ifndef IRONROOT_LAYOUT_H\n#define IRONROOT_LAYOUT_H\n\n",
        program.title
    );
    for (name, value) in [
        ("IRONROOT_FLASH_START", program.flash.start().value()),
        ("IRONROOT_FLASH_SIZE", program.flash.size().bytes()),
    ] {
        let _ = writeln!(out, "#define {name:<28} {value:#010x}u");
    }
    for Constant(name, value, what) in program.constants.iter().chain(&settings(plan)) {
        let _ = writeln!(out, "#define {name:<28} {value:#010x}u /* {what} */");
    }
    out.push_str("\n#endif\n");
    out
}

fn rust(plan: &Plan, side: Side, program: &Program) -> String {
    let mut out = format!("// {}. {SOURCE}.\n", program.title);
    for Constant(name, value, what) in program.constants.iter().chain(&settings(plan)) {
        let _ = writeln!(out, "/// {what}\npub const {name}: u32 = {value:#010x};");
    }
    if side == Side::Stage {
        stage_rust(&mut out, plan);
    }
    out
}

/// A region as an expression.
fn region(area: Region) -> String {
    let (start, end) = (area.start().value(), area.end().value());
    format!("::ironroot_layout::Region::between({start:#010x}, {end:#010x})")
}

fn optional(area: Option<Region>) -> String {
    area.map_or_else(|| "None".into(), |area| format!("Some({})", region(area)))
}

/// What the boot stage is built with, typed.
fn stage_rust(out: &mut String, plan: &Plan) {
    const REGION: &str = "::ironroot_layout::Region";
    let Some(stage) = plan.stage else { return };
    let (product, slots) = (&plan.product, &plan.slots);
    let maybe = format!("Option<{REGION}>");
    let data = plan.data.as_ref();
    let items = [
        (
            "PART",
            "::ironroot_layout::stm32h7rs::Part",
            format!("::ironroot_layout::stm32h7rs::Part::{:?}", product.part),
        ),
        ("BOOT", "::ironroot_layout::stm32h7rs::product::BootPath", typed("BootPath", product.boot)),
        ("PLACE", "::ironroot_layout::stm32h7rs::product::Place", typed("Place", product.place)),
        ("UPDATE", "::ironroot_layout::stm32h7rs::product::UpdateMode", typed("UpdateMode", product.update)),
        (
            "LEVEL",
            "::ironroot_layout::stm32h7rs::state::Hdpl",
            format!("::ironroot_layout::stm32h7rs::state::Hdpl::{:?}", stage.level),
        ),
        ("FLASH", REGION, region(plan.flash)),
        ("RAM", &maybe, optional(plan.ram)),
        ("INSTALLED", REGION, region(slots.installed)),
        ("DOWNLOAD", REGION, region(slots.download)),
        ("SCRATCH", &maybe, optional(slots.scratch)),
        ("DATA_INSTALLED", &maybe, optional(data.map(|data| data.installed))),
        ("DATA_DOWNLOAD", &maybe, optional(data.map(|data| data.download))),
        ("RUN", REGION, region(plan.application.run)),
        ("APPLICATION", REGION, region(plan.application.code)),
        ("STAGE_ROOM", REGION, region(stage.room)),
        ("STAGE_CODE", REGION, region(stage.code)),
        ("STAGE_RAM", REGION, region(stage.ram)),
        ("HEADER", "u32", format!("{:#x}", slots.header.bytes())),
        ("TRAILER", "u32", format!("{:#x}", slots.trailer.bytes())),
        ("SECTOR", "u32", format!("{:#x}", slots.sector.bytes())),
        ("MAX_SECTORS", "u32", format!("{}", slots.max_sectors)),
        ("ALIGN", "u32", format!("{}", plan.image.align)),
        ("ENCRYPTED", "bool", format!("{}", product.encrypt)),
        ("OPEN", "::ironroot_layout::stm32h7rs::product::Open", typed("Open", product.open)),
        ("RAM_ECC", "bool", format!("{}", product.ram_ecc)),
        ("CORE_MHZ", "u32", format!("{}", product.clocks.core_mhz)),
        ("GUARDED_OPTIONS", "&[::ironroot_layout::stm32h7rs::product::Guarded]", guarded(plan)),
        ("MPU_INIT", TABLE, plan.mpu_init.as_ref().map_or_else(|| "[[0, 0]; 16]".into(), table)),
        ("MPU_HAND_OFF", TABLE, table(&plan.mpu_hand_off)),
    ];
    for (name, of, value) in items {
        let _ = writeln!(out, "#[allow(missing_docs)]\npub const {name}: {of} = {value};");
    }
}

/// Rows as pairs of an array, whose order in memory is certain: assembly reads them.
const TABLE: &str = "[[u32; 2]; 16]";

fn typed(kind: &str, value: impl core::fmt::Debug) -> String {
    format!("::ironroot_layout::stm32h7rs::product::{kind}::{value:?}")
}

/// The options that a closed product insists on.
fn guarded(plan: &Plan) -> String {
    let items: Vec<String> = plan
        .option_steps()
        .filter_map(OptionStep::guarded)
        .map(|Guarded { address, mask, value }| {
            const NAME: &str = "::ironroot_layout::stm32h7rs::product::Guarded";
            format!("{NAME} {{ address: {address:#010x}, mask: {mask:#x}, value: {value:#x} }}")
        })
        .collect();
    format!("&[{}]", items.join(", "))
}

/// RBAR and RASR of all regions.
fn table(table: &MpuTable) -> String {
    let rows: Vec<String> =
        table.registers().iter().map(|(rbar, rasr)| format!("[{rbar:#010x}, {rasr:#010x}]")).collect();
    format!("[{}]", rows.join(", "))
}

/// What a build script got.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file that was read.
    pub path: PathBuf,
    /// What it says.
    pub description: Description,
    /// What follows.
    pub plan: Plan,
}

/// For build scripts: reads and resolves the description that the environment variable IRONROOT_PRODUCT names, or else
/// `default`, and tells cargo to run again when either changes.
///
/// # Errors
/// The file cannot be read, or a [`crate::description::Problem`].
pub fn build_script(default: impl AsRef<Path>) -> Result<Built, Box<dyn std::error::Error>> {
    std::println!("cargo::rerun-if-env-changed=IRONROOT_PRODUCT");
    let path =
        std::env::var_os("IRONROOT_PRODUCT").map_or_else(|| default.as_ref().to_path_buf(), PathBuf::from);
    std::println!("cargo::rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let description = Description::read(&format!("{}", path.display()), &text)?;
    let plan = description.plan()?;
    Ok(Built { path, description, plan })
}
