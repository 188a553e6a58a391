//! `ironroot explain fault`: from the fault registers of an application to the line of the contract that it broke.

use clap::Args;
use ironroot_codes::{Code, input};
use ironroot_layout::stm32h7rs::chip::{FLASH, SYSTEM_FLASH};
use ironroot_layout::stm32h7rs::product::{MpuRegion, Plan};
use ironroot_layout::{Address, Region};
use serde_json::json;

use crate::commands::app::contract::{deciding, rights, shared};
use crate::error::{Failure, Result};
use crate::number;
use crate::product::{self, ProductOption};
use crate::report::{BOLD, GOOD, Reporter};

/// Say what a fault means, from the registers that the handler has
#[derive(Args, Debug)]
#[command(after_help = "\
CFSR is at 0xE000_ED28, MMFAR at 0xE000_ED34, BFAR at 0xE000_ED38; PC is the word at offset 0x18 of the stacked frame. Named are \
the MPU region of the hand-off, the line of the contract, and what to do.

Examples:
  ironroot explain fault --cfsr 0x82 --mmfar 0x20000000 --pc 0x70001234
  ironroot explain fault --cfsr 0x01 --pc 0x24000100 --product board/ironroot.toml --json")]
pub struct Fault {
    /// Configurable Fault Status Register
    #[arg(long, value_parser = number::parse)]
    cfsr: u32,
    /// MemManage Fault Address Register
    #[arg(long, value_parser = number::parse)]
    mmfar: Option<u32>,
    /// Bus Fault Address Register
    #[arg(long, value_parser = number::parse)]
    bfar: Option<u32>,
    /// Address of the instruction
    #[arg(long, value_parser = number::parse)]
    pc: Option<u32>,
    #[command(flatten)]
    product: ProductOption,
}

/// Bits of CFSR (ARMv7-M B3.2.15), with the register that holds the address and what each means.
const BITS: [(u32, Place, &str); 15] = [
    (1 << 0, Place::Pc, "instruction fetch that the MPU refused (IACCVIOL)"),
    (1 << 1, Place::Mmfar, "data access that the MPU refused (DACCVIOL)"),
    (1 << 3, Place::Stack, "return from an exception whose frame the MPU refused (MUNSTKERR)"),
    (1 << 4, Place::Stack, "entry into an exception whose frame the MPU refused (MSTKERR)"),
    (1 << 5, Place::Stack, "lazy saving of floating-point registers that the MPU refused (MLSPERR)"),
    (1 << 8, Place::Pc, "instruction fetch that the bus refused (IBUSERR)"),
    (1 << 9, Place::Bfar, "data access that the bus refused (PRECISERR)"),
    (
        1 << 10,
        Place::None,
        "write that the bus refused later (IMPRECISERR): the instruction is some way before PC",
    ),
    (1 << 11, Place::Stack, "return from an exception whose frame the bus refused (UNSTKERR)"),
    (1 << 12, Place::Stack, "entry into an exception whose frame the bus refused (STKERR)"),
    (1 << 16, Place::Pc, "undefined instruction (UNDEFINSTR)"),
    (1 << 17, Place::Pc, "jump to an even address, or an illegal exception return (INVSTATE)"),
    (1 << 18, Place::Pc, "illegal exception return (INVPC)"),
    (1 << 19, Place::Pc, "coprocessor or floating point that is not switched on (NOCP)"),
    (1 << 24, Place::Pc, "unaligned access (UNALIGNED)"),
];

/// Which register says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pc,
    Mmfar,
    Bfar,
    Stack,
    None,
}

/// What an address is in the contract.
pub struct Meaning {
    /// The code that explains it.
    pub code: Code,
    /// The line of the contract.
    pub line: String,
    /// What to do.
    pub remedy: String,
}

/// Runs the command.
pub fn run(args: &Fault, report: &mut Reporter<'_>) -> Result {
    let product = product::read(&args.product.product)?;
    let found: Vec<&(u32, Place, &str)> = BITS.iter().filter(|(bit, ..)| args.cfsr & bit != 0).collect();
    if found.is_empty() {
        let cause = format!("CFSR {:#010x} has no bit of a fault", args.cfsr);
        return Err(Failure::new(input::USAGE, cause)
            .fix("Read CFSR at 0xE000ED28 in the fault handler, before it is cleared."));
    }
    let mut faults = Vec::new();
    for (_, place, what) in found {
        let (address, fetch) = match place {
            Place::Pc => (args.pc, true),
            Place::Mmfar => (args.mmfar, false),
            Place::Bfar => (args.bfar, false),
            Place::Stack | Place::None => (None, false),
        };
        let address = address.map(Address::new);
        let region = address.and_then(|address| deciding(&product.plan, address));
        let meaning = match (place, address) {
            (Place::Stack, _) => Some(stack(&product.plan)),
            (_, Some(address)) => Some(meaning(&product.plan, address, fetch)),
            _ => None,
        };
        report.text(format_args!("{BOLD}{what}{BOLD:#}"));
        if let Some(address) = address {
            report.text(format_args!("  address   {address}"));
            report.text(format_args!("  region    {}", region_text(region)));
        }
        if let Some(meaning) = &meaning {
            report.text(format_args!("  contract  {}", meaning.line));
            report.text(format_args!("  {GOOD}remedy{GOOD:#}    {}", meaning.remedy));
            report.text(format_args!("  more      ironroot explain {}", meaning.code));
        }
        faults.push(json!({
            "fault": what,
            "address": address.map(|address| format!("{:#010x}", address.value())),
            "region": region.map(|region| json!({ "number": region.number, "name": region.name })),
            "contract": meaning.as_ref().map(|meaning| meaning.line.clone()),
            "remedy": meaning.as_ref().map(|meaning| meaning.remedy.clone()),
            "code": meaning.as_ref().map(|meaning| meaning.code.to_string()),
        }));
    }
    if report.is_json() {
        report.result("explain fault", json!({ "faults": faults }), "");
    }
    Ok(())
}

fn region_text(region: Option<&MpuRegion>) -> String {
    match region {
        Some(region) => format!(
            "{} ({}), {}{}",
            region.number,
            region.name,
            region.access.name(),
            if region.execute { ", may execute" } else { ", never executes" }
        ),
        None => "none: the background map is off, so nothing is allowed".to_owned(),
    }
}

fn stack(plan: &Plan) -> Meaning {
    Meaning {
        code: input::APP_STACK_ROOM,
        line: format!("the stack lies in memory that is open: {} at the start", plan.application.ram),
        remedy:
            "give the stack more room, or find what runs over it; `ironroot app check` knows the initial one"
                .into(),
    }
}

/// What an access at an address means.
pub fn meaning(plan: &Plan, address: Address, fetch: bool) -> Meaning {
    let application = &plan.application;
    let right = rights(plan, address);
    let of = |code: Code, line: String, remedy: &str| Meaning { code, line, remedy: remedy.to_owned() };
    let hidden = |area: Region| area.contains(address);
    if plan.stage.is_some_and(|stage| hidden(stage.room)) || hidden(FLASH) || hidden(SYSTEM_FLASH) {
        return of(
            input::APP_CLOSED_MEMORY,
            "code and keys of the boot stages are hidden once the application runs (HDPL 3)".into(),
            "nothing there is for the application; what it needs is in the boot record",
        );
    }
    if fetch && !application.code.contains(address) {
        return of(
            input::APP_CODE_OUTSIDE,
            format!("only the application's image may be executed: {}", application.code),
            "look at what was called: a function placed in RAM, a null or overwritten pointer, or a jump to the bootloader",
        );
    }
    if let Some((name, part)) = shared(Region::between(address.value(), address.value() | 1)) {
        return of(
            input::APP_SHARED_RAM,
            format!("the {name} at {part} is shared with the boot stage"),
            "access it as the contract header says, with words, and never from start-up code",
        );
    }
    if application.run.contains(address) && right.read {
        return of(
            input::APP_CLOSED_MEMORY,
            "the image is read-only while it runs".into(),
            "keep variables in RAM; a flash driver writes to the download slot, not to the image itself",
        );
    }
    if right.write {
        return of(
            input::APP_CLOSED_MEMORY,
            "this memory is open at the start: the application itself closed it, or nothing answers there"
                .into(),
            "look at the application's own MPU settings, clocks and memory interfaces",
        );
    }
    of(
        input::APP_CLOSED_MEMORY,
        format!("open at the start are {} and the peripherals; all else is closed", application.ram),
        "open it in the application's MPU settings before the first access, or with `application.open` in ironroot.toml",
    )
}
