//! The memory protection unit (PMSAv7, DDI 0403E B3.5): up to 16 regions with subregions, background region.

use crate::access::is_device_by_default;
use crate::bus::Kind;
use crate::tlb::{PAGE_MASK, PAGE_SIZE};

/// Regions of a Cortex-M7 in an STM32.
pub const REGIONS: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Region {
    rbar: u32,
    rasr: u32,
}

impl Region {
    fn enabled(self) -> bool {
        self.rasr & 1 != 0
    }
    /// log2 of the size; sizes below 32 bytes do not exist.
    fn size_bits(self) -> u32 {
        (((self.rasr >> 1) & 31) + 1).max(5)
    }
    /// Address bits that lie above the region's size.
    fn mask(self) -> u32 {
        u32::MAX.checked_shl(self.size_bits()).unwrap_or(0)
    }
    fn base(self) -> u32 {
        self.rbar & self.mask() & !0x1F
    }
    fn subregions_off(self) -> u32 {
        if self.size_bits() >= 8 { (self.rasr >> 8) & 0xFF } else { 0 }
    }
    /// Whether the region decides about this address.
    fn covers(self, address: u32) -> bool {
        if !self.enabled() || address & self.mask() != self.base() {
            return false;
        }
        let subregion = (address & !self.mask()) >> (self.size_bits() - 3).min(31);
        self.subregions_off() & (1 << (subregion & 7)) == 0
    }
    fn allows(self, kind: Kind, privileged: bool) -> bool {
        let (read, write) = match ((self.rasr >> 24) & 7, privileged) {
            (1, true) | (2, true) | (3, _) => (true, true),
            (2, false) | (5, true) | (6 | 7, _) => (true, false),
            _ => (false, false),
        };
        match kind {
            Kind::Read => read,
            Kind::Write => write,
            Kind::Fetch => read && self.rasr & (1 << 28) == 0,
        }
    }
    /// Device or Strongly-ordered by TEX, C, B (B3.5.5).
    fn is_device(self) -> bool {
        let tex = (self.rasr >> 19) & 7;
        let c_b = (self.rasr >> 16) & 3;
        (tex == 0 && c_b < 2) || (tex == 2 && c_b == 0)
    }
}

/// The MPU's registers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mpu {
    ctrl: u32,
    rnr: u32,
    regions: [Region; REGIONS],
}

impl Mpu {
    /// After reset: disabled.
    pub fn new() -> Mpu {
        Mpu { ctrl: 0, rnr: 0, regions: [Region::default(); REGIONS] }
    }

    /// MPU_CTRL.ENABLE.
    pub fn enabled(&self) -> bool {
        self.ctrl & 1 != 0
    }

    /// MPU_CTRL.HFNMIENA: in force also in HardFault, NMI and with FAULTMASK set.
    pub fn enabled_in_faults(&self) -> bool {
        self.ctrl & 2 != 0
    }

    fn decide(&self, address: u32) -> Option<Region> {
        self.regions.iter().rev().find(|region| region.covers(address)).copied()
    }

    /// Whether an access is allowed while the MPU is in force.
    pub fn allows(&self, address: u32, kind: Kind, privileged: bool) -> bool {
        match self.decide(address) {
            Some(region) => region.allows(kind, privileged),
            None => {
                privileged && self.ctrl & 4 != 0 && (kind != Kind::Fetch || !is_device_by_default(address))
            }
        }
    }

    /// Whether the memory at `address` is Device or Strongly-ordered.
    pub fn is_device(&self, address: u32, in_force: bool) -> bool {
        match self.decide(address) {
            Some(region) if in_force => region.is_device(),
            _ => is_device_by_default(address),
        }
    }

    /// Whether one answer holds for the whole 1 KiB page of `address`.
    pub fn page_is_uniform(&self, address: u32) -> bool {
        let page = address & PAGE_MASK;
        self.regions.iter().filter(|region| region.enabled()).all(|region| {
            let finest = if region.subregions_off() == 0 {
                region.size_bits()
            } else {
                region.size_bits().saturating_sub(3)
            };
            // A grain of at least a page never splits one; a finer region matters only where it overlaps.
            finest >= PAGE_SIZE.trailing_zeros() || {
                let size = 1u64 << region.size_bits();
                let start = u64::from(region.base());
                start >= u64::from(page) + u64::from(PAGE_SIZE) || start + size <= u64::from(page)
            }
        })
    }

    /// Reads a register by its offset from 0xE000_ED90.
    pub fn read(&self, offset: u32) -> u32 {
        let region = self.regions[self.rnr as usize % REGIONS];
        match offset {
            0x00 => (REGIONS as u32) << 8,
            0x04 => self.ctrl,
            0x08 => self.rnr,
            0x0C | 0x14 | 0x1C | 0x24 => (region.rbar & !0x1F) | self.rnr,
            0x10 | 0x18 | 0x20 | 0x28 => region.rasr,
            _ => 0,
        }
    }

    /// Writes a register by its offset from 0xE000_ED90.
    pub fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x04 => self.ctrl = value & 7,
            0x08 => self.rnr = value & (REGIONS as u32 - 1),
            0x0C | 0x14 | 0x1C | 0x24 => {
                if value & 0x10 != 0 {
                    self.rnr = value & 0xF;
                }
                self.regions[self.rnr as usize % REGIONS].rbar = value & !0x1F;
            }
            0x10 | 0x18 | 0x20 | 0x28 => self.regions[self.rnr as usize % REGIONS].rasr = value & 0x173F_FF3F,
            _ => {}
        }
    }
}

impl Default for Mpu {
    fn default() -> Self {
        Mpu::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_region(base: u32, size_bits: u32, ap: u32, srd: u32, xn: bool) -> Mpu {
        let mut mpu = Mpu::new();
        mpu.write(0x08, 3);
        mpu.write(0x0C, base);
        mpu.write(0x10, 1 | ((size_bits - 1) << 1) | (srd << 8) | (ap << 24) | (u32::from(xn) << 28));
        mpu.write(0x04, 1);
        mpu
    }

    #[test]
    fn a_region_grants_what_its_ap_says() {
        let mpu = with_region(0x2000_0000, 10, 0b010, 0, true);
        assert!(mpu.allows(0x2000_0000, Kind::Write, true));
        assert!(mpu.allows(0x2000_03FF, Kind::Read, false));
        assert!(!mpu.allows(0x2000_0000, Kind::Write, false));
        assert!(!mpu.allows(0x2000_0000, Kind::Fetch, true));
        assert!(!mpu.allows(0x2000_0400, Kind::Read, true));
    }

    #[test]
    fn a_switched_off_subregion_falls_through() {
        let mut mpu = with_region(0x2000_0000, 8, 0b011, 0b0000_0010, false);
        assert!(mpu.allows(0x2000_0000, Kind::Read, false));
        assert!(!mpu.allows(0x2000_0020, Kind::Read, true));
        mpu.write(0x04, 5);
        assert!(mpu.allows(0x2000_0020, Kind::Read, true));
        assert!(!mpu.page_is_uniform(0x2000_0300));
        assert!(mpu.page_is_uniform(0x2000_0400));
    }

    #[test]
    fn the_whole_address_space_is_one_region() {
        let mpu = with_region(0, 32, 0b011, 0, false);
        assert!(mpu.allows(0xDFFF_FFFF, Kind::Write, false));
        assert!(mpu.page_is_uniform(0));
    }
}
