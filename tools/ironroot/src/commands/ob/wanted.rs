//! Wanted options: `FIELD=VALUE` arguments and TOML files, strictly.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_chip::OptionBytes;
use ironroot_codes::input;

use super::fields::{AREAS, BOUNDS, FIELDS, Register};
use crate::error::{Context, Failure, Result};
use crate::files;

/// The largest file of wanted values: one with every field has 2 KB.
const MAX_FILE: usize = 64 * 1024;

/// What options are to become
#[derive(Args, Debug)]
pub struct WantedArgs {
    /// Wanted values, like SECURITY=1 WRPS=0,1 PROT_AREA=0x08020000..0x08040000 (names as `ob show` prints them)
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// TOML file with one FIELD = VALUE a line
    #[arg(short, long, value_name = "FILE.toml")]
    file: Option<PathBuf>,
}

/// Values for some bits of the option registers; the others stay as they are.
#[derive(Clone, Debug)]
pub struct Wanted {
    values: OptionBytes,
    masks: OptionBytes,
    names: Vec<(&'static str, Register, u32)>,
}

const EMPTY: OptionBytes = OptionBytes { optsr: 0, prar: 0, scar: 0, wpsn: 0, boot: 0, optsr2: 0 };

impl WantedArgs {
    /// Everything that was asked for; something must have been.
    pub fn parse(&self) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        if let Some(path) = &self.file {
            wanted.add_file(path)?;
        }
        for argument in &self.fields {
            wanted.add_assignment(argument)?;
        }
        if wanted.names.is_empty() {
            return Err(Failure::new(
                input::OPTION_NOTHING_WANTED,
                "neither FIELD=VALUE nor --file was given",
            ));
        }
        Ok(wanted)
    }
}

impl Wanted {
    /// Nothing is wanted yet.
    pub const fn nothing() -> Self {
        Wanted { values: EMPTY, masks: EMPTY, names: Vec::new() }
    }

    /// From a TOML file alone.
    pub fn from_file(path: &Path) -> Result<Self> {
        let mut wanted = Wanted::nothing();
        wanted.add_file(path)?;
        if wanted.names.is_empty() {
            let failure = Failure::new(input::OPTION_NOTHING_WANTED, "the file names no field");
            return Err(failure.about(path.display()));
        }
        Ok(wanted)
    }

    fn add_file(&mut self, path: &Path) -> Result {
        let bytes = files::read(path)?;
        if bytes.len() > MAX_FILE {
            let cause = format!("{} bytes; a file of option bytes has at most {MAX_FILE}", bytes.len());
            return Err(Failure::new(input::FILE_TOO_LARGE, cause).about(path.display()));
        }
        self.add_toml(&bytes).about(path.display())
    }

    /// The fields of a TOML file with this content.
    pub fn add_toml(&mut self, bytes: &[u8]) -> Result {
        let invalid = |cause: String| Failure::new(input::OPTION_FILE_INVALID, cause);
        let text = std::str::from_utf8(bytes).map_err(|e| invalid(e.to_string()))?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| invalid(e.to_string()))?;
        for (name, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(on) => u8::from(on).to_string(),
                other => {
                    return Err(invalid(format!(
                        "{name} is a TOML {}; a value is text, an integer, true or false",
                        other.type_str()
                    )));
                }
            };
            self.set(&name, &text)?;
        }
        Ok(())
    }

    /// One `FIELD=VALUE`.
    pub fn add_assignment(&mut self, argument: &str) -> Result {
        let Some((name, value)) = argument.split_once('=') else {
            let cause = format!("`{argument}` is no FIELD=VALUE");
            return Err(Failure::new(input::OPTION_BAD_VALUE, cause));
        };
        self.set(name, value)
    }

    /// The wanted bits of a register, and which of its bits are wanted.
    pub const fn of(&self, register: Register) -> (u32, u32) {
        (register.of(&self.values), register.of(&self.masks))
    }

    fn set(&mut self, name: &str, text: &str) -> Result {
        let (name, register, mask, value) = parse(name, text)?;
        let seen = self.names.iter().find(|(_, other, bits)| *other == register && bits & mask != 0);
        if let Some((other, ..)) = seen {
            let cause = format!("{name} sets bits that {other} has set already");
            return Err(Failure::new(input::OPTION_CONFLICT, cause));
        }
        self.names.push((name, register, mask));
        *register.of_mut(&mut self.values) |= value;
        *register.of_mut(&mut self.masks) |= mask;
        Ok(())
    }

    /// `current` with the wanted values.
    pub fn over(&self, current: &OptionBytes) -> OptionBytes {
        let mut wanted = *current;
        for register in Register::ALL {
            let mask = register.of(&self.masks);
            let value = register.of(current) & !mask | register.of(&self.values) & mask;
            *register.of_mut(&mut wanted) = value;
        }
        current.with(&wanted)
    }
}

/// Name, register, mask and value of one assignment.
fn parse(name: &str, text: &str) -> Result<(&'static str, Register, u32, u32)> {
    let bad = |name: &str, how: String| {
        Failure::new(input::OPTION_BAD_VALUE, format!("`{text}` is no value of {name}: {how}"))
    };
    let wanted = name.trim().to_ascii_uppercase();
    if let Some(area) = AREAS.iter().find(|area| area.name == wanted) {
        let value = area.parse(text.trim()).map_err(|how| bad(area.name, how))?;
        return Ok((area.name, area.register, BOUNDS, value));
    }
    let Some(field) = FIELDS.iter().find(|field| field.name == wanted) else {
        let failure =
            Failure::new(input::OPTION_UNKNOWN_FIELD, format!("`{name}` is no field of the option bytes"));
        return Err(match nearest(&wanted) {
            Some(near) => failure.fix(format!("Did you mean {near}? `ironroot ob show` lists all names.")),
            None => failure,
        });
    };
    let value = field.parse(text.trim()).map_err(|how| bad(field.name, how))?;
    Ok((field.name, field.register, field.mask(), value << field.shift))
}

/// The name that `wanted` is a slip of.
fn nearest(wanted: &str) -> Option<&'static str> {
    let names = FIELDS.iter().map(|f| f.name).chain(AREAS.iter().map(|a| a.name));
    let scored = names.map(|name| (distance(wanted.as_bytes(), name.as_bytes()), name));
    scored.min().filter(|(far, name)| *far <= (name.len() / 3).max(2)).map(|(_, name)| name)
}

/// Edit distance: insertions, deletions and replacements.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (pair, y) in row.windows(2).zip(b) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        for (slip, name) in [
            ("SECURTY", "SECURITY"),
            ("RPD", "RDP"),
            ("BOOTADD0", "BOOT_ADD0"),
            ("SECAREA", "SEC_AREA"),
            ("WRP", "WRPS"),
        ] {
            assert_eq!(nearest(slip), Some(name));
        }
        assert_eq!(nearest("XYZZYXYZZY"), None);
        assert_eq!(
            (distance(b"", b"abc"), distance(b"abc", b"abc"), distance(b"kitten", b"sitting")),
            (3, 0, 3)
        );
    }
}
