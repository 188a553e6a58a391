//! Existing linker scripts: what has to change in the MEMORY command, as a new text beside the old one.

use ironroot_codes::input;
use ironroot_layout::stm32h7rs::contract::RESERVED;
use ironroot_layout::stm32h7rs::product::Plan;
use ironroot_layout::{Address, Region, Size};

use super::contract::all;
use crate::error::{Failure, Result};
use crate::st;

/// Names under which scripts keep the memory that code is loaded to.
const FLASH_NAMES: [&str; 6] = ["FLASH", "ROM", "FLASH1", "FLASH_APP", "rom", "flash"];

/// What was found in a script.
#[derive(Debug)]
pub struct Adapted {
    /// The script as it should be.
    pub text: String,
    /// What was changed and what was left, in words.
    pub notes: Vec<String>,
}

/// An entry of MEMORY: `NAME (attributes) : ORIGIN = …, LENGTH = …`.
struct Entry<'a> {
    name: &'a str,
    /// Bytes of the line behind the colon that are replaced.
    values: std::ops::Range<usize>,
    origin: &'a str,
    length: &'a str,
}

/// Adapts a script. `include` is the name under which the generated symbols are included.
pub fn adapt(text: &str, include: &str, plan: &Plan) -> Result<Adapted> {
    let refuse = |cause: &str| Failure::new(input::WRONG_FILE_KIND, cause.to_owned());
    let (keyword, start, end) =
        memory_block(text).ok_or_else(|| refuse("there is no MEMORY command in it"))?;
    let (head, block, tail) = match (text.get(..start), text.get(start..end), text.get(end..)) {
        (Some(head), Some(block), Some(tail)) => (head, block, tail),
        _ => return Err(Failure::internal("a block outside the text")),
    };
    let mut notes = Vec::new();
    let mut flash = false;
    let mut lines = String::new();
    for line in block.split_inclusive('\n') {
        let Some(entry) = entry(line) else {
            lines.push_str(line);
            continue;
        };
        let Some(values) = wanted(&entry, plan, &mut flash, &mut notes) else {
            lines.push_str(line);
            continue;
        };
        lines.push_str(line.get(..entry.values.start).unwrap_or_default());
        lines.push_str(&values);
        lines.push_str(line.get(entry.values.end..).unwrap_or_default());
    }
    if !flash {
        let cause = format!(
            "MEMORY has none of {}: which memory the code goes to is not known",
            FLASH_NAMES.join(", ")
        );
        return Err(refuse(&cause));
    }
    let line = format!("INCLUDE {include}\n");
    let mut adapted = String::with_capacity(text.len() + line.len() + 64);
    if !text.contains(line.trim_end()) {
        // In front of MEMORY: its expressions use the symbols.
        let at = text.get(..keyword).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        adapted.push_str(head.get(..at).unwrap_or_default());
        adapted.push_str(&line);
        adapted.push_str(head.get(at..).unwrap_or_default());
    } else {
        adapted.push_str(head);
    }
    adapted.push_str(&lines);
    adapted.push_str(tail);
    Ok(Adapted { text: adapted, notes })
}

/// The new values of an entry; `None` if it may stay.
fn wanted(entry: &Entry<'_>, plan: &Plan, flash: &mut bool, notes: &mut Vec<String>) -> Option<String> {
    if FLASH_NAMES.contains(&entry.name) {
        *flash = true;
        let values = "ORIGIN = PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE, LENGTH = CODE_SIZE";
        notes.push(format!("{}: follows the product description", entry.name));
        return Some(values.to_owned());
    }
    let number = |text: &str| size(text).and_then(|value| u32::try_from(value).ok());
    let (Some(origin), Some(length)) = (number(entry.origin), number(entry.length)) else {
        notes.push(format!("{}: left as it is, because its values are no plain numbers", entry.name));
        return None;
    };
    let area = Region::checked(Address::new(origin), Size::new(length))?;
    if area.overlaps(RESERVED) {
        let length = RESERVED.start().value().saturating_sub(origin);
        notes.push(format!("{}: ends before the memory shared with the boot stage", entry.name));
        return Some(format!("ORIGIN = {origin:#010x}, LENGTH = {length:#x}"));
    }
    if all(plan, area, |rights| rights.write && rights.memory) {
        return None;
    }
    if entry.name.eq_ignore_ascii_case("RAM") {
        notes.push(format!("{}: moved to the memory that is open when the application starts", entry.name));
        return Some("ORIGIN = IRONROOT_RAM_START, LENGTH = IRONROOT_RAM_SIZE".to_owned());
    }
    notes.push(format!(
        "{}: left as it is; {area} is closed when the application starts, so its start-up code must open it first",
        entry.name
    ));
    None
}

/// Where MEMORY stands, and the range of what is between its braces.
fn memory_block(text: &str) -> Option<(usize, usize, usize)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find("MEMORY")?;
        let behind = text.get(at + "MEMORY".len()..)?;
        let open = behind.find(|c: char| !c.is_whitespace())?;
        if behind.get(open..)?.starts_with('{') {
            let start = at + "MEMORY".len() + open + 1;
            let length = text.get(start..)?.find('}')?;
            return Some((at, start, start + length));
        }
        from = at + "MEMORY".len();
    }
}

fn entry(line: &str) -> Option<Entry<'_>> {
    let (before, after) = line.split_once(':')?;
    let name = before.split(['(', ' ', '\t']).find(|word| !word.is_empty())?;
    // A comment in front of an entry, or an entry in a comment, is not for us to change.
    if before.contains("/*") || before.contains("//") {
        return None;
    }
    let (first, second) = after.split_once(',')?;
    let value = |text: &'_ str, names: &[&str]| -> Option<(usize, usize)> {
        let equals = text.find('=')?;
        let name = text.get(..equals)?.trim();
        if !names.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return None;
        }
        let end = text.find("/*").unwrap_or(text.len());
        let value = text.get(equals + 1..end)?;
        let lead = value.len() - value.trim_start().len();
        Some((equals + 1 + lead, equals + 1 + value.trim_end().len().max(lead)))
    };
    let origin = value(first, &["ORIGIN", "org", "o"])?;
    let length = value(second, &["LENGTH", "len", "l"])?;
    let start_of_values = before.len() + 1 + (first.len() - first.trim_start().len());
    let end_of_values = before.len() + 1 + first.len() + 1 + length.1;
    Some(Entry {
        name,
        values: start_of_values..end_of_values,
        origin: first.get(origin.0..origin.1)?,
        length: second.get(length.0..length.1)?,
    })
}

/// A size as linker scripts write it: with K and M.
fn size(text: &str) -> Option<u128> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1024),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1024 * 1024),
            None => (text, 1),
        },
    };
    st::number(digits.trim()).and_then(|value| value.checked_mul(unit))
}
