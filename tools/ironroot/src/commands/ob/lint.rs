//! `ironroot ob lint`: combinations that people regret.

use std::fmt::Write;

use clap::Args;
use ironroot_chip::reach::{Entry, Outlook};
use ironroot_chip::{OptionBytes, ReadProtection};
use ironroot_codes::input;
use ironroot_layout::Address;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::stm32h735::{FLASH, rss};
use serde_json::{Value, json};

use super::describe;
use super::plan::write_outlook;
use super::probe::{Known, Probe};
use super::wanted::WantedArgs;
use crate::error::{Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter};

/// Check wanted options for dangerous combinations and dead ends
#[derive(Args, Debug)]
#[command(after_help = "\
Nothing is changed. Warnings end with exit code 0, a dead end is refused with IR-1606.

Examples:
  ironroot ob lint --device vdev:my.board SECURITY=1 BOOT_ADD1=0x24000000
  ironroot ob lint --device vdev:my.board --file product.toml --json")]
pub struct LintArgs {
    #[command(flatten)]
    wanted: WantedArgs,
}

/// A combination: its name, when it is there, what is wrong with it, and what to do.
struct Rule {
    name: &'static str,
    holds: fn(&OptionBytes, &Known) -> bool,
    danger: &'static str,
    advice: &'static str,
}

fn has_area(options: &OptionBytes) -> bool {
    options.secure_area() != SecureArea::None
}

fn has_pcrop(options: &OptionBytes) -> bool {
    options.pcrop() != SecureArea::None
}

fn is_in_flash(address: u32) -> bool {
    FLASH.contains(Address::new(address))
}

fn is_bootloader(address: u32) -> bool {
    rss::BOOTLOADER.contains(Address::new(address))
}

const RULES: &[Rule] = &[
    Rule {
        name: "level-2",
        holds: |o, _| o.read_protection() == ReadProtection::Level2,
        danger: "RDP level 2 is for ever: no debugger, no bootloader, no option change, also not for failure analysis.",
        advice: "Stay at level 1 unless the product's rules ask for level 2.",
    },
    Rule {
        name: "whole-flash",
        holds: |o, _| o.secure_area() == SecureArea::WholeFlash || o.pcrop() == SecureArea::WholeFlash,
        danger: "START = END protects the whole flash, not nothing.",
        advice: "For no area write =none (START behind END).",
    },
    Rule {
        name: "area-kept",
        holds: |o, _| has_area(o) && !o.dmes(),
        danger: "With DMES=0 a regression keeps the secure area, and nobody outside can remove it.",
        advice: "Set DMES=1; it can be set any time.",
    },
    Rule {
        name: "pcrop-kept",
        holds: |o, _| has_pcrop(o) && !o.dmep(),
        danger: "With DMEP=0 a regression keeps the execute-only area, and SECURITY cannot be cleared with it.",
        advice: "Set DMEP=1, now or in the regression itself.",
    },
    Rule {
        name: "area-without-security",
        holds: |o, _| has_area(o) && !o.security(),
        danger: "A secure area without SECURITY protects nothing: in Standard mode it is plain flash that cannot be erased.",
        advice: "Set SECURITY, or remove the area by a regression with DMES.",
    },
    Rule {
        name: "bootloader-away",
        holds: |o, _| o.security() && !is_bootloader(o.boot_address(true)),
        danger: "In Secure access mode the bootloader behind BOOT0 is the way back, and BOOT_ADD1 does not lead there.",
        advice: "Leave BOOT_ADD1=0x1FF00000.",
    },
    Rule {
        name: "security-with-code",
        holds: |o, known| o.security() && !has_area(o) && known.at(o.boot_address(false)) == Entry::Runs,
        danger: "The code that boots may ask RSS for a secure area; from then on only that code leads back.",
        advice: "Let the code leave with the JTAG magic while you develop (exitSecureArea, 0x97A0FA17).",
    },
    Rule {
        name: "boot-from-nothing",
        holds: |o, known| {
            let address = o.boot_address(false);
            !is_bootloader(address) && (!is_in_flash(address) || known.at(address) == Entry::Blank)
        },
        danger: "With BOOT0 low the chip boots from an address where no program stands.",
        advice: "Set BOOT_ADD0 to the vector table of a program that is installed.",
    },
    Rule {
        name: "hardware-watchdog",
        holds: |o, _| o.optsr & 1 << 4 == 0,
        danger: "The watchdog runs from reset on: a bootloader or firmware that does not feed it is reset in the middle.",
        advice: "Check that every stage feeds it, updates included.",
    },
    Rule {
        name: "high-speed-pins",
        holds: |o, _| o.optsr & 1 << 29 != 0,
        danger: "IO_HSLV above 2.5 V supply destroys pins.",
        advice: "Set it only on boards with a supply below 2.5 V.",
    },
    Rule {
        name: "level-1-and-foreign-boot",
        holds: |o, _| {
            o.read_protection() == ReadProtection::Level1
                && !o.security()
                && !is_in_flash(o.boot_address(false))
        },
        danger: "At RDP level 1 a boot from RAM or system flash counts as an intrusion: flash cannot be read.",
        advice: "Set BOOT_ADD0 to user flash.",
    },
];

/// Runs the command.
pub fn run(device: &str, args: &LintArgs, report: &mut Reporter<'_>) -> Result {
    let wanted = args.wanted.parse()?;
    let mut probe = Probe::connect(device)?;
    let current = probe.options()?;
    let wanted = wanted.over(&current);
    let known = probe.known(&[current, wanted])?;
    let outlook = known.with(|content| Outlook::of(&wanted, content, 0));
    let found: Vec<&Rule> = RULES.iter().filter(|rule| (rule.holds)(&wanted, &known)).collect();
    let mut text = String::new();
    for rule in &found {
        let _ = writeln!(text, "{BAD}{}{BAD:#}  {}\n    {DIM}{}{DIM:#}", rule.name, rule.danger, rule.advice);
    }
    if found.is_empty() {
        let _ = writeln!(text, "{GOOD}no dangerous combination{GOOD:#}");
    }
    write_outlook(&mut text, "outlook", &outlook, &wanted);
    let _ = write!(text, "{BOLD}{}{BOLD:#} warnings", found.len());
    let warnings: Vec<Value> = found
        .iter()
        .map(|rule| json!({ "rule": rule.name, "danger": rule.danger, "advice": rule.advice }))
        .collect();
    let data = json!({
        "device": device,
        "warnings": warnings,
        "outlook": describe::outlook_value(&outlook, &wanted),
    });
    report.result("ob lint", data, text);
    if outlook == Outlook::Dead {
        let cause =
            "with these options nothing boots after the next power-on, and no step from outside leads back";
        return Err(Failure::new(input::OPTION_DEAD_END, cause).about(device));
    }
    Ok(())
}
