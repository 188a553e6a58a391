//! What a change of options means, in sentences: its consequences, and the steps of a way back.

use ironroot_chip::reach::{Agent, Outlook, Step};
use ironroot_chip::{OptionBytes, ReadProtection};
use ironroot_layout::stm32h735::SECTOR_COUNT;
use ironroot_layout::stm32h735::options::SecureArea;
use serde_json::{Value, json};

use super::fields::{AREAS, Area, BOUNDS, FIELDS, Field, Kind};

/// A consequence: when it comes, and its sentence.
type Consequence = (fn(&OptionBytes, &OptionBytes) -> bool, &'static str);

fn level(options: &OptionBytes) -> ReadProtection {
    options.read_protection()
}

fn none(area: SecureArea) -> bool {
    area == SecureArea::None
}

fn field_changes(name: &str, before: &OptionBytes, after: &OptionBytes) -> bool {
    FIELDS.iter().any(|field| field.name == name && field.raw(before) != field.raw(after))
}

/// The table.
const CONSEQUENCES: &[Consequence] = &[
    (
        |a, b| level(a) != ReadProtection::Level2 && level(b) == ReadProtection::Level2,
        "RDP level 2: the debug port and the bootloader are off for ever, and no option byte ever changes again.",
    ),
    (
        |a, b| level(a) == ReadProtection::Level0 && level(b) == ReadProtection::Level1,
        "RDP level 1: a debugger, or a boot from RAM or system flash, makes flash and backup memory unreadable until \
         power-off; back to level 0 only with an erase.",
    ),
    (
        |a, b| level(a) == ReadProtection::Level1 && level(b) == ReadProtection::Level0,
        "Regression to RDP level 0: flash, backup SRAM and backup registers are erased.",
    ),
    (
        |a, b| !a.security() && b.security(),
        "SECURITY: from the next reset every boot enters RSS, and debug is closed until exitSecureArea opens it.",
    ),
    (
        |a, b| a.security() && !b.security(),
        "SECURITY off: from the next reset the chip boots without RSS, and debug is open.",
    ),
    (
        |a, b| none(a.secure_area()) && !none(b.secure_area()),
        "Secure area: RSS starts whatever stands at its beginning; after exitSecureArea nobody reads, writes or runs it.",
    ),
    (
        |a, b| !none(a.secure_area()) && none(b.secure_area()),
        "The secure area goes, and what was in it with it.",
    ),
    (
        |a, b| none(a.pcrop()) && !none(b.pcrop()),
        "Execute-only area: it runs but reads as zero; it shrinks or goes only with an erase and DMEP.",
    ),
    (|a, b| !none(a.pcrop()) && none(b.pcrop()), "The execute-only area goes, and what was in it with it."),
    (
        |a, b| !a.dmep() && b.dmep(),
        "DMEP: the next regression erases the execute-only area; only it clears DMEP.",
    ),
    (|a, b| !a.dmes() && b.dmes(), "DMES: the next regression erases the secure area; only it clears DMES."),
    (|a, b| a.dmes() && !b.dmes(), "DMES off: a regression keeps the secure area and its content."),
    (|a, b| b.wpsn & !a.wpsn != 0, "Sectors are writable again."),
    (
        |a, b| a.wpsn & !b.wpsn != 0,
        "Sectors are write-protected: nothing programs or erases them until this is undone.",
    ),
    (|a, b| a.boot != b.boot, "The next reset boots from another address."),
    (
        |a, b| a.tcm_axi_shared() != b.tcm_axi_shared(),
        "RAM is split anew at the next reset; stacks and linker scripts must fit.",
    ),
    (
        |a, b| field_changes("IWDG1_SW", a, b) && b.optsr & 1 << 4 == 0,
        "The watchdog starts with the chip: software that does not feed it is reset.",
    ),
    (
        |a, b| field_changes("IO_HSLV", a, b) && b.optsr & 1 << 29 != 0,
        "Above 2.5 V supply the pins are destroyed with IO_HSLV set.",
    ),
];

/// What follows from going from `before` to `after`.
pub fn consequences(before: &OptionBytes, after: &OptionBytes) -> Vec<&'static str> {
    let holds = CONSEQUENCES.iter().filter(|(when, _)| when(before, after));
    let mut found: Vec<&'static str> = holds.map(|(_, sentence)| *sentence).collect();
    if found.is_empty() {
        found.push("The chip behaves as the field says; nothing else changes.");
    }
    found
}

/// One field that differs.
pub struct Difference {
    /// The field.
    pub field: &'static Field,
    /// Raw value before.
    pub before: u32,
    /// Raw value after.
    pub after: u32,
}

/// The fields that differ.
pub fn differences(before: &OptionBytes, after: &OptionBytes) -> Vec<Difference> {
    FIELDS
        .iter()
        .map(|field| Difference { field, before: field.raw(before), after: field.raw(after) })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

impl Difference {
    /// As a member of a result.
    pub fn value(&self) -> Value {
        json!({
            "field": self.field.name,
            "current": self.before, "current_text": self.field.human(self.before),
            "wanted": self.after, "wanted_text": self.field.human(self.after),
        })
    }
}

/// A change as the arguments that would ask for it.
pub fn assignments(before: &OptionBytes, after: &OptionBytes) -> String {
    let mut words: Vec<String> = Vec::new();
    for Area { name, register } in AREAS {
        let (from, to) = (register.of(before) & BOUNDS, register.of(after) & BOUNDS);
        let area = if register == AREAS[0].register { after.pcrop() } else { after.secure_area() };
        match area {
            _ if from == to => {}
            SecureArea::None => words.push(format!("{name}=none")),
            SecureArea::WholeFlash => words.push(format!("{name}=all")),
            SecureArea::Region(region) => {
                let (start, end) = (region.start().value(), region.end().value());
                words.push(format!("{name}={start:#010x}..{end:#010x}"));
            }
        }
    }
    for difference in differences(before, after) {
        let (name, raw) = (difference.field.name, difference.after);
        match difference.field.kind {
            Kind::Block => {}
            Kind::Choice(_) => words.push(format!("{name}={raw}")),
            Kind::BootAddress => words.push(format!("{name}={:#010x}", raw << 16)),
            Kind::Level | Kind::Sectors => words.push(format!("{name}={raw:#04x}")),
        }
    }
    words.join(" ")
}

/// The sectors of a mask.
pub fn sectors(mask: u32) -> Vec<u32> {
    (0..SECTOR_COUNT).filter(|sector| mask >> sector & 1 == 1).collect()
}

fn agent(by: Agent) -> &'static str {
    match by {
        Agent::Debugger => "debug port",
        Agent::Bootloader => "system bootloader (readout unprotect, or a program loaded to RAM)",
    }
}

/// A step in one sentence; `before`: the options until then. Returns the options afterwards too.
pub fn step(step: &Step, before: &OptionBytes) -> (String, OptionBytes) {
    match step {
        Step::PowerOn { boot0 } => {
            let level = if *boot0 { "high" } else { "low" };
            (format!("Power off and on, BOOT0 {level}."), *before)
        }
        Step::Change { by, options, erases } => {
            let erased = if *erases == 0 {
                String::new()
            } else {
                format!(" (erases sectors {:?})", sectors(*erases))
            };
            (format!("By the {}: {}{erased}.", agent(*by), assignments(before, options)), *options)
        }
        Step::BankErase { by, options } => {
            let text = format!(
                "By the {}: bank erase with protection removal, staged {}.",
                agent(*by),
                assignments(before, options)
            );
            (text, *options)
        }
    }
}

/// What an outlook means, and the way back if there is one.
pub fn outlook(outlook: &Outlook, options: &OptionBytes) -> (String, Vec<String>) {
    match outlook {
        Outlook::Open(steps) => {
            let mut now = *options;
            let sentences = steps
                .iter()
                .map(|one| {
                    let (sentence, after) = step(one, &now);
                    now = after;
                    sentence
                })
                .collect();
            ("a way leads back to the factory state".into(), sentences)
        }
        Outlook::OwnCode => (
            "nobody outside leads it back: only the code that runs on it can".into(),
            vec![
                "The code leaves with exitSecureArea and the JTAG magic 0x97A0FA17, which opens debug until the next reset."
                    .into(),
                "By the debug port: RDP=0xbb.".into(),
                "By the debug port, all at once: RDP=0xaa SEC_AREA=none DMES=1 PROT_AREA=none DMEP=1 SECURITY=0.".into(),
                "Power off and on.".into(),
            ],
        ),
        Outlook::Final => ("it works as it is, for ever: RDP level 2 has no way back".into(), Vec::new()),
        Outlook::Dead => ("dead end: nothing boots, and no step from outside leads back".into(), Vec::new()),
    }
}

/// An outlook as a member of a result.
pub fn outlook_value(of: &Outlook, options: &OptionBytes) -> Value {
    let (meaning, way_back) = outlook(of, options);
    json!({ "state": of.name(), "meaning": meaning, "way_back": way_back })
}
