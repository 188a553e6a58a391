//! The memory map, as table and picture.

use std::fmt::Write;
use std::path::Path;

use ironroot_layout::Region;
use ironroot_layout::stm32h7rs::chip::{
    AHB_SRAM1, AHB_SRAM2, AXI_SRAM, BACKUP_SRAM, DTCM, FLASH, ITCM, SYSTEM_FLASH,
};
use ironroot_layout::stm32h7rs::contract::{CONFIRMATION_FLAG, HAND_OFF, NO_INIT, RAM_ECC_HANDLE};
use ironroot_layout::stm32h7rs::product::{Place, Plan};
use ironroot_layout::stm32h7rs::rsslib;
use serde_json::{Value, json};

use super::{heading, hex, title, write_picture};
use crate::commands::image::picture::{self, Column, Part, PartKind};
use crate::error::Result;
use crate::product::Product;
use crate::report::{BOLD, Reporter, printable};

/// A memory and what lies in it, by address.
struct Memory {
    name: &'static str,
    area: Region,
    parts: Vec<(&'static str, Region, PartKind)>,
}

/// Runs the command.
pub fn run(product: &Product, svg: Option<&Path>, report: &mut Reporter<'_>) -> Result {
    let memories = memories(&product.plan);
    write_picture(svg, || picture::svg(&title(product), &columns(&memories)))?;
    let rows: Vec<Value> = memories
        .iter()
        .map(|memory| {
            let parts: Vec<Value> = memory
                .parts
                .iter()
                .map(|(name, area, _)| {
                    json!({ "name": name, "start": hex(area.start().value()), "size": area.size().bytes() })
                })
                .collect();
            json!({
                "memory": memory.name,
                "start": hex(memory.area.start().value()),
                "size": memory.area.size().bytes(),
                "parts": parts,
            })
        })
        .collect();
    let mut data = heading(product);
    data.insert("memories".into(), rows.into());
    data.insert("svg".into(), svg.map(|path| path.display().to_string()).into());
    let mut text = format!("{BOLD}{}{BOLD:#}\n", printable(&title(product)));
    for memory in &memories {
        let (area, size) = (memory.area, memory.area.size().to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{BOLD}{area}  {size:>9}  {}{BOLD:#}", memory.name);
        for (name, area, _) in &memory.parts {
            let size = area.size().to_string();
            let _ = writeln!(text, "  {area}  {size:>9}  {name}");
        }
    }
    report.result("boot map", data, text.trim_end());
    Ok(())
}

fn memories(plan: &Plan) -> Vec<Memory> {
    use PartKind::{Header, Payload, Protected, Trailer, Unprotected};
    let mut parts: Vec<(&'static str, Region, PartKind)> = vec![
        ("RSS: root security services", rsslib::RSS, Protected),
        ("STiRoT", rsslib::STIROT, Protected),
        ("RSSLIB", rsslib::LIBRARY, Protected),
        ("bootloader", rsslib::BOOTLOADER, Unprotected),
        ("boot record", HAND_OFF, Trailer),
        ("not initialised", NO_INIT, Trailer),
        ("confirmation flag", CONFIRMATION_FLAG, Trailer),
        ("RAM-ECC handle", RAM_ECC_HANDLE, Trailer),
        ("application, RAM", plan.application.ram, Header),
    ];
    for (name, area) in plan.flash_areas() {
        let kind = match name {
            "installed image" | "installed data image" => Payload,
            "installed second stage" => Protected,
            "scratch area" => Unprotected,
            _ => Header,
        };
        parts.push((name, area, kind));
    }
    parts.extend(plan.iloader.map(|area| ("iLoader", area, Protected)));
    if let Some(stage) = &plan.stage {
        parts.push(("boot stage, code", stage.room, Protected));
        parts.push(("boot stage, data and stack", stage.ram, Unprotected));
    }
    if plan.product.place != Place::ExternalFlash {
        parts.push(("application, as it runs", plan.application.run, Payload));
    }
    let all = [
        ("ITCM", Some(ITCM)),
        ("user flash", Some(FLASH)),
        ("system flash", Some(SYSTEM_FLASH)),
        ("DTCM", Some(DTCM)),
        ("AXI SRAM", Some(AXI_SRAM)),
        ("AHB SRAM1", Some(AHB_SRAM1)),
        ("AHB SRAM2", Some(AHB_SRAM2)),
        ("backup SRAM", Some(BACKUP_SRAM)),
        ("external flash", Some(plan.flash)),
        ("external RAM", plan.ram),
    ];
    let mut memories: Vec<Memory> = all
        .into_iter()
        .filter_map(|(name, area)| {
            let area = area?;
            let mut inside: Vec<_> =
                parts.iter().filter(|(_, part, _)| area.contains_region(*part)).copied().collect();
            inside.sort_by_key(|(_, part, _)| part.start());
            Some(Memory { name, area, parts: inside })
        })
        .collect();
    memories.sort_by_key(|memory| memory.area.start());
    memories
}

/// One column for each memory that has something in it, up to what is used of it.
fn columns(memories: &[Memory]) -> Vec<Column> {
    memories
        .iter()
        .filter_map(|memory| {
            let mut parts = Vec::new();
            let mut at = memory.area.start().value();
            for (name, area, kind) in &memory.parts {
                let (start, end) = (area.start().value(), area.end().value());
                // What the stage and, later, the application use is drawn once.
                if start < at {
                    continue;
                }
                if at < start {
                    parts.push(Part { label: "free".to_owned(), range: at..start, kind: PartKind::Free });
                }
                parts.push(Part { label: (*name).to_owned(), range: start..end, kind: *kind });
                at = end;
            }
            let end = memory.area.end().value();
            // A large free rest would leave nothing to see of the other parts.
            let used = at - memory.area.start().value();
            if at < end && end - at <= used.saturating_mul(2) {
                parts.push(Part { label: "free".to_owned(), range: at..end, kind: PartKind::Free });
                at = end;
            }
            let title = if at < end {
                format!("{}: the first {} KB of {}", memory.name, used.div_ceil(1024), memory.area.size())
            } else {
                format!("{}: {}", memory.name, memory.area.size())
            };
            (!memory.parts.is_empty()).then_some(Column { title, parts })
        })
        .collect()
}
