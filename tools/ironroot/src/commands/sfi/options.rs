//! Option bytes of a package: by name as `ob` has them, or from the list that ST's package creator takes.

use std::path::{Path, PathBuf};

use clap::Args;
use ironroot_codes::input;
use ironroot_sfi::{OptionRegister, OptionValue};

use crate::commands::ob::fields::{FIELDS, Field, Register};
use crate::commands::ob::wanted::Wanted;
use crate::error::{Context, Failure, Result};
use crate::{files, number};

/// What option bytes are to become
#[derive(Args, Debug, Default)]
pub struct Arguments {
    /// Option bytes that the installer sets at the end: TOML, one FIELD = VALUE a line (names as `ob show` prints them)
    #[arg(long, value_name = "FILE.toml")]
    options: Option<PathBuf>,
    /// One of them, like SECURITY=1 or SEC_AREA=0x08000000..0x08020000; may be repeated
    #[arg(long = "option", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// The same as ST's list of NAME,VALUE rows for the H7; rows of a second bank are left out
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["options", "fields"])]
    options_csv: Option<PathBuf>,
}

/// Rows of ST's list and the registers that they are for. The part has one bank: what is for a second one has no register.
const ROWS: [(&str, Option<Register>); 9] = [
    ("FOPTSR_PRG", Some(Register::Optsr)),
    ("FPRAR_PRG_A", Some(Register::Prar)),
    ("FPRAR_PRG_B", None),
    ("FSCAR_PRG_A", Some(Register::Scar)),
    ("FSCAR_PRG_B", None),
    ("FWPSN_PRG_A", Some(Register::Wpsn)),
    ("FWPSN_PRG_B", None),
    ("FBOOT7_PRG", Some(Register::Boot)),
    ("RESERVED", None),
];

/// The register of the package's format.
pub fn register(register: Register) -> OptionRegister {
    match register {
        Register::Optsr => OptionRegister::Options,
        Register::Prar => OptionRegister::Pcrop,
        Register::Scar => OptionRegister::SecureArea,
        Register::Wpsn => OptionRegister::WriteProtection,
        Register::Boot => OptionRegister::Boot,
        Register::Optsr2 => OptionRegister::Options2,
    }
}

/// The bits of a register that can be written.
fn writable(register: Register) -> u32 {
    FIELDS.iter().filter(|field| field.register == register).map(Field::mask).fold(0, |all, mask| all | mask)
}

impl Arguments {
    /// These fields alone.
    #[cfg(test)]
    pub fn of(fields: &[&str]) -> Self {
        Arguments { fields: fields.iter().map(|&field| field.to_owned()).collect(), ..Self::default() }
    }

    /// Files that are read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.options.as_deref().into_iter().chain(self.options_csv.as_deref())
    }

    /// The values, by register.
    pub fn values(&self) -> Result<Vec<OptionValue>> {
        if let Some(path) = &self.options_csv {
            return csv(&files::read(path)?).about(path.display());
        }
        let mut wanted = match &self.options {
            Some(path) => Wanted::from_file(path)?,
            None => Wanted::nothing(),
        };
        for field in &self.fields {
            wanted.add_assignment(field)?;
        }
        Ok(Register::ALL
            .into_iter()
            .filter_map(|name| {
                let (value, mask) = wanted.of(name);
                (mask != 0).then_some(OptionValue { register: register(name), value, mask })
            })
            .collect())
    }
}

/// Reads ST's list.
fn csv(bytes: &[u8]) -> Result<Vec<OptionValue>> {
    let refused =
        |line: usize, cause: String| Failure::new(input::SFI_OPTIONS_FILE, format!("row {line}: {cause}"));
    let text = std::str::from_utf8(bytes).map_err(|e| refused(0, e.to_string()))?;
    let (mut seen, mut values) = (Vec::new(), Vec::new());
    for (row, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) =
            line.split_once([',', ';']).ok_or_else(|| refused(row, format!("`{line}` is no NAME,VALUE")))?;
        let name = name.trim().to_ascii_uppercase();
        let Some((name, target)) = ROWS.iter().find(|(known, _)| *known == name) else {
            return Err(refused(row, format!("there is no option register `{name}`")));
        };
        if seen.contains(name) {
            return Err(refused(row, format!("{name} is there twice")));
        }
        seen.push(*name);
        let value = number::parse(value.trim()).map_err(|how| refused(row, format!("{name}: {how}")))?;
        if let Some(target) = target {
            let mask = writable(*target);
            values.push(OptionValue { register: register(*target), value: value & mask, mask });
        }
    }
    if values.is_empty() {
        return Err(refused(0, "it names no register of this part".into()));
    }
    values.sort_by_key(|value| value.register);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "FOPTSR_PRG,0x1026AAD0\nFPRAR_PRG_A,0x81000200\nFPRAR_PRG_B,0x81000200\nFSCAR_PRG_A,0x81000200\n\
                          FSCAR_PRG_B,0x81000200\nFWPSN_PRG_A,0xFFFFFFFF\nFWPSN_PRG_B,0xFFFFFFFF\nFBOOT7_PRG,0x24000800\n\
                          RESERVED,0x10000810\n";

    #[test]
    fn st_s_list_means_the_registers_of_the_first_bank() {
        let values = csv(SAMPLE.as_bytes()).unwrap();
        let of = |register| values.iter().find(|v| v.register == register).map(|v| v.value);
        assert_eq!(values.len(), 5);
        assert_eq!(of(OptionRegister::Options), Some(0x1026_AAD0 & writable(Register::Optsr)));
        assert_eq!(of(OptionRegister::SecureArea), Some(0x8100_0200));
        assert_eq!(of(OptionRegister::Boot), Some(0x2400_0800));
        assert_eq!(of(OptionRegister::Options2), None);
        let bytes: Vec<u8> = values.iter().flat_map(OptionValue::encode).collect();
        assert!(ironroot_sfi::OptionValues::parse(&bytes).is_ok());
    }

    #[test]
    fn a_bad_row_is_named() {
        for bad in [
            "",
            "FOPTSR_PRG",
            "FOPTSR_PRG,x",
            "NONE,1",
            "FOPTSR_PRG,1\nfoptsr_prg,1",
            "FOPTSR_PRG,0x100000000",
        ] {
            assert_eq!(csv(bad.as_bytes()).unwrap_err().code, input::SFI_OPTIONS_FILE, "{bad}");
        }
    }
}
