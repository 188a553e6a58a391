//! The option bytes as values.

use ironroot_layout::stm32h735::options::{Scar, SecureArea};
use ironroot_layout::stm32h735::{FLASH, SECTOR, SECTOR_COUNT};
use ironroot_layout::{Address, Region};

use super::registers::{self, optsr};

/// Options in OPTSR that software may change. The other bits are reserved and keep their factory value.
pub const OPTSR_WRITABLE: u32 = 0x233E_FFDC;
/// START, END and the erase bit of PRAR and SCAR.
pub const AREA_WRITABLE: u32 = 0x8FFF_0FFF;
const WPSN_WRITABLE: u32 = 0xFF;
const OPTSR2_WRITABLE: u32 = 0x7;

const ERASE_WITH_REGRESSION: u32 = 1 << 31;

/// Readout protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReadProtection {
    /// 0xAA.
    Level0,
    /// Any other value.
    Level1,
    /// 0xCC. No way back.
    Level2,
}

/// The option bytes, register by register (h73x-flash 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionBytes {
    /// OPTSR without OPT_BUSY and OPTCHANGEERR.
    pub optsr: u32,
    /// Execute-only area.
    pub prar: u32,
    /// Secure area.
    pub scar: u32,
    /// Sector write protection; 0 protects.
    pub wpsn: u32,
    /// Boot addresses.
    pub boot: u32,
    /// TCM_AXI_SHARED and CPUFREQ_BOOST.
    pub optsr2: u32,
}

impl OptionBytes {
    /// What a new part has (h73x-flash 2).
    pub const FACTORY: OptionBytes = OptionBytes {
        optsr: 0x179E_AAF0,
        prar: 0x0000_00FF,
        scar: Scar::FACTORY,
        wpsn: 0x0000_00FF,
        boot: 0x1FF0_0800,
        optsr2: 0,
    };

    /// The RDP byte.
    pub const fn rdp_byte(&self) -> u8 {
        (self.optsr >> 8) as u8
    }

    /// What the RDP byte means.
    pub const fn read_protection(&self) -> ReadProtection {
        match self.rdp_byte() {
            0xAA => ReadProtection::Level0,
            0xCC => ReadProtection::Level2,
            _ => ReadProtection::Level1,
        }
    }

    /// Offset of each PRG register in the FLASH block, and the value that asks for these options.
    pub fn program_values(&self) -> [(u32, u32); 6] {
        [
            (registers::OPTSR_PRG, self.optsr),
            (registers::PRAR_PRG, self.prar),
            (registers::SCAR_PRG, self.scar),
            (registers::WPSN_PRG, self.wpsn),
            (registers::BOOT_PRG, self.boot),
            (registers::OPTSR2_PRG, self.optsr2),
        ]
    }

    /// SECURITY.
    pub const fn security(&self) -> bool {
        self.optsr & optsr::SECURITY != 0
    }

    /// DMEP: a regression and a bank erase with protection removal erase the execute-only area.
    pub const fn dmep(&self) -> bool {
        self.prar & ERASE_WITH_REGRESSION != 0
    }

    /// DMES: the same for the secure area.
    pub const fn dmes(&self) -> bool {
        self.scar & ERASE_WITH_REGRESSION != 0
    }

    /// The execute-only area. PRAR is encoded as SCAR is.
    pub const fn pcrop(&self) -> SecureArea {
        Scar::decode(self.prar).area
    }

    /// The secure area.
    pub const fn secure_area(&self) -> SecureArea {
        Scar::decode(self.scar).area
    }

    /// TCM_AXI_SHARED: how many blocks of 64 KB move from AXI SRAM to ITCM.
    pub const fn tcm_axi_shared(&self) -> u8 {
        (self.optsr2 & 3) as u8
    }

    /// Address that the core boots from, by the level of the BOOT0 pin.
    pub const fn boot_address(&self, boot0: bool) -> u32 {
        if boot0 { self.boot & 0xFFFF_0000 } else { self.boot << 16 }
    }

    /// True if the sector is write-protected.
    pub const fn write_protected(&self, sector: u32) -> bool {
        sector < SECTOR_COUNT && self.wpsn >> sector & 1 == 0
    }

    /// These options with all bits that software may change taken from `wanted`.
    pub const fn with(&self, wanted: &OptionBytes) -> OptionBytes {
        const fn merge(old: u32, new: u32, mask: u32) -> u32 {
            old & !mask | new & mask
        }
        OptionBytes {
            optsr: merge(self.optsr, wanted.optsr, OPTSR_WRITABLE),
            prar: merge(self.prar, wanted.prar, AREA_WRITABLE),
            scar: merge(self.scar, wanted.scar, AREA_WRITABLE),
            wpsn: merge(self.wpsn, wanted.wpsn, WPSN_WRITABLE),
            boot: wanted.boot,
            optsr2: merge(self.optsr2, wanted.optsr2, OPTSR2_WRITABLE),
        }
    }
}

/// True if the area is valid, that is, protects something.
pub const fn is_valid(area: SecureArea) -> bool {
    !matches!(area, SecureArea::None)
}

/// True if the area has `address` in it.
pub const fn covers(area: SecureArea, address: u32) -> bool {
    Scar { area, remove_during_erase: false }.covers(Address::new(address))
}

/// The part of the address space that the area covers.
pub const fn extent(area: SecureArea) -> Option<Region> {
    match area {
        SecureArea::None => None,
        SecureArea::WholeFlash => Some(FLASH),
        SecureArea::Region(region) => Some(region),
    }
}

/// True if the area has part of the sector in it.
pub fn touches_sector(area: SecureArea, sector: u32) -> bool {
    let start = FLASH.start().value() + sector.min(SECTOR_COUNT - 1) * SECTOR.bytes();
    extent(area).is_some_and(|region| region.overlaps(Region::between(start, start + SECTOR.bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factory_state_is_open() {
        let factory = OptionBytes::FACTORY;
        assert_eq!(factory.read_protection(), ReadProtection::Level0);
        assert!(!factory.security() && factory.dmes() && !factory.dmep());
        assert_eq!((factory.pcrop(), factory.secure_area()), (SecureArea::None, SecureArea::None));
        assert_eq!((factory.boot_address(false), factory.boot_address(true)), (0x0800_0000, 0x1FF0_0000));
        assert!((0..8).all(|sector| !factory.write_protected(sector)));
    }

    #[test]
    fn start_equal_to_end_is_the_whole_flash() {
        let options = OptionBytes { prar: 0x0010_0010, ..OptionBytes::FACTORY };
        assert!(is_valid(options.pcrop()) && covers(options.pcrop(), 0x080F_FFFF));
        assert!((0..8).all(|sector| touches_sector(options.pcrop(), sector)));
    }

    #[test]
    fn an_area_touches_only_its_sectors() {
        let options = OptionBytes { scar: 0x0200_01FF, ..OptionBytes::FACTORY };
        let touched: Vec<u32> = (0..8).filter(|&n| touches_sector(options.secure_area(), n)).collect();
        assert_eq!(touched, [0, 1]);
    }
}
