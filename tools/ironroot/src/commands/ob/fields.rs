//! The option bytes by the names of the reference manual (h73x-flash 2.1): one table for showing, parsing and comparing.

use ironroot_chip::OptionBytes;
use ironroot_chip::flash::registers as reg;
use ironroot_layout::stm32h735::options::{SECURE_AREA_UNIT, Scar, SecureArea};
use ironroot_layout::stm32h735::{FLASH, SECTOR_COUNT};

use crate::number;

/// An option register; each has a copy in force (CUR) and a staged one (PRG).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    Optsr,
    Prar,
    Scar,
    Wpsn,
    Boot,
    Optsr2,
}

impl Register {
    /// All of them, in the order of their addresses.
    pub const ALL: [Register; 6] =
        [Register::Optsr, Register::Prar, Register::Scar, Register::Wpsn, Register::Boot, Register::Optsr2];

    /// The manual's name without `_CUR` or `_PRG`.
    pub const fn name(self) -> &'static str {
        match self {
            Register::Optsr => "OPTSR",
            Register::Prar => "PRAR",
            Register::Scar => "SCAR",
            Register::Wpsn => "WPSN",
            Register::Boot => "BOOT",
            Register::Optsr2 => "OPTSR2",
        }
    }

    /// Offset of the copy in force; the staged one follows.
    pub const fn offset(self) -> u32 {
        match self {
            Register::Optsr => reg::OPTSR_CUR,
            Register::Prar => reg::PRAR_CUR,
            Register::Scar => reg::SCAR_CUR,
            Register::Wpsn => reg::WPSN_CUR,
            Register::Boot => reg::BOOT_CUR,
            Register::Optsr2 => reg::OPTSR2_CUR,
        }
    }

    /// Its value in `options`.
    pub const fn of(self, options: &OptionBytes) -> u32 {
        match self {
            Register::Optsr => options.optsr,
            Register::Prar => options.prar,
            Register::Scar => options.scar,
            Register::Wpsn => options.wpsn,
            Register::Boot => options.boot,
            Register::Optsr2 => options.optsr2,
        }
    }

    /// The same, to be changed.
    pub const fn of_mut(self, options: &mut OptionBytes) -> &mut u32 {
        match self {
            Register::Optsr => &mut options.optsr,
            Register::Prar => &mut options.prar,
            Register::Scar => &mut options.scar,
            Register::Wpsn => &mut options.wpsn,
            Register::Boot => &mut options.boot,
            Register::Optsr2 => &mut options.optsr2,
        }
    }
}

/// How the values of a field are written.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One of these meanings, by number.
    Choice(&'static [&'static str]),
    /// The RDP byte.
    Level,
    /// A 256-byte block of the flash, by address or number.
    Block,
    /// The upper half of an address.
    BootAddress,
    /// A bit a sector; 0 protects.
    Sectors,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The manual's name.
    pub name: &'static str,
    /// Where it is.
    pub register: Register,
    /// Its lowest bit.
    pub shift: u32,
    /// Its number of bits.
    pub width: u32,
    /// How its values are written.
    pub kind: Kind,
    /// What it is for, in a few words.
    pub about: &'static str,
}

const fn field(
    name: &'static str,
    register: Register,
    (shift, width): (u32, u32),
    kind: Kind,
    about: &'static str,
) -> Field {
    Field { name, register, shift, width, kind, about }
}

const STANDBY: Kind = Kind::Choice(&["entering it resets", "entering it does not reset"]);
const FREEZE: Kind = Kind::Choice(&["watchdog frozen", "watchdog runs on"]);
const ERASE: Kind = Kind::Choice(&["area kept by a regression", "area erased by regression and removal"]);

/// Every field.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    field("RDP", Register::Optsr, (8, 8), Kind::Level, "read protection"),
    field("SECURITY", Register::Optsr, (21, 1), Kind::Choice(&["Standard mode", "Secure access mode"]), "every reset enters RSS; from the next reset"),
    field("BOR_LEV", Register::Optsr, (2, 2), Kind::Choice(&["off", "level 1", "level 2", "level 3"]), "brown-out reset threshold"),
    field("IWDG1_SW", Register::Optsr, (4, 1), Kind::Choice(&["started by hardware", "started by software"]), "independent watchdog"),
    field("NRST_STOP_D1", Register::Optsr, (6, 1), STANDBY, "Stop mode, domain D1"),
    field("NRST_STBY_D1", Register::Optsr, (7, 1), STANDBY, "Standby mode, domain D1"),
    field("NRST_STOP_D2", Register::Optsr, (24, 1), STANDBY, "Stop mode, domain D2"),
    field("NRST_STBY_D2", Register::Optsr, (25, 1), STANDBY, "Standby mode, domain D2"),
    field("FZ_IWDG_STOP", Register::Optsr, (17, 1), FREEZE, "watchdog in Stop mode"),
    field("FZ_IWDG_SDBY", Register::Optsr, (18, 1), FREEZE, "watchdog in Standby mode"),
    field("ST_RAM_SIZE", Register::Optsr, (19, 2), Kind::Choice(&["2 KB", "4 KB", "8 KB", "16 KB"]), "DTCM kept for RSS"),
    field("IO_HSLV", Register::Optsr, (29, 1), Kind::Choice(&["pins at any voltage", "pins below 2.5 V only"]), "high-speed pins"),
    field("PROT_AREA_START", Register::Prar, (0, 12), Kind::Block, "execute-only area (PCROP), first block"),
    field("PROT_AREA_END", Register::Prar, (16, 12), Kind::Block, "execute-only area (PCROP), last block"),
    field("DMEP", Register::Prar, (31, 1), ERASE, "execute-only area in an erase"),
    field("SEC_AREA_START", Register::Scar, (0, 12), Kind::Block, "secure area, first block"),
    field("SEC_AREA_END", Register::Scar, (16, 12), Kind::Block, "secure area, last block"),
    field("DMES", Register::Scar, (31, 1), ERASE, "secure area in an erase"),
    field("WRPS", Register::Wpsn, (0, 8), Kind::Sectors, "write protection of sectors"),
    field("BOOT_ADD0", Register::Boot, (0, 16), Kind::BootAddress, "boot address with BOOT0 low; from the next reset"),
    field("BOOT_ADD1", Register::Boot, (16, 16), Kind::BootAddress, "boot address with BOOT0 high; from the next reset"),
    field("TCM_AXI_SHARED", Register::Optsr2, (0, 2), Kind::Choice(&["ITCM 64 KB, AXI 320 KB", "ITCM 128 KB, AXI 256 KB", "ITCM 192 KB, AXI 192 KB", "ITCM 256 KB, AXI 128 KB"]), "RAM split; from the next reset"),
    field("CPUFREQ_BOOST", Register::Optsr2, (2, 1), Kind::Choice(&["up to 520 MHz", "up to 550 MHz, no RAM ECC"]), "core frequency"),
];

/// Two fields that describe an area, under one name.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Its name on the command line.
    pub name: &'static str,
    /// The register.
    pub register: Register,
}

/// The areas.
pub const AREAS: [Area; 2] = [
    Area { name: "PROT_AREA", register: Register::Prar },
    Area { name: "SEC_AREA", register: Register::Scar },
];

/// START and END of an area register.
pub const BOUNDS: u32 = 0x0FFF_0FFF;
/// How a removed area is written: START behind END.
const NONE: u32 = 0x0000_00FF;

impl Field {
    /// The field's bits in its register.
    pub const fn mask(&self) -> u32 {
        ((1 << self.width) - 1) << self.shift
    }

    /// Its raw value in `options`.
    pub const fn raw(&self, options: &OptionBytes) -> u32 {
        (self.register.of(options) & self.mask()) >> self.shift
    }

    /// A raw value for people.
    pub fn human(&self, raw: u32) -> String {
        match self.kind {
            Kind::Choice(meanings) => {
                let meaning = meanings.get(raw as usize).unwrap_or(&"reserved");
                format!("{raw}: {meaning}")
            }
            Kind::Level => format!("{raw:#04x}: level {}", level(raw)),
            Kind::Block => format!("{:#010x} (block {raw:#x})", block_address(raw)),
            Kind::BootAddress => format!("{:#010x}", raw << 16),
            Kind::Sectors => sectors(raw),
        }
    }

    /// A value as somebody wrote it, or how it should have been written.
    pub fn parse(&self, text: &str) -> Result<u32, String> {
        let small = |most: u32, how: &str| match number::parse(text) {
            Ok(value) if value <= most => Ok(value),
            _ => Err(how.to_owned()),
        };
        match self.kind {
            Kind::Choice(meanings) => {
                let listed: Vec<String> =
                    meanings.iter().enumerate().map(|(i, m)| format!("{i} ({m})")).collect();
                small(meanings.len() as u32 - 1, &format!("it is one of {}", listed.join(", ")))
            }
            // A bare digit would be a guess between level and byte, and one of the guesses is for ever.
            Kind::Level => match text.to_ascii_lowercase().as_str() {
                "level0" => Ok(0xAA),
                "level1" => Ok(0xBB),
                "level2" => Ok(0xCC),
                hex if hex.starts_with("0x") => small(0xFF, "a byte is at most 0xFF"),
                _ => Err("write level0, level1 or level2, or the byte like 0xBB".into()),
            },
            Kind::Block => {
                let how =
                    "write an address of flash on a multiple of 256 bytes, or a block number up to 0xFFF";
                let value = number::parse(text).map_err(|_| how.to_owned())?;
                match value.checked_sub(FLASH.start().value()) {
                    None if value <= 0xFFF => Ok(value),
                    Some(offset) if offset.is_multiple_of(SECURE_AREA_UNIT.bytes()) => {
                        Some(offset / SECURE_AREA_UNIT.bytes())
                            .filter(|block| *block <= 0xFFF)
                            .ok_or(how.into())
                    }
                    _ => Err(how.into()),
                }
            }
            Kind::BootAddress => {
                let how = "write an address on a multiple of 64 KB, or its upper 16 bits";
                match number::parse(text) {
                    Ok(value) if value <= 0xFFFF => Ok(value),
                    Ok(value) if value.is_multiple_of(0x1_0000) => Ok(value >> 16),
                    _ => Err(how.into()),
                }
            }
            Kind::Sectors => parse_sectors(text),
        }
    }
}

impl Area {
    /// The bits of START and END, from `none`, `all`, or `START..END` with END behind the last byte.
    pub fn parse(&self, text: &str) -> Result<u32, String> {
        let how = "write none, all, or START..END: flash addresses on multiples of 256 bytes, at least 512 bytes apart";
        match text.to_ascii_lowercase().as_str() {
            "none" => return Ok(NONE),
            "all" => return Ok(0),
            _ => {}
        }
        let (start, end) = text.split_once("..").ok_or(how)?;
        let block = |text: &str| {
            let offset = number::parse(text).ok()?.checked_sub(FLASH.start().value())?;
            let unit = SECURE_AREA_UNIT.bytes();
            (offset.is_multiple_of(unit) && offset <= FLASH.size().bytes()).then_some(offset / unit)
        };
        let (Some(start), Some(end)) = (block(start), block(end)) else { return Err(how.into()) };
        let last = end.checked_sub(1).filter(|last| *last > start).ok_or(how)?;
        Ok(start | last << 16)
    }

    /// The area for people.
    pub fn human(&self, options: &OptionBytes) -> String {
        match Scar::decode(self.register.of(options)).area {
            SecureArea::None => "none".to_owned(),
            SecureArea::WholeFlash => "the whole flash (START = END)".to_owned(),
            SecureArea::Region(region) => format!(
                "{:#010x}..{:#010x}, {} bytes",
                region.start().value(),
                region.end().value(),
                region.size().bytes()
            ),
        }
    }
}

/// The level of an RDP byte.
pub const fn level(byte: u32) -> u32 {
    match byte {
        0xAA => 0,
        0xCC => 2,
        _ => 1,
    }
}

fn block_address(block: u32) -> u32 {
    FLASH.start().value() + block * SECURE_AREA_UNIT.bytes()
}

fn sectors(raw: u32) -> String {
    let protected: Vec<String> =
        (0..SECTOR_COUNT).filter(|n| raw >> n & 1 == 0).map(|n| n.to_string()).collect();
    if protected.is_empty() { "none".to_owned() } else { format!("sectors {}", protected.join(",")) }
}

fn parse_sectors(text: &str) -> Result<u32, String> {
    const ALL: u32 = (1 << SECTOR_COUNT) - 1;
    let how =
        "write none, all, the protected sectors like 0,1,7, or the register's bits like 0xFE (0 protects)";
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "none" => return Ok(ALL),
        "all" => return Ok(0),
        _ => {}
    }
    if lower.starts_with("0x") {
        return number::parse(text).ok().filter(|bits| *bits <= ALL).ok_or(how.into());
    }
    text.split(',').try_fold(ALL, |bits, sector| match sector.parse::<u32>() {
        Ok(n) if n < SECTOR_COUNT => Ok(bits & !(1 << n)),
        _ => Err(how.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_writable_bit_once() {
        let all = OptionBytes { optsr: !0, prar: !0, scar: !0, wpsn: !0, boot: !0, optsr2: !0 };
        let zero = OptionBytes { optsr: 0, prar: 0, scar: 0, wpsn: 0, boot: 0, optsr2: 0 };
        for register in Register::ALL {
            let masks = FIELDS.iter().filter(|f| f.register == register).map(Field::mask);
            let seen = masks.fold(0, |seen, mask| {
                assert_eq!(seen & mask, 0, "{}", register.name());
                seen | mask
            });
            let writable = register.of(&zero.with(&all));
            assert_eq!(seen, writable, "{}", register.name());
        }
    }

    #[test]
    fn values_are_read_as_they_are_shown() {
        let parse = |name: &str, text: &str| {
            FIELDS.iter().find(|f| f.name == name).map(|f| f.parse(text)).expect("a field")
        };
        for (name, text, raw) in [
            ("RDP", "level1", 0xBB),
            ("RDP", "0xAA", 0xAA),
            ("SECURITY", "1", 1),
            ("WRPS", "0,7", 0x7E),
            ("WRPS", "none", 0xFF),
            ("BOOT_ADD0", "0x08000000", 0x0800),
            ("BOOT_ADD1", "0x1FF0", 0x1FF0),
            ("SEC_AREA_END", "0x0801FF00", 0x1FF),
        ] {
            assert_eq!(parse(name, text), Ok(raw), "{name}={text}");
        }
        for (name, text) in [
            ("RDP", "2"),
            ("RDP", "0x100"),
            ("SECURITY", "2"),
            ("SECURITY", "yes"),
            ("WRPS", "8"),
            ("WRPS", ""),
            ("BOOT_ADD0", "0x08000001"),
            ("SEC_AREA_START", "0x08000080"),
        ] {
            assert!(parse(name, text).is_err(), "{name}={text}");
        }
        assert_eq!(AREAS[1].parse("0x08000000..0x08020000"), Ok(0x01FF_0000));
        for text in ["0x08000000", "0x08000000..0x08000100", "0x08020000..0x08000000", "0..1", "..", "x..y"] {
            assert!(AREAS[0].parse(text).is_err(), "{text}");
        }
    }
}
