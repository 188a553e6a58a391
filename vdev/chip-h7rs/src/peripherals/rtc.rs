//! The RTC: configuration that is kept. The calendar does not run.

use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};

const ICSR: u32 = 0x00C;
/// INIT; INITF answers at once.
const INIT: u32 = 1 << 7;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "TR", 0, 0x007F_7F7F),
    register(0x004, "DR", 0x0000_2101, 0x00FF_FF3F),
    register(0x008, "SSR", 0, 0),
    register(0x00C, "ICSR", 0x0000_0027, 0x1F80),
    register(0x010, "PRER", 0x007F_00FF, 0x007F_7FFF),
    register(0x014, "WUTR", 0x0000_FFFF, u32::MAX),
    register(0x018, "CR", 0, u32::MAX),
    register(0x01C, "PRIVCFGR", 0, 0x0000_E00F),
    register(0x024, "WPR", 0, 0),
    register(0x028, "CALR", 0, 0x0000_F1FF),
    register(0x02C, "SHIFTR", 0, 0),
    register(0x030, "TSTR", 0, 0),
    register(0x034, "TSDR", 0, 0),
    register(0x038, "TSSSR", 0, 0),
    register(0x040, "ALRMAR", 0, u32::MAX),
    register(0x044, "ALRMASSR", 0, 0xBF00_7FFF),
    register(0x048, "ALRMBR", 0, u32::MAX),
    register(0x04C, "ALRMBSSR", 0, 0xBF00_7FFF),
    register(0x050, "SR", 0, 0),
    register(0x054, "MISR", 0, 0),
    register(0x05C, "SCR", 0, 0),
    register(0x070, "ALRABINR", 0, u32::MAX),
    register(0x074, "ALRBBINR", 0, u32::MAX),
];

/// The RTC block.
#[derive(Clone, Debug, Hash)]
pub struct Rtc {
    registers: Registers,
}

impl Default for Rtc {
    fn default() -> Self {
        Rtc { registers: Registers::new(TABLE) }
    }
}

impl Rtc {
    /// Power-on.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register; `writable` is PWR_CR1.DBP. The key sequence of WPR is not asked for.
    pub fn write(&mut self, offset: u32, written: Written, writable: bool) -> bool {
        if self.registers.read(offset).is_none() {
            return false;
        }
        if writable {
            self.registers.write(offset, written);
            if offset == ICSR {
                let value = self.registers.get(ICSR);
                // INITF follows INIT, RSF is always set.
                self.registers.set(ICSR, value & !0x40 | 0x27 | (value & INIT) >> 1);
            }
        }
        true
    }
}
