//! Power control: supply configuration, voltage scaling, backup write protection. Voltages settle at once.

use super::rcc::ResetCause;
use super::registers::{Register, Registers, Written, register};

const CR1: u32 = 0x000;
const CSR1: u32 = 0x004;
const CR2: u32 = 0x008;
const CR3: u32 = 0x00C;
const D3CR: u32 = 0x018;
const WKUPCR: u32 = 0x020;
const WKUPFR: u32 = 0x024;

/// BYPASS, LDOEN, SMPSEN, SMPSEXTHP, SMPSLEVEL: writable once after power-on.
const SUPPLY: u32 = 0x3F;
const DBP: u32 = 1 << 8;
const ACTVOSRDY: u32 = 1 << 13;
const VOSRDY: u32 = 1 << 13;
const VOS: u32 = 3 << 14;
/// Scale 3 is the reset state.
const VOS_RESET: u32 = 1 << 14;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR1", 0xF000_C000, 0x0007_C3F1),
    register(0x004, "CSR1", ACTVOSRDY | VOS_RESET, 0),
    register(0x008, "CR2", 0, 0x0000_0011),
    // Reset value unverified; the public HAL recognises "not configured yet" by LDOEN and SMPSEN both set.
    register(0x00C, "CR3", 0x0000_0006, 0x0300_033F),
    register(0x010, "CPUCR", 0, 0x0000_0A07),
    register(0x018, "D3CR", VOSRDY | VOS_RESET, VOS),
    register(0x020, "WKUPCR", 0, 0),
    register(0x024, "WKUPFR", 0, 0),
    register(0x028, "WKUPEPR", 0, 0x3CCF_2B2B),
];

/// The PWR block.
#[derive(Clone, Debug, Hash)]
pub struct Pwr {
    registers: Registers,
    supply_written: bool,
}

impl Default for Pwr {
    fn default() -> Self {
        Pwr { registers: Registers::new(TABLE), supply_written: false }
    }
}

impl Pwr {
    /// The supply configuration survives everything but power-on.
    pub fn reset(&mut self, cause: ResetCause) {
        let supply = self.registers.get(CR3) & SUPPLY;
        self.registers.reset();
        match cause {
            ResetCause::PowerOn => self.supply_written = false,
            ResetCause::Software | ResetCause::Watchdog => self.registers.set(CR3, supply),
        }
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        let written = match offset {
            CR3 if self.supply_written => written.only(!SUPPLY),
            CR3 => {
                self.supply_written |= written.mask & SUPPLY != 0;
                written
            }
            WKUPCR => {
                let flags = self.registers.get(WKUPFR) & !written.value;
                self.registers.set(WKUPFR, flags);
                return true;
            }
            _ => written,
        };
        let known = self.registers.write(offset, written);
        match offset {
            D3CR => {
                let vos = self.registers.get(D3CR) & VOS;
                self.registers.set(D3CR, vos | VOSRDY);
                self.registers.set(CSR1, vos | ACTVOSRDY);
            }
            // BRRDY follows BREN.
            CR2 => {
                let value = self.registers.get(CR2) & 0x11;
                self.registers.set(CR2, value | (value & 1) << 16);
            }
            // USB33RDY follows USBREGEN or USB33DEN.
            CR3 => {
                let value = self.registers.get(CR3) & !(1 << 26);
                self.registers.set(CR3, if value & 3 << 24 != 0 { value | 1 << 26 } else { value });
            }
            _ => {}
        }
        known
    }

    /// DBP: backup domain registers and backup SRAM are writable.
    pub fn backup_writable(&self) -> bool {
        self.registers.get(CR1) & DBP != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supply_is_written_once_after_power_on() {
        let mut pwr = Pwr::default();
        pwr.write(CR3, Written::word(0x2));
        pwr.write(CR3, Written::word(0x4));
        assert_eq!(pwr.read(CR3), Some(2));
        pwr.reset(ResetCause::Software);
        pwr.write(CR3, Written::word(0x4));
        assert_eq!(pwr.read(CR3), Some(2));
        pwr.reset(ResetCause::PowerOn);
        pwr.write(CR3, Written::word(0x4));
        assert_eq!(pwr.read(CR3), Some(4));
    }

    #[test]
    fn the_actual_voltage_scale_follows_the_wanted_one() {
        let mut pwr = Pwr::default();
        pwr.write(D3CR, Written::word(3 << 14));
        assert_eq!(pwr.read(CSR1), Some(3 << 14 | ACTVOSRDY));
        assert_eq!(pwr.read(D3CR), Some(3 << 14 | VOSRDY));
    }
}
