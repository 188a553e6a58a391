//! The secure-area option register (FLASH_SCAR): START in bits 11:0, END in bits 27:16, DMES in bit 31.

use super::chip::FLASH;
use crate::{Address, Region, Size};

/// START and END count these units from the start of the bank.
pub const SECURE_AREA_UNIT: Size = Size::new(256);
/// The smallest area: one unit could not be told from the encoding of the whole flash.
pub const SECURE_AREA_MIN: Size = Size::new(512);

const FIELD: u32 = 0xFFF;
const END_SHIFT: u32 = 16;
const REMOVE_DURING_ERASE: u32 = 1 << 31;

/// What the START and END fields of SCAR mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureArea {
    /// END < START.
    None,
    /// START == END: not one unit, but all of it.
    WholeFlash,
    /// END > START.
    Region(Region),
}

/// The secure-area option: the area and what happens to it in a regression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scar {
    /// The area.
    pub area: SecureArea,
    /// DMES: the area is erased by RDP 1 to 0 and by a bank erase with protection removal.
    pub remove_during_erase: bool,
}

impl Scar {
    /// The register's factory value: no area, DMES set.
    pub const FACTORY: u32 = 0x8000_00FF;

    /// From the register value. Every value means something; END may lie behind the flash of this part.
    #[inline(always)]
    pub const fn decode(register: u32) -> Self {
        let start = register & FIELD;
        let end = (register >> END_SHIFT) & FIELD;
        let area = if end < start {
            SecureArea::None
        } else if end == start {
            SecureArea::WholeFlash
        } else {
            // At most 4096 units of 256 bytes from the base of the flash: does not wrap.
            let base = FLASH.start().value();
            let unit = SECURE_AREA_UNIT.bytes();
            SecureArea::Region(Region::between(base + start * unit, base + (end + 1) * unit))
        };
        Self { area, remove_during_erase: register & REMOVE_DURING_ERASE != 0 }
    }

    /// The register value, or `None` if the region is not in units of 256 bytes, smaller than 512 bytes, or not in the
    /// flash.
    pub const fn encode(self) -> Option<u32> {
        let fields = match self.area {
            SecureArea::None => Self::FACTORY & FIELD,
            SecureArea::WholeFlash => 0,
            SecureArea::Region(region) => match Self::fields(region) {
                Some(fields) => fields,
                None => return None,
            },
        };
        Some(if self.remove_during_erase { fields | REMOVE_DURING_ERASE } else { fields })
    }

    /// Whether code or data at `address` belongs to the area.
    #[inline(always)]
    pub const fn covers(self, address: Address) -> bool {
        match self.area {
            SecureArea::None => false,
            SecureArea::WholeFlash => FLASH.contains(address),
            SecureArea::Region(region) => region.contains(address),
        }
    }

    const fn fields(region: Region) -> Option<u32> {
        let unit = SECURE_AREA_UNIT.bytes();
        if !FLASH.contains_region(region)
            || !region.size().is_multiple_of(SECURE_AREA_UNIT)
            || region.size().bytes() < SECURE_AREA_MIN.bytes()
        {
            return None;
        }
        match region.start().offset_from(FLASH.start()) {
            Some(offset) if offset.is_multiple_of(SECURE_AREA_UNIT) => {
                let start = offset.bytes() / unit;
                let end = start + region.size().bytes() / unit - 1;
                Some(start | end << END_SHIFT)
            }
            _ => None,
        }
    }
}
