//! System configuration: hide protection level, debug opening, message to RSS, compensation cells.

use ironroot_chip::peripherals::rcc::ResetCause;
use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};
use ironroot_layout::stm32h7rs::state::Hdpl;

const BOOTSR: u32 = 0x000;
/// Ours: the level of BOOT0 at the reset. How ST's RSS reads the pin is not published.
const BOOTPINR: u32 = 0x004;
const HDPLCR: u32 = 0x010;
const HDPLSR: u32 = 0x014;
const DBGCR: u32 = 0x020;
const DBGLOCKR: u32 = 0x024;
const RSSCMDR: u32 = 0x034;
const MESR: u32 = 0x108;
const CCCSR: u32 = 0x110;
const BKLOCKR: u32 = 0x120;

/// AP_UNLOCK and DBG_UNLOCK: open. DBGCFG_LOCK: not locked.
const UNLOCKED: u32 = 0xB4;
/// DBGCFG_LOCK as it reads once it is locked.
const LOCKED: u32 = 0x6A;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "BOOTSR", 0, u32::MAX),
    register(0x004, "BOOTPINR", 0, 0),
    register(0x010, "HDPLCR", 0, 0),
    register(0x014, "HDPLSR", 0, 0),
    register(0x020, "DBGCR", 0, 0x00FF_FFFF),
    register(0x024, "DBGLOCKR", UNLOCKED, 0xFF),
    register(0x034, "RSSCMDR", 0, 0xFFFF),
    register(0x100, "PMCR", 0, 0x10E0_0300),
    register(0x104, "FPUIMR", 0x1F, 0x3F),
    register(0x108, "MESR", 0, 0),
    register(0x110, "CCCSR", 0, 0x0007_003F),
    register(0x114, "CCVALR", 0x0088_8888, 0),
    register(0x118, "CCSWVALR", 0x0088_8888, 0x00FF_FFFF),
    register(0x120, "BKLOCKR", 0, 0),
    register(0x130, "EXTICR1", 0, 0xFFFF),
    register(0x134, "EXTICR2", 0, 0xFFFF),
    register(0x138, "EXTICR3", 0, 0xFFFF),
    register(0x13C, "EXTICR4", 0, 0xFFFF),
];
const BKLOCKR_WRITABLE: u32 = 0x00A0_60CC;

/// What a write did beside storing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing else.
    Stored,
    /// There is no such register.
    Unknown,
    /// The level rises.
    Raise,
}

/// The SBS block. The level itself is here too: only a reset lowers it.
#[derive(Clone, Debug, Hash)]
pub struct Sbs {
    registers: Registers,
    level: Hdpl,
    level_rule: bool,
}

impl Default for Sbs {
    fn default() -> Self {
        Sbs { registers: Registers::new(TABLE), level: Hdpl::Level0, level_rule: true }
    }
}

impl Sbs {
    /// A reset with this level of BOOT0. RSSCMDR survives a system reset.
    pub fn reset(&mut self, cause: ResetCause, boot0: bool) {
        let command = self.registers.get(RSSCMDR);
        *self = Sbs { level_rule: self.level_rule, ..Sbs::default() };
        self.registers.set(BOOTPINR, u32::from(boot0));
        if cause != ResetCause::PowerOn {
            self.registers.set(RSSCMDR, command);
        }
    }

    /// The level.
    pub fn level(&self) -> Hdpl {
        self.level
    }

    /// Whether DBGCR and DBGLOCKR are out of reach at level 3. No public text says so: firmware must not live by it.
    pub fn set_level_rule(&mut self, on: bool) {
        self.level_rule = on;
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        match offset {
            HDPLSR => Some(u32::from(self.level.bits())),
            _ => self.registers.read(offset),
        }
    }

    /// Writes a register. `core`: the core does it, and not another master.
    pub fn write(&mut self, offset: u32, written: Written, core: bool) -> Effect {
        match offset {
            // Only by the core: a debugger or DMA that raises the level would hide a stage from itself.
            HDPLCR
                if core
                    && written.mask & 0xFF == 0xFF
                    && written.value & 0xFF == u32::from(Hdpl::INCREMENT) =>
            {
                self.level = self.level.next();
                return Effect::Raise;
            }
            HDPLCR => {}
            // Our model: RSS notes what it starts.
            BOOTSR if !core || self.level != Hdpl::Level0 => {}
            // The application must not open what its boot stages left closed (unverified: see `set_level_rule`).
            DBGCR | DBGLOCKR if !core || self.level_rule && self.level == Hdpl::Level3 => {}
            // That the lock holds until the reset is our reading.
            DBGCR | DBGLOCKR if self.registers.get(DBGLOCKR) != UNLOCKED => {}
            // Whatever else is written locks, and reads as this.
            DBGLOCKR => {
                let locked = written.over(UNLOCKED) & 0xFF != UNLOCKED;
                self.registers.set(DBGLOCKR, if locked { LOCKED } else { UNLOCKED });
            }
            // MEF says that the RAM was erased at power-on: 1 clears it.
            MESR | HDPLSR => {}
            BKLOCKR => {
                let value = self.registers.get(BKLOCKR) | written.value & BKLOCKR_WRITABLE;
                self.registers.set(BKLOCKR, value);
            }
            _ if !self.registers.write(offset, written) => return Effect::Unknown,
            // The three ready bits follow their enables.
            CCCSR => {
                let value = self.registers.get(CCCSR) & 0x0007_003F;
                let ready = (value & 1) << 8 | (value >> 2 & 1) << 9 | (value >> 4 & 1) << 10;
                self.registers.set(CCCSR, value | ready);
            }
            _ => {}
        }
        Effect::Stored
    }

    /// Whether code of a boot stage has opened the debug port of a closed device, for this level.
    pub fn opens_debug(&self) -> bool {
        let value = self.registers.get(DBGCR);
        let from = Hdpl::from_bits((value >> 16) as u8);
        value & 0xFF == UNLOCKED && value >> 8 & 0xFF == UNLOCKED && self.level >= from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_rises_by_the_right_value_and_falls_only_by_reset() {
        let mut sbs = Sbs::default();
        for value in [0, 0x6B, 0xB4, 0x51] {
            assert_eq!(sbs.write(HDPLCR, Written::word(value), true), Effect::Stored);
        }
        assert_eq!(sbs.write(HDPLCR, Written::word(0x6A), false), Effect::Stored);
        assert_eq!(sbs.level(), Hdpl::Level0);
        for level in [Hdpl::Level1, Hdpl::Level2, Hdpl::Level3, Hdpl::Level3] {
            assert_eq!(sbs.write(HDPLCR, Written::word(0x6A), true), Effect::Raise);
            assert_eq!((sbs.level(), sbs.read(HDPLSR)), (level, Some(u32::from(level.bits()))));
        }
        sbs.write(RSSCMDR, Written::word(0x3401), true);
        sbs.reset(ResetCause::Software, true);
        assert_eq!(sbs.read(BOOTPINR), Some(1));
        assert_eq!((sbs.level(), sbs.read(RSSCMDR)), (Hdpl::Level0, Some(0x3401)));
        sbs.reset(ResetCause::PowerOn, false);
        assert_eq!(sbs.read(RSSCMDR), Some(0));
    }

    #[test]
    fn debug_opens_from_the_level_on_and_the_lock_holds() {
        let mut sbs = Sbs::default();
        sbs.write(DBGCR, Written::word(0x0051_B4B4), true);
        assert!(!sbs.opens_debug(), "level 0 is below");
        sbs.write(HDPLCR, Written::word(0x6A), true);
        assert!(sbs.opens_debug());
        sbs.write(DBGLOCKR, Written::word(0), true);
        sbs.write(DBGCR, Written::word(0), true);
        sbs.write(DBGLOCKR, Written::word(UNLOCKED), true);
        assert!(sbs.opens_debug(), "locked until reset");
        assert_eq!(sbs.read(DBGLOCKR), Some(LOCKED));
        let mut sbs = Sbs::default();
        for value in [0x0051_B400, 0x0051_00B4, 0x0051_B3B4] {
            sbs.write(DBGCR, Written::word(value), true);
            assert!(!sbs.opens_debug());
        }
        for _ in 0..3 {
            sbs.write(HDPLCR, Written::word(0x6A), true);
        }
        sbs.write(DBGCR, Written::word(0x0051_B4B4), true);
        assert!(!sbs.opens_debug(), "an application cannot");
    }
}
