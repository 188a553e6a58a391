//! The checks of an application against the contract: each finding with its code, address, symbol, reason and remedy.

use ironroot_codes::{Code, input};
use ironroot_layout::stm32h7rs::VECTOR_TABLE_ALIGNMENT;
use ironroot_layout::stm32h7rs::contract::RESERVED;
use ironroot_layout::stm32h7rs::product::{Open, Plan};
use ironroot_layout::{Address, Region, Size};

use super::contract::{all, first_without, rights, shared};
use super::program::{Extent, Program, SYSTEM_VECTORS, Section, Table};

/// Names under which linker scripts keep what they reserve: ST's, and those of cortex-m-rt.
const HEAP_START: [&str; 5] = ["__heap_start__", "__sheap", "_end", "end", "__end__"];
const HEAP_SIZE: [&str; 2] = ["_Min_Heap_Size", "_heap_size"];
const STACK_SIZE: [&str; 2] = ["_Min_Stack_Size", "_stack_size"];
/// Symbols between which start-up code clears memory or copies to it: ST's, newlib's and cortex-m-rt's.
const INITIALISED: [(&str, &str); 6] = [
    ("_sbss", "_ebss"),
    ("__bss_start__", "__bss_end__"),
    ("__sbss", "__ebss"),
    ("_sdata", "_edata"),
    ("__data_start__", "__data_end__"),
    ("__sdata", "__edata"),
];
/// Parts of an image are further apart than alignment makes them only if they are meant for different places.
const GAP: u32 = VECTOR_TABLE_ALIGNMENT.bytes();

/// Something that does not keep the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The code.
    pub code: Code,
    /// The first address that it is about.
    pub address: Address,
    /// Section and symbol there, as far as known.
    pub symbol: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do in this case.
    pub remedy: String,
}

/// What a check has to say.
#[derive(Debug, Default)]
pub struct Checked {
    /// Everything that is wrong, in the order of the checks.
    pub findings: Vec<Finding>,
    /// What was looked at and how far, where that is not plain.
    pub notes: Vec<String>,
}

/// Checks an application.
pub fn check(program: &Program, plan: &Plan) -> Checked {
    let first = program.first(plan.application.run);
    let mut check = Check {
        program,
        plan,
        table: first.map(|section| program.table(section)),
        checked: Checked::default(),
        moved: None,
        image: None,
    };
    check.vector_table(first.and_then(|section| section.loaded));
    check.size();
    for section in &program.sections {
        check.section(section);
    }
    check.vectors();
    check.stack();
    check.heap();
    check.checked
}

struct Check<'a> {
    program: &'a Program,
    plan: &'a Plan,
    /// The vector table, if anything is loaded.
    table: Option<Table>,
    checked: Checked,
    /// Where the application begins, if it was linked for another place: told once, for all that moves with it.
    moved: Option<Address>,
    /// What follows the vector table, inside the room or without a gap, however long.
    image: Option<Region>,
}

impl Check<'_> {
    fn code(&self) -> Region {
        self.plan.application.code
    }

    /// The linker setting that most of this is repaired with.
    fn link(&self) -> String {
        let code = self.code();
        format!(
            "link with FLASH : ORIGIN = {}, LENGTH = {:#x} (`ironroot app adapt` writes the include)",
            code.start(),
            code.size().bytes()
        )
    }

    fn open(&self) -> String {
        let ram = self.plan.application.ram;
        let more = match self.plan.product.open {
            Open::AhbSram2 => "; `application.open = \"sram\"` opens all internal RAM",
            Open::Sram => "",
        };
        format!("use {ram}, which is open at the start{more}; or set up the MPU before the first access")
    }

    fn add(&mut self, code: Code, address: Address, section: Option<&str>, reason: String, remedy: String) {
        let symbol = self.program.symbol_at(address).map(str::to_owned);
        let symbol = match (section, symbol) {
            (Some(section), Some(symbol)) => Some(format!("{section}: {symbol}")),
            (Some(section), None) => Some(section.to_owned()),
            (None, symbol) => symbol,
        };
        self.checked.findings.push(Finding { code, address, symbol, reason, remedy });
    }

    /// The lowest loaded byte is the vector table, and the header has room in front of it.
    fn vector_table(&mut self, first: Option<Region>) {
        let (code, remedy) = (self.code(), self.link());
        let Some(lowest) = first else {
            self.add(input::APP_EMPTY, code.start(), None, "no section has bytes".into(), remedy);
            return;
        };
        let start = lowest.start();
        if !start.is_aligned(VECTOR_TABLE_ALIGNMENT) {
            let reason =
                format!("the vector table is at {start}, which is no multiple of {VECTOR_TABLE_ALIGNMENT}");
            self.add(input::APP_VECTOR_ALIGNMENT, start, None, reason, remedy.clone());
        }
        if start != code.start() {
            self.moved = Some(start);
            let run = self.plan.application.run;
            let reason = if start == run.start() {
                format!(
                    "it is linked for the start of the partition; the image header of {:#x} bytes lies there",
                    self.plan.symbols.image_header_size
                )
            } else {
                format!("the vector table is at {start}; the boot stage looks for it at {}", code.start())
            };
            self.add(input::APP_WRONG_ADDRESS, start, None, reason, remedy);
        }
        self.image = Some(lowest);
    }

    /// The room, as it lies beside an application that was linked for another place.
    fn room_for_image(&self) -> Region {
        let code = self.code();
        self.moved.and_then(|start| Region::checked(start, code.size())).unwrap_or(code)
    }

    /// All that is loaded behind the vector table, one behind the other, fits: said once, not for each section behind the end.
    fn size(&mut self) {
        let Some(first) = self.image else { return };
        let loaded = |section: &Section| section.loaded.map(|loaded| (loaded, section.name.clone()));
        let mut parts: Vec<(Region, String)> = self.program.sections.iter().filter_map(loaded).collect();
        parts.sort_by_key(|(loaded, _)| loaded.start());
        let room = self.room_for_image();
        let mut end = first.end();
        let mut over = None;
        for (loaded, name) in parts.into_iter().filter(|(loaded, _)| loaded.start() >= first.start()) {
            let apart = loaded.start().offset_from(end).is_some_and(|gap| gap.bytes() > GAP);
            if apart && !room.contains(loaded.start()) {
                break;
            }
            end = end.max(loaded.end());
            if over.is_none() && loaded.end() > room.end() {
                over = Some(name);
            }
        }
        self.image = end.offset_from(first.start()).and_then(|size| Region::checked(first.start(), size));
        if let Some(name) = over {
            let more = end.offset_from(room.end()).map_or(0, Size::bytes);
            let reason = format!(
                "it ends at {end}, {more} bytes behind the room of {:#x} that header, TLVs and trailer leave",
                room.size().bytes()
            );
            let remedy = "make it smaller, or the slots of the product larger".into();
            self.add(input::APP_TOO_LARGE, room.end(), Some(&name), reason, remedy);
        }
    }

    fn section(&mut self, section: &Section) {
        let used = section.used;
        let shared = shared(used);
        if shared.is_none() || section.loaded != Some(used) {
            self.loaded(section);
        }
        if self.code().contains_region(used) {
            return;
        }
        if let Some((what, part)) = shared {
            self.shared(section, what, part);
            return;
        }
        // What is loaded at another place and not inside the image was reported as that already.
        if section.loaded == Some(used) {
            return;
        }
        if section.code {
            let reason = format!(
                "{} has code that runs at {used}; only {} may be executed",
                section.name,
                self.code()
            );
            let remedy =
                "keep it in FLASH, or open an executable region in the start-up code before it is called"
                    .into();
            self.add(input::APP_CODE_OUTSIDE, used.start(), Some(&section.name), reason, remedy);
            return;
        }
        let closed = first_without(self.plan, used, |rights| {
            rights.read && rights.memory && (rights.write || !section.writable)
        });
        if let Some(address) = closed {
            let reason =
                format!("{} uses {used}; {address} is closed when the application starts", section.name);
            let remedy = self.open();
            self.add(input::APP_CLOSED_MEMORY, address, Some(&section.name), reason, remedy);
        }
    }

    /// A section in the memory that is shared with the boot stage. ST's applications reach flag and handle by one that is
    /// NOLOAD and lies in that part alone; nothing may give it a value, or the part is lost at every start.
    fn shared(&mut self, section: &Section, what: &str, part: Region) {
        let used = section.used;
        let placed = RESERVED.contains(used.start());
        let alone = part != RESERVED && part.contains_region(used);
        // The symbol that is there tells more than the section's first.
        let at = if used.start() > part.start() { used.start() } else { part.start() };
        let symbol = self.program.symbol_in(part).map_or(String::new(), |symbol| format!(" with {symbol}"));
        let (reason, remedy) = if placed && section.has_bytes {
            let reason = format!("{} gives the {what} at {part} a value{symbol}", section.name);
            (reason, format!("make the section NOLOAD in the linker script: {} (NOLOAD) : ...", section.name))
        } else if placed && alone {
            match self.initialised(used) {
                Ok(known) => {
                    let closed =
                        if rights(self.plan, used.start()).write { "" } else { "; it may only be read" };
                    let note = format!("{} is the {what}{symbol}: {known}{closed}", section.name);
                    self.checked.notes.push(note);
                    return;
                }
                Err((start, end)) => (
                    format!(
                        "{}: start-up code clears or copies from {start} to {end}, the {what} at {part} with it",
                        section.name
                    ),
                    format!("place {} outside of {start} and {end}", section.name),
                ),
            }
        } else if placed {
            (
                format!("{} at {used} is more than the {what} at {part}{symbol}", section.name),
                "give each part a NOLOAD section of its own, and take no other memory there".into(),
            )
        } else {
            (
                format!("{} reaches into the {what} at {part}{symbol}", section.name),
                format!("end RAM before {}", RESERVED.start()),
            )
        };
        self.add(input::APP_SHARED_RAM, at, Some(&section.name), reason, remedy);
    }

    /// What the symbols say about start-up code and an area: what was looked at, or the pair between which the area lies.
    fn initialised(&self, area: Region) -> Result<String, (&'static str, &'static str)> {
        let mut known = Vec::new();
        for (start, end) in INITIALISED {
            let (Some(low), Some(high)) = (self.program.value(&[start]), self.program.value(&[end])) else {
                continue;
            };
            let span =
                high.checked_sub(low).and_then(|size| Region::checked(Address::new(low), Size::new(size)));
            if span.is_some_and(|span| span.overlaps(area)) {
                return Err((start, end));
            }
            known.push(format!("{start}..{end}"));
        }
        match known.is_empty() {
            true => {
                Ok("it has no bytes; no symbol says what start-up code clears, so that was not checked"
                    .into())
            }
            false => Ok(format!("it has no bytes and lies outside of {}", known.join(" and "))),
        }
    }

    /// The bytes of a section are inside the image.
    fn loaded(&mut self, section: &Section) {
        let Some(loaded) = section.loaded else { return };
        // What goes on behind the end of the room was told by its size.
        if self.room_for_image().contains_region(loaded)
            || self.image.is_some_and(|image| image.contains_region(loaded))
        {
            return;
        }
        let reason = format!("{} is loaded at {loaded}, outside the image", section.name);
        self.add(input::APP_OUTSIDE_SLOT, loaded.start(), Some(&section.name), reason, self.link());
    }

    /// Reset, exceptions and interrupts lead into the image.
    fn vectors(&mut self) {
        let Some(table) = self.table.take() else { return };
        let count = table.words.len().saturating_sub(1);
        self.checked.notes.push(match &table.extent {
            Extent::Section(name) => format!("{count} vectors checked: the section {name}"),
            Extent::Symbol(name) => format!("{count} vectors checked: the table ends with {name}"),
            Extent::Core => format!(
                "{count} vectors checked, those of the core: neither a section of its own nor a symbol with a size says how many \
                 interrupts the table has"
            ),
        });
        // A handler that many share is told once.
        let mut told = Vec::new();
        for (index, vector) in table.words.iter().copied().enumerate().skip(1) {
            // Reserved ones are zero; the reset vector never is.
            if vector == 0 && index != 1 || told.contains(&vector) {
                continue;
            }
            let target = Address::new(vector & !1);
            let inside = rights(self.plan, target).execute && self.code().contains(target);
            // An application linked for another place has been told so once.
            if (inside || self.moved.is_some()) && vector & 1 == 1 {
                continue;
            }
            let name = match index {
                1 => "the reset vector".to_owned(),
                index => match index.checked_sub(SYSTEM_VECTORS) {
                    None => format!("exception vector {index}"),
                    Some(interrupt) => format!("the vector of interrupt {interrupt}"),
                },
            };
            let reason = if vector & 1 == 0 {
                format!("{name} is {vector:#010x}: an even address is not Thumb code")
            } else {
                format!("{name} is {vector:#010x}, outside {}", self.code())
            };
            let same = table.words.iter().skip(index + 1).filter(|other| **other == vector).count();
            let reason = match same {
                0 => reason,
                same => format!("{reason}; so are {same} behind it"),
            };
            told.push(vector);
            let at = table.start.checked_add(Size::new(4 * index as u32)).unwrap_or(table.start);
            let remedy =
                "check that the table is the one of this program and that its handlers are kept".into();
            self.add(input::APP_BAD_ENTRY, at, None, reason, remedy);
        }
        self.table = Some(table);
    }

    /// The initial stack pointer, and as much below it as the linker script reserves.
    fn stack(&mut self) {
        let Some(top) = self.table.as_ref().and_then(|table| table.words.first()).copied() else { return };
        // At least one exception frame with floating point: without room for it not even a fault is reported.
        const FRAME: u32 = 104;
        let reserved = self.program.value(&STACK_SIZE).unwrap_or(0).max(FRAME);
        let area = top
            .checked_sub(reserved)
            .map(Address::new)
            .and_then(|low| Region::checked(low, Size::new(reserved)));
        let aligned = top % 8 == 0;
        let Some(area) = area.filter(|_| aligned) else {
            let reason = format!("the initial stack pointer {top:#010x} is no stack of {reserved:#x} bytes");
            let remedy = self.open();
            self.add(input::APP_BAD_STACK, Address::new(top), None, reason, remedy);
            return;
        };
        self.room("the stack", area);
    }

    fn heap(&mut self) {
        let (Some(start), Some(size)) = (self.program.value(&HEAP_START), self.program.value(&HEAP_SIZE))
        else {
            return;
        };
        if size == 0 {
            return;
        }
        match Region::checked(Address::new(start), Size::new(size)) {
            Some(area) => self.room("the heap", area),
            None => {
                let reason = format!("the heap of {size:#x} bytes at {start:#010x} leaves the address space");
                let remedy = self.open();
                self.add(input::APP_STACK_ROOM, Address::new(start), None, reason, remedy);
            }
        }
    }

    fn room(&mut self, what: &str, area: Region) {
        if let Some((part_name, part)) = shared(area) {
            let reason = format!("{what} at {area} reaches into the {part_name} at {part}");
            let remedy = format!("end RAM before {}", RESERVED.start());
            self.add(input::APP_SHARED_RAM, part.start(), None, reason, remedy);
        } else if !all(self.plan, area, |rights| rights.write && rights.memory) {
            let reason = format!("{what} needs {area}, which is not open memory when the application starts");
            let remedy = self.open();
            self.add(input::APP_STACK_ROOM, area.start(), None, reason, remedy);
        }
    }
}
