//! What the option bytes of a package make of a device: by name, who can read it afterwards, and what it can still become.
//!
//! A package without a word on option bytes installs well, and leaves a device that anybody can read out. That is said here,
//! before the package leaves its owner's house.

use std::fmt::Write;

use clap::Args;
use ironroot_chip::reach::{Content, Entry, Outlook};
use ironroot_chip::{OptionBytes, ReadProtection};
use ironroot_codes::input;
use ironroot_layout::stm32h735::FLASH;
use ironroot_layout::stm32h735::options::SecureArea;
use ironroot_layout::{Address, Region};
use ironroot_sfi::OptionValue;
use serde_json::{Value, json};

use super::options::register;
use crate::commands::ob::fields::{FIELDS, Field, Register};
use crate::commands::ob::{outlook_value, write_outlook};
use crate::error::{Failure, Result};
use crate::report::{BAD, BOLD, Reporter};

/// What is typed to confirm read protection level 2.
const FINAL: &str = "RDP=level2";
/// What everybody should know of a device that stays open.
pub const READABLE: &str = "whoever has the device can read the firmware: its option bytes leave it open";

/// What the owner of a package has to say for it to be made
#[derive(Args, Debug, Default)]
pub struct Consent {
    /// Make a package that leaves the firmware readable on the device
    #[arg(long)]
    readable: bool,
    /// Confirm option bytes that no device ever leaves again: RDP=level2, typed
    #[arg(long, value_name = "RDP=level2")]
    yes_i_mean: Option<String>,
}

/// What keeps flash from being read out: read protection, or RSS with a secure area, which lets nobody in but its own code.
pub fn closed_by(options: &OptionBytes) -> Option<&'static str> {
    match (options.read_protection(), options.security(), options.secure_area()) {
        (ReadProtection::Level2, ..) => Some("RDP level 2"),
        (ReadProtection::Level1, ..) => Some("RDP level 1"),
        (_, true, SecureArea::Region(_) | SecureArea::WholeFlash) => Some("SECURITY and a secure area"),
        _ => None,
    }
}

/// Where a device with these options starts: what is first in the secure area, else at the boot address.
pub fn start_of(options: &OptionBytes) -> u32 {
    match options.secure_area() {
        SecureArea::Region(area) if options.security() => area.start().value(),
        SecureArea::None if FLASH.contains(Address::new(options.boot_address(false))) => {
            options.boot_address(false)
        }
        _ => FLASH.start().value(),
    }
}

/// The options of a device after the package.
pub struct Effect {
    /// All of them: what the package does not name is as the factory set it, with SECURITY, without which nothing installs.
    pub options: OptionBytes,
    /// The fields that the package names.
    fields: Vec<&'static Field>,
    outlook: Outlook,
}

impl Effect {
    /// The effect of `values` on a device with this firmware; `entry`: what stands at an address of it.
    pub fn of(values: &[OptionValue], entry: &dyn Fn(u32) -> Entry) -> Self {
        let before = OptionBytes { optsr: OptionBytes::FACTORY.optsr | SECURITY_BIT, ..OptionBytes::FACTORY };
        let options = after(&before, values);
        let mask_of = |name: Register| {
            let value = values.iter().find(|value| value.register == register(name));
            value.map_or(0, |value| value.mask)
        };
        let fields = FIELDS.iter().filter(|field| mask_of(field.register) & field.mask() != 0).collect();
        // Whether the code opens debug nobody knows from outside: it is no way back.
        let outlook = Outlook::of(&options, &Content { entry, opens_debug: false }, 0);
        Effect { options, fields, outlook }
    }

    /// What keeps the firmware from being read.
    pub fn closed_by(&self) -> Option<&'static str> {
        closed_by(&self.options)
    }

    fn is_irreversible(&self, field: &Field) -> bool {
        field.name == "RDP" && self.options.read_protection() == ReadProtection::Level2
    }

    /// Refuses what nobody can want, and what was not asked for in so many words.
    pub fn check(&self, consent: &Consent) -> Result {
        if self.outlook == Outlook::Dead {
            let cause = format!(
                "with them a device starts nothing at {:#010x}, and no step from outside leads back",
                start_of(&self.options)
            );
            let fix = "Give firmware that begins there, or another SEC_AREA, PROT_AREA or BOOT_ADD0.";
            return Err(Failure::new(input::OPTION_DEAD_END, cause).fix(fix));
        }
        let fatal = self.options.read_protection() == ReadProtection::Level2;
        match &consent.yes_i_mean {
            Some(typed) if !typed.eq_ignore_ascii_case(FINAL) || !fatal => {
                let cause = format!("--yes-i-mean {typed} is not what this package does");
                return Err(Failure::new(input::NOT_CONFIRMED, cause));
            }
            None if fatal => {
                let cause = "RDP level 2: on every device that installs it no option byte ever changes again, and neither \
                             debugger nor bootloader gets in";
                let fix = format!("If every device is to be like that, repeat with --yes-i-mean {FINAL}.");
                return Err(Failure::new(input::NOT_CONFIRMED, cause).fix(fix));
            }
            _ => {}
        }
        if self.closed_by().is_some() || consent.readable {
            return Ok(());
        }
        let cause = format!(
            "RDP stays at level 0, and {}",
            match (self.options.security(), self.options.secure_area()) {
                (false, _) => "SECURITY is cleared: the debug port is open",
                (true, _) => "there is no secure area: the bootloader reads the flash to whoever asks",
            }
        );
        Err(Failure::new(input::SFI_READABLE, cause))
    }

    /// Says that the device stays open, if it does.
    pub fn warn(&self, report: &mut Reporter<'_>) {
        if self.closed_by().is_none() {
            report.warning(READABLE);
        }
    }

    /// As members of a result.
    pub fn value(&self) -> Value {
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|field| {
                let raw = field.raw(&self.options);
                json!({
                    "field": field.name,
                    "value": raw,
                    "text": field.human(raw),
                    "irreversible": self.is_irreversible(field),
                })
            })
            .collect();
        json!({
            "fields": fields,
            "closed_by": self.closed_by(),
            "outlook": outlook_value(&self.outlook, &self.options),
        })
    }

    /// The same for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for field in &self.fields {
            let mark = if self.is_irreversible(field) {
                format!("  {BAD}cannot be undone{BAD:#}")
            } else {
                String::new()
            };
            let _ = writeln!(text, "  {:<16} {}{mark}", field.name, field.human(field.raw(&self.options)));
        }
        let _ = match self.closed_by() {
            Some(why) => writeln!(text, "{BOLD}closed by{BOLD:#}  {why}"),
            None => writeln!(text, "{BAD}open{BAD:#}: {READABLE}"),
        };
        write_outlook(&mut text, "afterwards", &self.outlook, &self.options);
        text.trim_end().to_owned()
    }
}

/// SECURITY in OPTSR.
const SECURITY_BIT: u32 = ironroot_chip::flash::registers::optsr::SECURITY;

/// The options once `values` are set.
fn after(before: &OptionBytes, values: &[OptionValue]) -> OptionBytes {
    let mut wanted = *before;
    for name in Register::ALL {
        for value in values.iter().filter(|value| value.register == register(name)) {
            let place = name.of_mut(&mut wanted);
            *place = *place & !value.mask | value.value & value.mask;
        }
    }
    before.with(&wanted)
}

/// What stands at an address, by the first bytes of a program there.
pub fn entry(bytes: Option<&[u8]>) -> Entry {
    let Some([a, b, c, d, e, f, g, h, ..]) = bytes else { return Entry::Blank };
    Entry::judge(u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
}

/// Whether a region holds an address.
pub fn holds(start: u32, len: u32, address: u32) -> bool {
    Region::checked(Address::new(start), ironroot_layout::Size::new(len))
        .is_some_and(|region| region.contains(Address::new(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::sfi::options::Arguments;

    fn effect(fields: &[&str]) -> Effect {
        let values = Arguments::of(fields).values().unwrap();
        Effect::of(&values, &|address| if address == 0x0800_0000 { Entry::Runs } else { Entry::Blank })
    }

    #[test]
    fn who_can_read_it_afterwards() {
        const AREA: &str = "SEC_AREA=0x08000000..0x08020000";
        for (fields, closed) in [
            (&[][..], None),
            (&["SECURITY=1"], None),
            (&["PROT_AREA=0x08020000..0x08040000"], None),
            (&["SECURITY=0", AREA], None),
            (&["SECURITY=0"], None),
            (&["SEC_AREA=none"], None),
            (&[AREA], Some("SECURITY and a secure area")),
            (&["SECURITY=1", AREA], Some("SECURITY and a secure area")),
            (&["RDP=level1"], Some("RDP level 1")),
            (&["SECURITY=0", "RDP=level1"], Some("RDP level 1")),
        ] {
            let effect = effect(fields);
            assert_eq!(effect.closed_by(), closed, "{fields:?}");
            let code = effect.check(&Consent::default()).map_err(|failure| failure.code);
            assert_eq!(code, closed.map(|_| ()).ok_or(input::SFI_READABLE), "{fields:?}");
            assert_eq!(effect.check(&Consent { readable: true, yes_i_mean: None }), Ok(()), "{fields:?}");
        }
    }

    #[test]
    fn what_is_for_ever_must_be_typed() {
        let consent = |typed: Option<&str>| Consent { readable: true, yes_i_mean: typed.map(Into::into) };
        let code =
            |fields: &[&str], typed| effect(fields).check(&consent(typed)).map_err(|failure| failure.code);
        assert_eq!(code(&["RDP=level2"], None), Err(input::NOT_CONFIRMED));
        for typed in ["", "yes", "RDP=level1", "48302001"] {
            assert_eq!(code(&["RDP=level2"], Some(typed)), Err(input::NOT_CONFIRMED), "{typed}");
        }
        assert_eq!(code(&["RDP=level2"], Some("rdp=LEVEL2")), Ok(()));
        // Confirmed for nothing: another package was meant.
        assert_eq!(code(&["RDP=level1"], Some("RDP=level2")), Err(input::NOT_CONFIRMED));
        let shown = effect(&["RDP=level2", "SECURITY=1"]).value();
        let marked: Vec<_> =
            shown["fields"].as_array().unwrap().iter().map(|f| f["irreversible"] == true).collect();
        assert_eq!((marked, &shown["outlook"]["state"]), (vec![true, false], &"final".into()));
    }

    #[test]
    fn a_dead_end_is_refused_whatever_is_confirmed() {
        let consent = Consent { readable: true, yes_i_mean: Some("RDP=level2".into()) };
        for fields in
            [&["RDP=level2", "SEC_AREA=0x08040000..0x08060000"][..], &["SEC_AREA=0x08040000..0x08060000"]]
        {
            let refused = effect(fields).check(&consent).unwrap_err();
            assert_eq!(refused.code, input::OPTION_DEAD_END, "{fields:?}");
        }
    }

    #[test]
    fn where_it_starts() {
        for (fields, start) in [
            (&[][..], 0x0800_0000),
            (&["SEC_AREA=0x08020000..0x08040000"], 0x0802_0000),
            (&["BOOT_ADD0=0x08040000"], 0x0804_0000),
            (&["BOOT_ADD0=0x24000000"], 0x0800_0000),
        ] {
            assert_eq!(start_of(&effect(fields).options), start, "{fields:?}");
        }
    }
}
