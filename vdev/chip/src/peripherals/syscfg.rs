//! System configuration: compensation cell, EXTI routing, package, and the UR registers, which mirror option bytes.

use super::registers::{Register, Registers, Written, register};
use crate::flash::options::OptionBytes;

const CCCSR: u32 = 0x020;
const UR0: u32 = 0x300;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x004, "PMCR", 0, 0x0FE0_07FF),
    register(0x008, "EXTICR1", 0, 0xFFFF),
    register(0x00C, "EXTICR2", 0, 0xFFFF),
    register(0x010, "EXTICR3", 0, 0xFFFF),
    register(0x014, "EXTICR4", 0, 0xFFFF),
    register(0x018, "CFGR", 0, 0x0000_FACC),
    register(0x020, "CCCSR", 0, 0x0001_0003),
    register(0x024, "CCVR", 0x88, 0),
    register(0x028, "CCCR", 0, 0xFF),
    register(0x030, "ADC2ALT", 0, 0x3),
    // Package code of the part; the value is a choice of ours.
    register(0x124, "PKGR", 0x8, 0),
];

/// The SYSCFG block.
#[derive(Clone, Debug, Hash)]
pub struct Syscfg {
    registers: Registers,
}

impl Default for Syscfg {
    fn default() -> Self {
        Syscfg { registers: Registers::new(TABLE) }
    }
}

impl Syscfg {
    /// Reset state.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// A register's value. `options` are the option bytes in force.
    pub fn read(&self, offset: u32, options: &OptionBytes) -> Option<u32> {
        if offset >= UR0 { user_register(offset, options) } else { self.registers.read(offset) }
    }

    /// Writes a register. UR registers are read-only.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        let known = self.registers.write(offset, written);
        if offset == CCCSR {
            let value = self.registers.get(CCCSR) & !(1 << 8);
            self.registers.set(CCCSR, value | (value & 1) << 8);
        }
        known || (UR0..=0x348).contains(&offset)
    }
}

/// What UR0 to UR18 say. One-hot RDP code in UR0 is the raw option byte here (unverified).
fn user_register(offset: u32, options: &OptionBytes) -> Option<u32> {
    let bit = |value: bool, at: u32| u32::from(value) << at;
    Some(match offset {
        0x300 => u32::from(options.rdp_byte()) << 16,
        0x304 => 0,
        0x308 => options.optsr >> 2 & 3 | (options.boot & 0xFFFF) << 16,
        0x30C => options.boot >> 16,
        0x310 => bit(options.dmep(), 16),
        0x314 => bit(options.dmes(), 0) | (options.wpsn & 0xFF) << 16,
        0x318 => options.prar & 0x0FFF_0FFF,
        0x31C => options.scar & 0x0FFF_0FFF,
        0x32C => bit(options.optsr >> 4 & 1 != 0, 16),
        0x330 => bit(options.security(), 16),
        0x334 => options.optsr >> 19 & 3 | bit(options.optsr >> 7 & 1 != 0, 16),
        0x338 => options.optsr >> 6 & 1,
        0x33C => bit(options.optsr >> 18 & 1 != 0, 16),
        0x340 => options.optsr >> 17 & 1,
        0x344 => options.optsr >> 29 & 1 | u32::from(options.tcm_axi_shared()) << 16,
        0x348 => options.optsr2 >> 2 & 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compensation_cell_is_ready_once_enabled() {
        let mut syscfg = Syscfg::default();
        syscfg.write(CCCSR, Written::word(1));
        assert_eq!(syscfg.read(CCCSR, &OptionBytes::FACTORY), Some(0x101));
    }

    #[test]
    fn user_registers_mirror_the_options() {
        let syscfg = Syscfg::default();
        let options = OptionBytes { scar: 0x01FF_0000, ..OptionBytes::FACTORY };
        assert_eq!(syscfg.read(0x31C, &options), Some(0x01FF_0000));
        assert_eq!(syscfg.read(0x300, &options), Some(0xAA_0000));
        assert_eq!(syscfg.read(0x308, &options), Some(0x0800_0000));
    }
}
