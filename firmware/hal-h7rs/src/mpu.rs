//! The memory protection unit (Armv7-M B3.5): a table of regions, from which nothing is left open that is not in it.

use crate::jump;
use crate::reg::{Rw, Wo};
use ironroot_layout::Region;

const CTRL: Wo = Wo::at(0xE000_ED94);
const RNR: Wo = Wo::at(0xE000_ED98);
const RBAR: Wo = Wo::at(0xE000_ED9C);
const RASR: Rw = Rw::at(0xE000_EDA0);

const ENABLE: u32 = 1 << 0;
const REGIONS: u8 = 16;

/// Who may do what with a region. Everything runs privileged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Nothing.
    None,
    /// Read and execute, privileged.
    Code,
    /// Read, privileged.
    ReadOnly,
    /// Read and write, privileged.
    Data,
    /// Read and write, everybody.
    SharedData,
    /// Registers: read and write, in order, everybody.
    Device,
}

impl Rights {
    const fn bits(self) -> u32 {
        const XN: u32 = 1 << 28;
        const PRIVILEGED: u32 = 0b001 << 24;
        const EVERYBODY: u32 = 0b011 << 24;
        const READ_ONLY: u32 = 0b101 << 24;
        // Memory that is never cached, so that nothing of it is left in a cache: TEX 1, C 0, B 0.
        const UNCACHED: u32 = 1 << 19;
        const CACHED: u32 = 1 << 17;
        const DEVICE: u32 = 1 << 16 | 1 << 18;
        match self {
            Self::None => XN | UNCACHED,
            Self::Code => READ_ONLY | CACHED,
            Self::ReadOnly => XN | READ_ONLY | UNCACHED,
            Self::Data => XN | PRIVILEGED | UNCACHED,
            Self::SharedData => XN | EVERYBODY | UNCACHED,
            Self::Device => XN | EVERYBODY | DEVICE,
        }
    }
}

/// One region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    number: u8,
    base: u32,
    /// Size field and sub-regions that are off.
    extent: u32,
    rights: Rights,
    enabled: bool,
}

impl Entry {
    /// Region `number` over `region`, if the MPU can express it: a power of two from 32 bytes on, aligned to itself, or some
    /// consecutive eighths of one.
    pub const fn new(number: u8, region: Region, rights: Rights) -> Option<Self> {
        match extent(region) {
            Some((base, extent)) if number < REGIONS => {
                Some(Self { number, base, extent, rights, enabled: true })
            }
            _ => None,
        }
    }

    /// Not in force: to be enabled by somebody else.
    pub const fn prepared(self) -> Self {
        Self { enabled: false, ..self }
    }

    fn set(self) {
        RNR.write(u32::from(self.number));
        RASR.write(0);
        RBAR.write(self.base);
        RASR.write(self.rights.bits() | self.extent | if self.enabled { ENABLE } else { 0 });
    }
}

/// Base, and size field with sub-region bits, of the smallest region of the MPU that is exactly `region`.
const fn extent(region: Region) -> Option<(u32, u32)> {
    let (start, size) = (region.start().value(), region.size().bytes());
    let mut bits = 5;
    while bits < 32 {
        let whole: u32 = 1 << bits;
        let base = start & !(whole - 1);
        let offset = start - base;
        if offset == 0 && size == whole {
            return Some((base, (bits - 1) << 1));
        }
        let eighth = whole / 8;
        if bits >= 8 && offset.is_multiple_of(eighth) && size.is_multiple_of(eighth) && size != 0 {
            let (first, count) = (offset / eighth, size / eighth);
            if first + count <= 8 {
                let on = ((1 << count) - 1) << first;
                return Some((base, (bits - 1) << 1 | (!on & 0xFF) << 8));
            }
        }
        bits += 1;
    }
    None
}

/// Puts a whole table in force, as RBAR (with the number of the region and VALID) and RASR of each.
pub fn load(table: &[[u32; 2]; REGIONS as usize]) {
    jump::barrier();
    CTRL.write(0);
    for [base, rights] in table {
        RBAR.write(*base);
        RASR.write(*rights);
    }
    CTRL.write(ENABLE);
    jump::barrier();
}

/// Puts a table in force; regions that it does not name are off. What no region covers faults, also when privileged.
pub fn apply(table: &[Entry]) {
    jump::barrier();
    CTRL.write(0);
    for number in 0..REGIONS {
        RNR.write(u32::from(number));
        RASR.write(0);
    }
    for entry in table {
        entry.set();
    }
    CTRL.write(ENABLE);
    jump::barrier();
}
