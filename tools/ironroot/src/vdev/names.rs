//! Names for the addresses of a virtual device: its firmware's, and those of the programs that the user names.

use std::path::PathBuf;

use ironroot_codes::input;
use ironroot_debug::symbols::Symbols;

use crate::error::{Failure, Result};
use crate::{files, firmware};

/// The symbols of the firmware that this build carries and of `programs` (ELF files; their functions are named bare).
pub fn symbols(programs: &[PathBuf]) -> Result<Symbols> {
    let mut symbols = Symbols::new();
    for program in [firmware::RSS, firmware::SECURE_BOOT] {
        symbols.add_elf(program.name, program.elf.unwrap_or_default());
    }
    for path in programs {
        let elf = files::read(path)?;
        crate::input::elf::parse(&elf).map_err(|failure| failure.about(path.display()))?;
        if symbols.add_elf("", &elf) == 0 {
            let cause = "it names no function: its symbol table was stripped";
            return Err(Failure::new(input::ELF_MALFORMED, cause)
                .about(path.display())
                .fix("Give the ELF file as the linker wrote it."));
        }
    }
    Ok(symbols)
}

/// A range of addresses, `0x08020000..0x08021000` or `0x08020000..` or `..0x1000`.
pub fn parse_range(text: &str) -> std::result::Result<std::ops::Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("a range is written 0x08000000..0x08020000")?;
    let number = |text: &str, default| match text {
        "" => Ok(default),
        text => crate::number::parse(text).map(u64::from),
    };
    let range = number(from, 0)?..number(to, 1 << 32)?;
    if range.is_empty() { Err("the range is empty".to_owned()) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("0x10..0x20"), Ok(0x10..0x20));
        assert_eq!((parse_range("1K.."), parse_range("..16")), (Ok(1024..1 << 32), Ok(0..16)));
        for text in ["", "5", "0x20..0x10", "5..5", "a..b", "1..2..3"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
