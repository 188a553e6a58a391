//! The tables of docs/product-description.md, from the same table as the reader.

use core::fmt::Write;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::stm32h7rs::chip::Part;
use crate::stm32h7rs::product::{BootPath, Entry, Extent, Kind, Place, Preset, Product, UpdateMode};

/// Every entry with what it takes, its default and what it says, one table for each table of the file; and the default places
/// of the slots. Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    let mut table = "";
    for entry in Entry::ALL {
        let own = entry.path().split('.').next().unwrap_or_default();
        // Writing to a String cannot fail, here and below.
        if own != table {
            table = own;
            let _ = writeln!(out, "\n### `[{table}]`\n");
            let _ = writeln!(out, "| entry | takes | default | what it says |\n|---|---|---|---|");
        }
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            entry.path(),
            takes(entry.kind()),
            preset(entry.preset()),
            entry.help()
        );
    }
    places(&mut out);
    out
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_string(),
        Kind::Choice(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
            names.join(", ")
        }
        Kind::Number(0, 1) => "0 or 1".to_string(),
        Kind::Number(least, most) => format!("{least} to {most}"),
        Kind::Size => "bytes".to_string(),
        Kind::Bool => "`true`, `false`".to_string(),
        Kind::Version => "`\"1.2.3\"`, `\"1.2.3+4\"`".to_string(),
        Kind::Counter => "`\"auto\"`, number".to_string(),
    }
}

fn preset(preset: Preset) -> String {
    match preset {
        Preset::Required => "must be given".to_string(),
        Preset::Nothing => "none".to_string(),
        Preset::Value(value) => format!("`{value}`"),
        Preset::Follows(text) => text.to_string(),
    }
}

/// Where the slots are if nothing is said, for each boot path and place that go together.
fn places(out: &mut String) {
    out.push_str("\n### Slots by default\n\nBytes from the start of the external flash.\n\n");
    out.push_str("| `boot` | `execute` | installed | download | scratch area (`update = \"swap\"`) |\n|---|---|---|---|---|\n");
    for boot in BootPath::ALL.iter().copied() {
        for place in Place::ALL.iter().copied() {
            if boot == BootPath::Stirot && place != Place::InternalRam {
                continue;
            }
            let product = Product::new(Part::Stm32h7s7, boot, place, UpdateMode::Overwrite);
            let scratch = match boot {
                BootPath::Stirot => "none".to_string(),
                _ => area(product.default_scratch()),
            };
            let _ = writeln!(
                out,
                "| `{}` | `{}` | {} | {} | {scratch} |",
                boot.name(),
                place.name(),
                area(product.slots.installed),
                area(product.slots.download)
            );
        }
    }
}

fn area(extent: Extent) -> String {
    format!("{:#x}, {} KB", extent.offset, extent.size / 1024)
}
