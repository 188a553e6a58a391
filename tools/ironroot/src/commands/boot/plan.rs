//! The plan as tables.

use std::fmt::Write;

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::product::{Actor, ImageOptions, MpuTable, OptionStep, Plan, Undo};
use serde_json::{Value, json};

use super::{heading, hex, title};
use crate::error::Result;
use crate::product::Product;
use crate::report::{BAD, BOLD, DIM, Reporter, printable};

/// Runs the command.
pub fn run(product: &Product, report: &mut Reporter<'_>) -> Result {
    let mut data = heading(product);
    if let Value::Object(fields) = value(product) {
        data.extend(fields);
    }
    report.result("boot plan", data, text(product).trim_end());
    Ok(())
}

/// The images, with the keys that the description names.
fn images(product: &Product) -> Vec<(&'static str, ImageOptions, Vec<String>)> {
    let (plan, keys) = (&product.plan, &product.description.keys);
    let name = |key: &Option<String>, missing: &str| {
        key.as_deref().map_or_else(|| missing.to_owned(), |key| product.file(key))
    };
    let own = (name(&keys.sign, "KEY"), name(&keys.encrypt, "ENCRYPTION-KEY"));
    let mut images = Vec::new();
    if let Some(image) = plan.stirot_image.filter(|image| *image != plan.image) {
        let (sign, encrypt) = (name(&keys.stage_sign, "KEY"), name(&keys.stage_encrypt, "ENCRYPTION-KEY"));
        images.push(("second stage", image, image.arguments(&sign, &encrypt)));
    }
    images.push(("application", plan.image, plan.image.arguments(&own.0, &own.1)));
    images
}

fn region_value(area: Region) -> Value {
    json!({ "start": hex(area.start().value()), "size": area.size().bytes() })
}

fn step_value(step: &OptionStep) -> Value {
    json!({
        "phase": step.phase.name(),
        "by": actor(step.actor),
        "register": step.register.name(),
        "address": hex(step.register.address()),
        "mask": hex(step.mask),
        "value": hex(step.value),
        "undo": step.undo.name(),
        "irreversible": step.undo == Undo::Never,
        "reason": step.reason,
    })
}

const fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Host => "host",
        Actor::RootServices => "root security services",
    }
}

fn table_value(table: &MpuTable) -> Value {
    let rows = table.iter().map(|region| {
        json!({
            "number": region.number,
            "name": region.name,
            "area": region_value(region.area),
            "access": region.access.name(),
            "execute": region.execute,
            "attributes": region.attributes.name(),
            "enabled": region.enabled,
            "rbar": hex(region.rbar()),
            "rasr": hex(region.rasr()),
        })
    });
    rows.collect()
}

fn value(product: &Product) -> Value {
    let plan = &product.plan;
    let areas: Vec<Value> =
        plan.flash_areas().map(|(name, area)| json!({ "name": name, "area": region_value(area) })).collect();
    let images: Vec<Value> = images(product)
        .into_iter()
        .map(|(name, image, arguments)| {
            json!({
                "image": name,
                "slot_size": image.slot_size,
                "header": image.header,
                "align": image.align,
                "max_sectors": image.max_sectors,
                "overwrite_only": image.overwrite_only,
                "primary_only": image.primary_only,
                "magic": image.magic.map(hex),
                "version": image.version.to_string(),
                "counter": image.counter.to_string(),
                "encrypted": image.encrypted,
                "hex_address": hex(image.hex_address.value()),
                "imgtool": arguments,
            })
        })
        .collect();
    let keys: Vec<Value> = plan
        .key_contents()
        .map(|content| {
            json!({
                "name": content.name,
                "destination": hex(content.destination.word()),
                "level": content.destination.level.number(),
                "index": content.destination.index,
                "size": content.size,
                "encrypted": content.encrypted,
            })
        })
        .collect();
    json!({
        "slots": areas,
        "header": plan.slots.header.bytes(),
        "trailer": plan.slots.trailer.bytes(),
        "stage": plan.stage.map(|stage| json!({
            "level": stage.level.number(),
            "code": region_value(stage.code),
            "ram": region_value(stage.ram),
        })),
        "iloader": plan.iloader.map(region_value),
        "application": {
            "run": region_value(plan.application.run),
            "code": region_value(plan.application.code),
            "ram": region_value(plan.application.ram),
        },
        "symbols": {
            "PARTITION_START": hex(plan.symbols.partition_start),
            "CODE_OFFSET": hex(plan.symbols.code_offset),
            "CODE_SIZE": hex(plan.symbols.code_size),
            "IMAGE_HEADER_SIZE": hex(plan.symbols.image_header_size),
        },
        "images": images,
        "options": plan.option_steps().map(step_value).collect::<Vec<_>>(),
        "keys": keys,
        "mpu_init": plan.mpu_init.as_ref().map(table_value),
        "mpu_second_stage": plan.mpu_second_stage.as_ref().map(table_value),
        "mpu_hand_off": table_value(&plan.mpu_hand_off),
        "core_mhz": plan.product.clocks.core_mhz,
        "ram_ecc": plan.product.ram_ecc,
        "notes": plan.notes().map(|note| note.text()).collect::<Vec<_>>(),
    })
}

// Writing to a String cannot fail, here and below.
fn head(out: &mut String, name: &str) {
    let _ = writeln!(out, "{BOLD}{name}{BOLD:#}");
}

fn row(out: &mut String, name: &str, area: Region) {
    let _ = writeln!(out, "  {name:<30} {area}  {:>9}", area.size().to_string());
}

fn text(product: &Product) -> String {
    let plan = &product.plan;
    let mut out = String::new();
    head(&mut out, &printable(&title(product)));
    if let Some(board) = &product.description.board {
        let _ = writeln!(out, "  board {}", printable(board));
    }
    head(&mut out, "external flash");
    for (name, area) in plan.flash_areas() {
        row(&mut out, name, area);
    }
    let (header, trailer) = (plan.slots.header, plan.slots.trailer);
    let _ = writeln!(out, "  header {header} in front of the vector table, {trailer} for TLVs and trailer");
    head(&mut out, "programs");
    if let Some(stage) = &plan.stage {
        row(&mut out, "boot stage, code", stage.code);
        row(&mut out, "boot stage, RAM", stage.ram);
    }
    if let Some(iloader) = plan.iloader {
        row(&mut out, "iLoader", iloader);
    }
    row(&mut out, "application, code", plan.application.code);
    row(&mut out, "application, RAM", plan.application.ram);
    let symbols = &plan.symbols;
    let _ = writeln!(
        out,
        "  PARTITION_START {:#x}  CODE_OFFSET {:#x}  CODE_SIZE {:#x}  IMAGE_HEADER_SIZE {:#x}",
        symbols.partition_start, symbols.code_offset, symbols.code_size, symbols.image_header_size
    );
    head(&mut out, "images, as arguments of ST's imgtool");
    for (name, _, arguments) in images(product) {
        let _ = writeln!(out, "  {name}: {}", printable(&arguments.join(" ")));
    }
    options(&mut out, plan);
    head(&mut out, "OBKeys, in order");
    for content in plan.key_contents() {
        let (destination, size) = (content.destination, content.size);
        let encrypted = if content.encrypted { "encrypted by RSS" } else { "as it is" };
        let _ = writeln!(
            out,
            "  {:<22} {:#010x}  level {}, keys from {:>2}  {size:>3} bytes  {encrypted}",
            content.name,
            destination.word(),
            destination.level.number(),
            destination.index
        );
    }
    if let Some(table) = &plan.mpu_second_stage {
        head(&mut out, "MPU when STiRoT starts the second stage");
        mpu(&mut out, table);
    }
    if let Some(table) = &plan.mpu_init {
        head(&mut out, "MPU while the boot stage works");
        mpu(&mut out, table);
    }
    head(&mut out, "MPU at the hand-off");
    mpu(&mut out, &plan.mpu_hand_off);
    let ecc = if plan.product.ram_ecc { "with" } else { "without" };
    let _ = writeln!(
        out,
        "{BOLD}clock{BOLD:#}  {} MHz at the hand-off, {ecc} RAM ECC",
        plan.product.clocks.core_mhz
    );
    for note in plan.notes() {
        let _ = writeln!(out, "{BOLD}note{BOLD:#}   {}", note.text());
    }
    out
}

fn options(out: &mut String, plan: &Plan) {
    head(out, "option bytes, in order");
    for (step, number) in plan.option_steps().zip(1u32..) {
        let _ = writeln!(
            out,
            "  {number} {:<17} {:<8} {:#010x}  mask {:#010x}  value {:#010x}  {}",
            step.phase.name(),
            step.register.name(),
            step.register.address(),
            step.mask,
            step.value,
            step.reason
        );
        let by = actor(step.actor);
        let _ = match step.undo {
            Undo::Never => writeln!(out, "    {BAD}cannot be undone{BAD:#} {DIM}(by the {by}){DIM:#}"),
            undo => writeln!(out, "    {DIM}by the {by}; undone {}{DIM:#}", undo.name()),
        };
    }
}

fn mpu(out: &mut String, table: &MpuTable) {
    for region in table.iter() {
        let execute = if region.execute { "x" } else { "-" };
        let later = if region.enabled { "" } else { ", switched on by RSSLIB" };
        let _ = writeln!(
            out,
            "  {:>2} {}  {:<2} {execute}  RBAR {:#010x} RASR {:#010x}  {} ({}{later})",
            region.number,
            region.area,
            region.access.name(),
            region.rbar(),
            region.rasr(),
            region.name,
            region.attributes.name()
        );
    }
}
