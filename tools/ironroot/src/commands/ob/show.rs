//! `ironroot ob read` and `ironroot ob show`.

use std::fmt::Write;

use ironroot_chip::flash::registers as reg;
use ironroot_chip::map::FLASH_REGISTERS;
use ironroot_chip::reach::Outlook;
use serde_json::{Value, json};

use super::describe;
use super::fields::{AREAS, FIELDS, Register};
use super::plan::write_outlook;
use super::probe::Probe;
use crate::error::Result;
use crate::report::{BOLD, DIM, Reporter};

/// The raw registers.
pub fn read(device: &str, report: &mut Reporter<'_>) -> Result {
    let mut probe = Probe::connect(device)?;
    let mut registers = vec![("OPTCR".to_owned(), reg::OPTCR)];
    for register in Register::ALL {
        for (suffix, offset) in [("CUR", 0), ("PRG", 4)] {
            registers.push((format!("{}_{suffix}", register.name()), register.offset() + offset));
        }
    }
    let (mut text, mut values) = (String::new(), Vec::new());
    for (name, offset) in registers {
        let (address, value) = (FLASH_REGISTERS + offset, probe.register(offset)?);
        let _ = writeln!(text, "{address:#010x}  {BOLD}{name:<11}{BOLD:#} {value:#010x}");
        values.push(json!({ "register": name, "address": address, "value": value }));
    }
    report.result("ob read", json!({ "device": device, "registers": values }), text.trim_end());
    Ok(())
}

/// Fields, areas and outlook.
pub fn show(device: &str, report: &mut Reporter<'_>) -> Result {
    let mut probe = Probe::connect(device)?;
    let (options, uid) = (probe.options()?, probe.unique_id()?);
    let known = probe.known(&[options])?;
    let outlook = known.with(|content| Outlook::of(&options, content, 0));
    let mut text = format!("{BOLD}{device}{BOLD:#}  unique id {uid}\n");
    let mut fields = Vec::new();
    for register in Register::ALL {
        let value = register.of(&options);
        let _ = writeln!(text, "{DIM}{} {value:#010x}{DIM:#}", register.name());
        for field in FIELDS.iter().filter(|field| field.register == register) {
            let raw = field.raw(&options);
            let human = field.human(raw);
            let _ =
                writeln!(text, "  {BOLD}{:<16}{BOLD:#} {human:<38} {DIM}{}{DIM:#}", field.name, field.about);
            fields.push(json!({
                "field": field.name, "register": register.name(), "raw": raw, "text": human, "about": field.about,
            }));
        }
        for area in AREAS.iter().filter(|area| area.register == register) {
            let _ = writeln!(text, "  {BOLD}{:<16}{BOLD:#} {}", area.name, area.human(&options));
        }
    }
    write_outlook(&mut text, "outlook", &outlook, &options);
    let areas: serde_json::Map<String, Value> =
        AREAS.iter().map(|area| (area.name.to_owned(), area.human(&options).into())).collect();
    let data = json!({
        "device": device,
        "unique_id": uid,
        "fields": fields,
        "areas": areas,
        "outlook": describe::outlook_value(&outlook, &options),
    });
    report.result("ob show", data, text.trim_end());
    Ok(())
}
