//! Existing linker scripts: what has to change in MEMORY, as a new text beside the old one.
//!
//! Only values are replaced, by their bytes; all else stays as it is, comments and layout included. A script that is not
//! understood is refused: a guess could lose a memory, and the linker would not say so.

mod expression;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use ironroot_codes::input;
use ironroot_layout::generate::{Form, Side, generate};
use ironroot_layout::stm32h7rs::contract::RESERVED;
use ironroot_layout::stm32h7rs::product::Plan;
use ironroot_layout::{Address, Region, Size};

use self::expression::Names;
use self::lex::Problem;
use self::parse::{Entry, Script};
use super::contract::{SHARED, all};
use crate::error::{Failure, Result};

/// Names under which scripts keep the memory that code is loaded to.
const FLASH_NAMES: [&str; 6] = ["FLASH", "ROM", "FLASH1", "FLASH_APP", "rom", "flash"];
/// What the memory for code and the memory for data become: symbols of the include.
const FLASH: [&str; 2] = ["PARTITION_START + CODE_OFFSET + IMAGE_HEADER_SIZE", "CODE_SIZE"];
const RAM: [&str; 2] = ["IRONROOT_RAM_START", "IRONROOT_RAM_SIZE"];

/// What was found in a script.
#[derive(Debug)]
pub struct Adapted {
    /// The script as it should be.
    pub text: String,
    /// What was changed and what was left, in words.
    pub notes: Vec<String>,
}

/// How a script is adapted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The file with the generated symbols, as INCLUDE names it.
    pub include: &'a str,
    /// The memory that the code goes to, if it has a name of its own.
    pub flash: Option<&'a str>,
    /// The product.
    pub plan: &'a Plan,
}

/// Adapts a script.
pub fn adapt(text: &str, wanted: &Wanted<'_>) -> Result<Adapted> {
    let refuse = |problem: Problem| refuse(text, &problem);
    let script = parse::read(text).map_err(refuse)?;
    let Some(memory) = script.memory else {
        return Err(Failure::new(input::LINKER_SCRIPT, "there is no MEMORY command in it"));
    };
    let generated = generate(wanted.plan, Side::Application, Form::Symbols);
    let included = parse::read(&generated).map_err(|problem| Failure::internal(problem.what))?;
    let included = included.symbols(0, &HashMap::new());
    let flash = code_memory(text, &script, wanted.flash)?;

    let there = script.includes.iter().find(|(_, file)| same_file(file, wanted.include)).map(|(at, _)| *at);
    let at = there.unwrap_or(memory);
    let mut work = Work {
        text,
        script: &script,
        plan: wanted.plan,
        names: Names { symbols: script.symbols(at, &included), ..Names::default() },
        edits: Vec::new(),
        notes: Vec::new(),
        moved: None,
    };
    work.symbols(at, &included)?;
    for file in &script.included_memory {
        work.notes.push(format!("INCLUDE {file} in MEMORY: not looked into"));
    }
    if there.is_none() {
        work.edits.push(include(text, memory, wanted.include));
    }
    for entry in &script.entries {
        if entry.name == flash { work.flash(entry) } else { work.other(entry) }
    }
    work.overlaps();
    let Work { mut edits, notes, .. } = work;
    edits.sort_by_key(|(span, _)| span.start);
    let text = replace(text, &edits).ok_or_else(|| Failure::internal("an edit outside the script"))?;
    Ok(Adapted { text, notes })
}

fn refuse(text: &str, problem: &Problem) -> Failure {
    Failure::new(input::LINKER_SCRIPT, format!("line {}: {}", line(text, problem.at), problem.what))
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The name of the one memory that the code goes to.
fn code_memory<'a>(text: &str, script: &Script<'a>, wanted: Option<&str>) -> Result<&'a str> {
    let fits = |entry: &&Entry<'_>| match wanted {
        Some(name) => entry.name == name,
        None => FLASH_NAMES.contains(&entry.name),
    };
    let mut found = script.entries.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.name),
        (None, _) => {
            let cause = match wanted {
                Some(name) => format!("MEMORY has no {name}"),
                None => format!("MEMORY has none of {}", FLASH_NAMES.join(", ")),
            };
            let failure =
                Failure::new(input::LINKER_SCRIPT, cause + ": which memory the code goes to is not known");
            Err(failure.fix("Name it with --flash NAME."))
        }
        (Some(one), Some(other)) => {
            let what = format!("{} and {} are both names of memory for code", one.name, other.name);
            let failure = refuse(text, &Problem { at: other.at, what });
            Err(failure.fix(format!("Say which it goes to: --flash {} or --flash {}.", one.name, other.name)))
        }
    }
}

/// Whether INCLUDE names this file, in whatever directory.
fn same_file(file: &str, include: &str) -> bool {
    file.rsplit('/').next() == Some(include)
}

/// The line with INCLUDE, in front of MEMORY: its expressions use the symbols.
fn include(text: &str, memory: usize, include: &str) -> (Range<usize>, String) {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let before = text.get(..memory).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    match before.get(start..).is_some_and(|before| before.trim().is_empty()) {
        true => (start..start, format!("INCLUDE {include}{end}")),
        false => (memory..memory, format!("{end}INCLUDE {include}{end}")),
    }
}

/// The text with its edits, which are in order.
fn replace(text: &str, edits: &[(Range<usize>, String)]) -> Option<String> {
    let mut new = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for (span, value) in edits {
        new.push_str(text.get(at..span.start)?);
        new.push_str(value);
        at = span.end;
    }
    new.push_str(text.get(at..)?);
    Some(new)
}

/// A script on its way.
struct Work<'a> {
    text: &'a str,
    script: &'a Script<'a>,
    plan: &'a Plan,
    /// What is known; memories as they will be.
    names: Names<'a>,
    edits: Vec<(Range<usize>, String)>,
    notes: Vec<String>,
    /// The memory that was moved.
    moved: Option<&'a str>,
}

impl<'a> Work<'a> {
    fn note(&mut self, entry: &Entry<'_>, what: impl core::fmt::Display) {
        self.notes.push(format!("{}: {what}", entry.name));
    }

    /// Symbols of the include that the script has values for, too. ld takes the last value, wherever it is used.
    fn symbols(&mut self, include: usize, included: &HashMap<&str, u64>) -> Result {
        let both = self.script.assignments.iter().filter(|symbol| included.contains_key(symbol.name));
        for symbol in both {
            let place = line(self.text, symbol.at);
            if symbol.at > include {
                let what =
                    format!("{} gets a value here, which would replace the one of the include", symbol.name);
                let failure = refuse(self.text, &Problem { at: symbol.at, what });
                return Err(failure.fix("Take the line out: the include has the symbol."));
            }
            self.notes.push(format!("{}: the include replaces the value of line {place}", symbol.name));
        }
        Ok(())
    }

    fn set(&mut self, entry: &Entry<'_>, values: [&str; 2]) {
        for (old, new) in [&entry.origin, &entry.length].into_iter().zip(values) {
            if self.script.words(old) != new {
                self.edit(&old.span, new.to_owned());
            }
        }
    }

    /// Replaces a value. What follows `(4)` without a blank must not become one word with the new one.
    fn edit(&mut self, span: &Range<usize>, mut value: String) {
        let next = self.text.get(span.end..).and_then(|rest| rest.chars().next());
        if next.is_some_and(lex::in_word) {
            value.push(' ');
        }
        self.edits.push((span.clone(), value));
    }

    fn has(&self, entry: &Entry<'_>, values: [&str; 2]) -> bool {
        [&entry.origin, &entry.length].into_iter().zip(values).all(|(old, new)| self.script.words(old) == new)
    }

    fn know(&mut self, entry: &Entry<'a>, area: Option<Region>) {
        let number = |value: u32| Some(u64::from(value));
        let values =
            area.map_or((None, None), |area| (number(area.start().value()), number(area.size().bytes())));
        self.names.memories.insert(entry.name, values);
    }

    fn flash(&mut self, entry: &Entry<'a>) {
        let already = self.has(entry, FLASH);
        self.set(entry, FLASH);
        self.note(entry, follows(already));
        self.know(entry, Some(self.plan.application.code));
    }

    fn move_to_ram(&mut self, entry: &Entry<'a>, why: &str) {
        self.set(entry, RAM);
        self.note(entry, why);
        self.know(entry, Some(self.plan.application.ram));
        self.moved = Some(entry.name);
    }

    fn other(&mut self, entry: &Entry<'a>) {
        let is_ram = entry.name.eq_ignore_ascii_case("RAM");
        if self.has(entry, RAM) {
            self.note(entry, follows(true));
            self.know(entry, Some(self.plan.application.ram));
            return;
        }
        let values = [&entry.origin, &entry.length].map(|value| self.script.value(value, &self.names));
        let area = match values.map(|value| value.and_then(|value| u32::try_from(value).ok())) {
            [Some(origin), Some(length)] => Region::checked(Address::new(origin), Size::new(length)),
            _ => None,
        };
        self.know(entry, area);
        let Some(area) = area else {
            match is_ram {
                true => self.move_to_ram(
                    entry,
                    "its values do not follow from this script alone; now the memory that is open when the application starts",
                ),
                false => self.note(entry, "left as it is; its values do not follow from this script alone"),
            }
            return;
        };
        let part = SHARED.iter().find(|(_, part)| area.size().bytes() > 0 && part.contains_region(area));
        if let Some((part, _)) = part {
            self.note(entry, format_args!("left as it is: the {part}; what is placed there must be NOLOAD"));
            return;
        }
        // From in front of the shared memory into it: it ends there.
        let cut = RESERVED
            .start()
            .offset_from(area.start())
            .filter(|room| room.bytes() > 0 && area.overlaps(RESERVED));
        let kept = cut.and_then(|room| Region::checked(area.start(), room)).unwrap_or(area);
        let open = all(self.plan, kept, |rights| rights.write && rights.memory);
        let free = !kept.overlaps(self.plan.application.run);
        if is_ram && !(open && free) {
            self.move_to_ram(entry, "moved to the memory that is open when the application starts");
            return;
        }
        if let Some(room) = cut {
            self.edit(&entry.length.span, format!("{:#x}", room.bytes()));
            self.note(entry, "ends before the memory shared with the boot stage");
            self.know(entry, Some(kept));
        } else if area.overlaps(RESERVED) {
            self.note(entry, format_args!("left as it is; {area} is shared with the boot stage"));
            return;
        }
        let used = self.used(entry);
        let left = if cut.is_some() { "" } else { "left as it is; " };
        if !free {
            let image = self.plan.application.run;
            self.note(entry, format_args!("{left}{kept} overlaps the image, {image}{used}"));
        } else if !open {
            let closed = "is closed when the application starts, so its start-up code must open it first";
            self.note(entry, format_args!("{left}{kept} {closed}{used}"));
        }
    }

    /// Where a memory that cannot simply be used is used.
    fn used(&self, entry: &Entry<'_>) -> String {
        let mut lines: Vec<String> =
            self.script.uses(entry.name).map(|at| line(self.text, at).to_string()).collect();
        lines.dedup();
        match lines.as_slice() {
            [] => " (this script places nothing there)".into(),
            [one] => format!(" (used in line {one})"),
            more => format!(" (used in lines {})", more.join(", ")),
        }
    }

    /// A memory that was moved may now lie where another is.
    fn overlaps(&mut self) {
        let ram = self.plan.application.ram;
        let Some(moved) = self.moved else { return };
        for other in self.script.entries.iter().filter(|other| other.name != moved) {
            let Some((Some(origin), Some(length))) = self.names.memories.get(other.name).copied() else {
                continue;
            };
            let area = u32::try_from(origin).ok().zip(u32::try_from(length).ok());
            let area = area.and_then(|(at, size)| Region::checked(Address::new(at), Size::new(size)));
            if area.is_some_and(|area| area.overlaps(ram)) {
                self.note(other, format_args!("{moved} lies there now; give one of them another place"));
            }
        }
    }
}

const fn follows(already: bool) -> &'static str {
    if already { "follows the product description already" } else { "follows the product description" }
}
