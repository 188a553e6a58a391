//! The checks of an application against the contract: each finding with its code, address, symbol, reason and remedy.

use ironroot_codes::{Code, input};
use ironroot_layout::stm32h7rs::VECTOR_TABLE_ALIGNMENT;
use ironroot_layout::stm32h7rs::product::{Open, Plan};
use ironroot_layout::{Address, Region, Size};

use super::contract::{all, first_without, rights, shared};
use super::program::{Program, Section};

/// Words of the vector table that every Cortex-M application has: stack pointer, reset, and the system exceptions.
const SYSTEM_VECTORS: usize = 16;
/// Names under which linker scripts keep what they reserve: ST's, and those of cortex-m-rt.
const HEAP_START: [&str; 5] = ["__heap_start__", "__sheap", "_end", "end", "__end__"];
const HEAP_SIZE: [&str; 2] = ["_Min_Heap_Size", "_heap_size"];
const STACK_SIZE: [&str; 2] = ["_Min_Stack_Size", "_stack_size"];

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

/// Everything that is wrong, in the order of the checks.
pub fn check(program: &Program, plan: &Plan) -> Vec<Finding> {
    let mut check = Check { program, plan, findings: Vec::new(), moved: None };
    check.vector_table();
    for section in &program.sections {
        check.section(section);
    }
    check.vectors();
    check.stack();
    check.heap();
    check.findings
}

struct Check<'a> {
    program: &'a Program,
    plan: &'a Plan,
    findings: Vec<Finding>,
    /// Where the application begins, if it was linked for another place: told once, for all that moves with it.
    moved: Option<Address>,
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
        self.findings.push(Finding { code, address, symbol, reason, remedy });
    }

    /// The lowest loaded byte is the vector table, and the header has room in front of it.
    fn vector_table(&mut self) {
        let (code, remedy) = (self.code(), self.link());
        let Some(lowest) =
            self.program.sections.iter().filter_map(|section| section.loaded).min_by_key(|l| l.start())
        else {
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
    }

    fn section(&mut self, section: &Section) {
        self.loaded(section);
        let used = section.used;
        if self.code().contains_region(used) {
            return;
        }
        if let Some((what, part)) = shared(used) {
            // The symbol that is there tells more than the section's first.
            let at = if used.start() > part.start() { used.start() } else { part.start() };
            let symbol = self.program.symbol_in(part).map(str::to_owned);
            let reason = format!(
                "{} reaches into the {what} at {part}{}",
                section.name,
                symbol.map_or(String::new(), |symbol| format!(" with {symbol}"))
            );
            let remedy = format!("end RAM before {}", ironroot_layout::stm32h7rs::contract::RESERVED.start());
            self.add(input::APP_SHARED_RAM, at, Some(&section.name), reason, remedy);
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

    /// The bytes of a section are inside the image.
    fn loaded(&mut self, section: &Section) {
        let (code, remedy) = (self.code(), self.link());
        let Some(loaded) = section.loaded else { return };
        // The room as it lies beside an application that was linked for another place.
        let room = self.moved.and_then(|start| Region::checked(start, code.size())).unwrap_or(code);
        if room.contains_region(loaded) {
            return;
        }
        if room.contains(loaded.start()) {
            let over = loaded.end().offset_from(room.end()).map_or(0, Size::bytes);
            let reason = format!(
                "{} ends at {}, {over} bytes behind the room of {} that header, TLVs and trailer leave",
                section.name,
                loaded.end(),
                code.size()
            );
            let remedy = "make it smaller, or the slots of the product larger".into();
            self.add(input::APP_TOO_LARGE, room.end(), Some(&section.name), reason, remedy);
        } else if loaded.start() > code.start() || !self.plan.application.run.contains_region(loaded) {
            let reason = format!("{} is loaded at {loaded}, outside the image", section.name);
            self.add(input::APP_OUTSIDE_SLOT, loaded.start(), Some(&section.name), reason, remedy);
        }
    }

    /// Reset and the system exceptions lead into the image.
    fn vectors(&mut self) {
        let start = self.program.table.unwrap_or(self.code().start());
        for (index, vector) in self.program.vectors.iter().copied().enumerate().take(SYSTEM_VECTORS).skip(1) {
            // Reserved ones are zero; the reset vector never is.
            if vector == 0 && index != 1 {
                continue;
            }
            let target = Address::new(vector & !1);
            let inside = rights(self.plan, target).execute && self.code().contains(target);
            // An application linked for another place has been told so once.
            if (inside || self.moved.is_some()) && vector & 1 == 1 {
                continue;
            }
            let name =
                if index == 1 { "the reset vector".to_owned() } else { format!("exception vector {index}") };
            let reason = if vector & 1 == 0 {
                format!("{name} is {vector:#010x}: an even address is not Thumb code")
            } else {
                format!("{name} is {vector:#010x}, outside {}", self.code())
            };
            let at = start.checked_add(Size::new(4 * index as u32)).unwrap_or(start);
            let remedy =
                "check that the table is the one of this program and that its handlers are kept".into();
            self.add(input::APP_BAD_ENTRY, at, None, reason, remedy);
        }
    }

    /// The initial stack pointer, and as much below it as the linker script reserves.
    fn stack(&mut self) {
        let Some(top) = self.program.vectors.first().copied() else { return };
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
            let remedy = format!("end RAM before {}", ironroot_layout::stm32h7rs::contract::RESERVED.start());
            self.add(input::APP_SHARED_RAM, part.start(), None, reason, remedy);
        } else if !all(self.plan, area, |rights| rights.write && rights.memory) {
            let reason = format!("{what} needs {area}, which is not open memory when the application starts");
            let remedy = self.open();
            self.add(input::APP_STACK_ROOM, area.start(), None, reason, remedy);
        }
    }
}
