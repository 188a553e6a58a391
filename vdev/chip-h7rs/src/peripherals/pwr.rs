//! Power control: supply configuration, voltage scaling, backup write protection. Voltages settle at once.

use ironroot_chip::peripherals::rcc::ResetCause;
use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};

const CR1: u32 = 0x000;
const SR1: u32 = 0x004;
const CSR1: u32 = 0x008;
const CSR2: u32 = 0x00C;
const CSR4: u32 = 0x014;
const WKUPCR: u32 = 0x020;
const WKUPFR: u32 = 0x024;

/// BYPASS, LDOEN, SDEN, SMPSEXTHP, SDHILEVEL: writable once after power-on.
const SUPPLY: u32 = 0x1F;
const DBP: u32 = 1 << 8;
const ACTVOSRDY: u32 = 1 << 1;
const VOSRDY: u32 = 1 << 1;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR1", 0, 0x0000_EBE1 | 1 << 4),
    register(0x004, "SR1", ACTVOSRDY, 0),
    register(0x008, "CSR1", 0, 0x0000_0011),
    // Reset value unverified; the public HAL recognises "not configured yet" by LDOEN and SDEN both set.
    register(0x00C, "CSR2", 0x0000_0006, 0x0B00_FF1F),
    register(0x010, "CSR3", 0, 0x0000_0001),
    register(0x014, "CSR4", VOSRDY, 0x0000_0001),
    register(0x020, "WKUPCR", 0, 0),
    register(0x024, "WKUPFR", 0, 0),
    register(0x028, "WKUPEPR", 0, 0x00FF_0F0F),
    register(0x02C, "UCPDR", 0, 0x3),
    register(0x030, "APCR", 0, 0xF003_0001),
    register(0x034, "PUCRN", 0, 0x0000_1042),
    register(0x038, "PDCRN", 0, 0x0000_1145),
    register(0x03C, "PUCRO", 0, 0x0000_0013),
    register(0x040, "PDCRO", 0, 0x0000_001F),
    register(0x044, "PDCRP", 0, 0x0000_1111),
    register(0x050, "PDR1", 0, 0),
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
        let supply = self.registers.get(CSR2) & SUPPLY;
        self.registers.reset();
        match cause {
            ResetCause::PowerOn => self.supply_written = false,
            ResetCause::Software | ResetCause::Watchdog => self.registers.set(CSR2, supply),
        }
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        let written = match offset {
            CSR2 if self.supply_written => written.only(!SUPPLY),
            CSR2 => {
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
            CSR4 => {
                let vos = self.registers.get(CSR4) & 1;
                self.registers.set(CSR4, vos | VOSRDY);
                self.registers.set(SR1, vos | ACTVOSRDY);
            }
            // BRRDY follows BREN.
            CSR1 => {
                let value = self.registers.get(CSR1) & 0x11;
                self.registers.set(CSR1, value | (value & 1) << 16);
            }
            // SDEXTRDY follows SMPSEXTHP, USB33RDY follows USB33DEN or USBREGEN.
            CSR2 => {
                let value = self.registers.get(CSR2) & !(1 << 16 | 1 << 26);
                let external = (value >> 3 & 1) << 16;
                let usb = u32::from(value & 3 << 24 != 0) << 26;
                self.registers.set(CSR2, value | external | usb);
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
