//! Reset and clock control. Oscillators and PLLs are ready as soon as they are switched on; the switch follows at once when
//! its source is ready.

use super::clocks::Clocks;
use super::registers::{Register, Registers, Written, register};

const CR: u32 = 0x000;
const CFGR: u32 = 0x010;
const PLLCFGR: u32 = 0x02C;
const D2CCIP2R: u32 = 0x054;
const CIFR: u32 = 0x064;
const CICR: u32 = 0x068;
const BDCR: u32 = 0x070;
const CSR: u32 = 0x074;
/// AHB3ENR.
pub const AHB3ENR: u16 = 0x0D4;
/// AHB2ENR.
pub const AHB2ENR: u16 = 0x0DC;
/// AHB4ENR; named because the GPIO ports hang on it.
pub const AHB4ENR: u16 = 0x0E0;
/// APB1LENR.
pub const APB1LENR: u16 = 0x0E8;
/// APB2ENR.
pub const APB2ENR: u16 = 0x0F0;
/// APB4ENR.
pub const APB4ENR: u16 = 0x0F4;
/// A reset register lies this far before the enable register of the same bus.
pub const RSTR_TO_ENR: u16 = 0x58;

/// ON bit and READY bit of each source in CR.
const READY: [(u32, u32); 7] = [(0, 2), (7, 8), (12, 13), (16, 17), (24, 25), (26, 27), (28, 29)];
const CR_WRITABLE: u32 = 0x151D_12BB;
const CR_RESET: u32 = 0x0000_0025;
/// RMVF.
const REMOVE_FLAGS: u32 = 1 << 16;
/// What RSR says after power-on: CPU, D1, D2, BOR, PIN and POR.
const POWER_ON_FLAGS: u32 = 0x00FA_0000;
/// What RSR says after IWDG1: watchdog, pin and CPU.
const WATCHDOG_FLAGS: u32 = 0x0442_0000;
/// What RSR says after SYSRESETREQ: software, pin and CPU.
const SOFTWARE_FLAGS: u32 = 0x0142_0000;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR", CR_RESET, CR_WRITABLE),
    register(0x004, "HSICFGR", 0x4000_0000, 0x7F00_0000),
    register(0x008, "CRRCR", 0, 0),
    register(0x00C, "CSICFGR", 0x2000_0000, 0x3F00_0000),
    register(0x010, "CFGR", 0, 0xFFFC_BFC7),
    register(0x018, "D1CFGR", 0, 0x0000_0F7F),
    register(0x01C, "D2CFGR", 0, 0x0000_0770),
    register(0x020, "D3CFGR", 0, 0x0000_0070),
    register(0x028, "PLLCKSELR", 0x0202_0200, 0x03F3_F3F3),
    register(0x02C, "PLLCFGR", 0x01FF_0000, 0x01FF_0FFF),
    register(0x030, "PLL1DIVR", 0x0101_0280, 0x7F7F_FFFF),
    register(0x034, "PLL1FRACR", 0, 0x0000_FFF8),
    register(0x038, "PLL2DIVR", 0x0101_0280, 0x7F7F_FFFF),
    register(0x03C, "PLL2FRACR", 0, 0x0000_FFF8),
    register(0x040, "PLL3DIVR", 0x0101_0280, 0x7F7F_FFFF),
    register(0x044, "PLL3FRACR", 0, 0x0000_FFF8),
    register(0x04C, "D1CCIPR", 0, 0x3001_0033),
    register(0x050, "D2CCIP1R", 0, 0xB137_7007),
    register(0x054, "D2CCIP2R", 0, 0x70F0_333F),
    register(0x058, "D3CCIPR", 0, 0x77E3_FF07),
    register(0x060, "CIER", 0, 0x0000_03FF),
    register(0x064, "CIFR", 0, 0),
    register(0x068, "CICR", 0, 0),
    register(0x070, "BDCR", 0, 0x0001_833D),
    register(0x074, "CSR", 0, 0x0000_0001),
    register(0x07C, "AHB3RSTR", 0, 0x80E9_5011),
    register(0x080, "AHB1RSTR", 0, 0x0200_8023),
    register(0x084, "AHB2RSTR", 0, 0x0003_0271),
    register(0x088, "AHB4RSTR", 0, 0x0328_06FF),
    register(0x08C, "APB3RSTR", 0, 0x0000_0008),
    register(0x090, "APB1LRSTR", 0, 0xEBFF_C3FF),
    register(0x094, "APB1HRSTR", 0, 0x0300_0136),
    register(0x098, "APB2RSTR", 0, 0x4057_30F3),
    register(0x09C, "APB4RSTR", 0, 0x0420_DEAA),
    register(0x0A0, "GCR", 0, 0x0000_0001),
    register(0x0A8, "D3AMR", 0, 0x3529_DEA9),
    register(0x0D0, "RSR", POWER_ON_FLAGS, 0),
    register(0x0D4, "AHB3ENR", 0, 0x00E9_5011),
    register(0x0D8, "AHB1ENR", 0, 0x0603_8023),
    register(0x0DC, "AHB2ENR", 0, 0x6003_0271),
    register(0x0E0, "AHB4ENR", 0, 0x1328_06FF),
    register(0x0E4, "APB3ENR", 0, 0x0000_0048),
    register(0x0E8, "APB1LENR", 0, 0xEBFF_C3FF),
    register(0x0EC, "APB1HENR", 0, 0x0300_0136),
    register(0x0F0, "APB2ENR", 0, 0x4057_30F3),
    register(0x0F4, "APB4ENR", 0x0001_0000, 0x0421_DEAA),
    register(0x0FC, "AHB3LPENR", 0xF0E9_5111, 0xF0E9_5111),
    register(0x100, "AHB1LPENR", 0x0603_8023, 0x0603_8023),
    register(0x104, "AHB2LPENR", 0x6003_0271, 0x6003_0271),
    register(0x108, "AHB4LPENR", 0x3128_06FF, 0x3128_06FF),
    register(0x10C, "APB3LPENR", 0x0000_0048, 0x0000_0048),
    register(0x110, "APB1LLPENR", 0xEBFF_C3FF, 0xEBFF_C3FF),
    register(0x114, "APB1HLPENR", 0x0300_0136, 0x0300_0136),
    register(0x118, "APB2LPENR", 0x4057_30F3, 0x4057_30F3),
    register(0x11C, "APB4LPENR", 0x0421_DEAA, 0x0421_DEAA),
];

/// What one part's block has. All have CR, CFGR, CIFR, CICR, BDCR and CSR at the same place.
#[derive(Debug)]
pub struct Part {
    /// The registers.
    pub table: &'static [Register],
    /// Offset of RSR.
    pub rsr: u32,
    /// What RSR says after power-on.
    pub power_on: u32,
    /// What RSR says after SYSRESETREQ.
    pub software: u32,
    /// What RSR says after the independent watchdog.
    pub watchdog: u32,
}

/// The STM32H735's.
pub static H735: Part = Part {
    table: TABLE,
    rsr: 0x0D0,
    power_on: POWER_ON_FLAGS,
    software: SOFTWARE_FLAGS,
    watchdog: WATCHDOG_FLAGS,
};

/// Why the chip was reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetCause {
    /// Power came.
    PowerOn,
    /// SYSRESETREQ.
    Software,
    /// The independent watchdog.
    Watchdog,
}

/// The RCC.
#[derive(Clone, Debug)]
pub struct Rcc {
    part: &'static Part,
    registers: Registers,
}

impl Default for Rcc {
    fn default() -> Self {
        Rcc::new(&H735)
    }
}

impl std::hash::Hash for Rcc {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.registers.hash(state);
    }
}

impl Rcc {
    /// The block of a part, in reset state.
    pub fn new(part: &'static Part) -> Self {
        Rcc { part, registers: Registers::new(part.table) }
    }

    /// Resets everything a reset of this cause reaches. The backup domain (BDCR) survives all but power-on; reset flags
    /// add up until software removes them.
    pub fn reset(&mut self, cause: ResetCause) {
        let (flags, backup) = (self.registers.get(self.part.rsr), self.registers.get(BDCR));
        self.registers.reset();
        match cause {
            ResetCause::PowerOn => self.registers.set(self.part.rsr, self.part.power_on),
            ResetCause::Software | ResetCause::Watchdog => {
                let watchdog = cause == ResetCause::Watchdog;
                let new = if watchdog { self.part.watchdog } else { self.part.software };
                self.registers.set(self.part.rsr, flags | new);
                self.registers.set(BDCR, backup);
            }
        }
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register. `backup_writable`: PWR_CR1.DBP, without which BDCR is read-only.
    pub fn write(&mut self, offset: u32, written: Written, backup_writable: bool) -> bool {
        match offset {
            BDCR if !backup_writable => return true,
            _ if offset == self.part.rsr => {
                if written.value & REMOVE_FLAGS != 0 {
                    self.registers.set(self.part.rsr, 0);
                }
                return true;
            }
            CICR => {
                let left = self.registers.get(CIFR) & !written.value;
                self.registers.set(CIFR, left);
                return true;
            }
            _ => {}
        }
        let known = self.registers.write(offset, written);
        match offset {
            CR | CFGR => self.follow(),
            BDCR => {
                let value = self.registers.get(BDCR);
                // VSWRST holds the whole domain in reset.
                let value = if value & 1 << 16 != 0 { 1 << 16 } else { value & !2 | (value & 1) << 1 };
                self.registers.set(BDCR, value);
            }
            CSR => {
                let value = self.registers.get(CSR) & 1;
                self.registers.set(CSR, value | value << 1);
            }
            _ => {}
        }
        known
    }

    /// Makes ready bits follow their ON bits, and SWS follow SW when the source is ready.
    fn follow(&mut self) {
        let mut cr = self.registers.get(CR);
        let cfgr = self.registers.get(CFGR);
        // The running system clock cannot be switched off.
        let running = cfgr >> 3 & 7;
        cr |= match running {
            0 => 1,
            1 => 1 << 7,
            2 => 1 << 16,
            _ => 1 << 24,
        };
        for (on, ready) in READY {
            cr = if cr & 1 << on != 0 { cr | 1 << ready } else { cr & !(1 << ready) };
        }
        // HSIDIVF: the divider in CR is in use.
        cr |= 1 << 5;
        self.registers.set(CR, cr);
        let ready = match cfgr & 7 {
            0 => cr & 1 << 2,
            1 => cr & 1 << 8,
            2 => cr & 1 << 17,
            3 => cr & 1 << 25,
            _ => 0,
        };
        if ready != 0 {
            self.registers.set(CFGR, cfgr & !(7 << 3) | (cfgr & 7) << 3);
        }
    }

    /// True if bit `bit` of the register at `offset` is set (clock enables, peripheral resets).
    pub fn bit(&self, offset: u16, bit: u8) -> bool {
        self.registers.get(u32::from(offset)) >> bit & 1 != 0
    }

    /// True if the clock that D2CCIP2R.RNGSEL selects for the random number generator runs: HSI48, PLL1 Q, LSE or LSI.
    pub fn rng_clocked(&self) -> bool {
        match self.registers.get(D2CCIP2R) >> 8 & 3 {
            0 => self.registers.get(CR) & 1 << 13 != 0,
            1 => self.registers.get(CR) & 1 << 25 != 0 && self.registers.get(PLLCFGR) & 1 << 17 != 0,
            2 => self.registers.get(BDCR) & 2 != 0,
            _ => self.registers.get(CSR) & 2 != 0,
        }
    }

    /// True once RTC registers may be used: RTCEN and a clock source.
    pub fn rtc_on(&self) -> bool {
        self.registers.get(BDCR) & 1 << 15 != 0
    }

    /// The clock tree as configured now.
    pub fn clocks(&self) -> Clocks {
        Clocks::from_registers(&|offset| self.registers.get(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_bits_follow_on_bits_and_the_switch_follows_a_ready_source() {
        let mut rcc = Rcc::default();
        assert!(rcc.write(CFGR, Written::word(3), true));
        assert_eq!(rcc.read(CFGR), Some(3), "PLL1 is off: SWS stays at HSI");
        rcc.write(CR, Written::word(CR_RESET | 1 << 24), true);
        assert_eq!(rcc.read(CR).map(|cr| cr >> 25 & 1), Some(1));
        assert_eq!(rcc.read(CFGR), Some(3 | 3 << 3));
        rcc.write(CR, Written::word(0x1), true);
        assert_eq!(rcc.read(CR).map(|cr| cr >> 24 & 3), Some(3), "the running clock source stays on");
    }

    #[test]
    fn reset_flags_add_up_until_removed() {
        let mut rcc = Rcc::default();
        rcc.reset(ResetCause::PowerOn);
        assert_eq!(rcc.read(H735.rsr), Some(POWER_ON_FLAGS));
        rcc.write(H735.rsr, Written::word(REMOVE_FLAGS), true);
        rcc.reset(ResetCause::Software);
        assert_eq!(rcc.read(H735.rsr), Some(SOFTWARE_FLAGS));
    }

    #[test]
    fn the_backup_domain_needs_dbp_and_survives_a_system_reset() {
        let mut rcc = Rcc::default();
        rcc.write(BDCR, Written::word(1), false);
        assert_eq!(rcc.read(BDCR), Some(0));
        rcc.write(BDCR, Written::word(1), true);
        assert_eq!(rcc.read(BDCR), Some(3));
        rcc.reset(ResetCause::Software);
        assert_eq!(rcc.read(BDCR), Some(3));
        rcc.reset(ResetCause::PowerOn);
        assert_eq!(rcc.read(BDCR), Some(0));
    }
}
