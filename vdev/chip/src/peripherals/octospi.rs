//! OCTOSPI: registers, and what software must have set up before the memory appears in the address space.
//!
//! Memory-mapped reads are modelled. Commands to the memory chip in the other modes (identification, status, programming)
//! are taken and end at once without effect, reading zero, which is said once as a warning. Line counts and dummy cycles
//! are not checked: which of them fit depends on a memory chip that is not modelled.

use super::registers::{Register, Registers, Written, register};

const CR: u32 = 0x000;
const DCR1: u32 = 0x008;
const SR: u32 = 0x020;
const FCR: u32 = 0x024;
const AR: u32 = 0x048;
const DR: u32 = 0x050;
const CCR: u32 = 0x100;
const IR: u32 = 0x110;

const EN: u32 = 1 << 0;
const ABORT: u32 = 1 << 1;
const FMODE_SHIFT: u32 = 28;
const MEMORY_MAPPED: u32 = 3;
const AUTO_POLLING: u32 = 2;
const TEF: u32 = 1 << 0;
const TCF: u32 = 1 << 1;
const FTF: u32 = 1 << 2;
const SMF: u32 = 1 << 3;
/// TEIE, TCIE, FTIE, SMIE, TOIE in CR lie this much above their flags in SR.
const INTERRUPT_SHIFT: u32 = 16;
const FLAGS: u32 = 0x1F;
/// CCR: address and data phase.
const ADMODE: u32 = 7 << 8;
const DMODE: u32 = 7 << 24;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "CR", 0, 0x30DF_1FCD),
    register(0x008, "DCR1", 0, 0x071F_3F0B),
    register(0x00C, "DCR2", 0, 0x0007_00FF),
    register(0x010, "DCR3", 0, 0x001F_00FF),
    register(0x014, "DCR4", 0, u32::MAX),
    register(0x020, "SR", 0, 0),
    register(0x024, "FCR", 0, 0),
    register(0x040, "DLR", 0, u32::MAX),
    register(0x048, "AR", 0, u32::MAX),
    register(0x050, "DR", 0, 0),
    register(0x080, "PSMKR", 0, u32::MAX),
    register(0x088, "PSMAR", 0, u32::MAX),
    register(0x090, "PIR", 0, 0x0000_FFFF),
    register(0x100, "CCR", 0, 0xAF3F_3F3F),
    register(0x108, "TCR", 0, 0x5000_001F),
    register(0x110, "IR", 0, u32::MAX),
    register(0x120, "ABR", 0, u32::MAX),
    register(0x130, "LPTR", 0, 0x0000_FFFF),
    register(0x140, "WPCCR", 0, 0xAF3F_3F3F),
    register(0x148, "WPTCR", 0, 0x5000_001F),
    register(0x150, "WPIR", 0, u32::MAX),
    register(0x160, "WPABR", 0, u32::MAX),
    register(0x180, "WCCR", 0, 0x2F3F_3F3F),
    register(0x188, "WTCR", 0, 0x0000_001F),
    register(0x190, "WIR", 0, u32::MAX),
    register(0x1A0, "WABR", 0, u32::MAX),
    register(0x200, "HLCR", 0, 0x00FF_FF03),
];

/// What a register write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// There is no such register.
    Unknown,
    /// Stored.
    Stored,
    /// It would have started a command to the memory chip.
    Command,
}

/// One OCTOSPI.
#[derive(Clone, Debug, Hash)]
pub struct Octospi {
    registers: Registers,
}

impl Default for Octospi {
    fn default() -> Self {
        Octospi { registers: Registers::new(TABLE) }
    }
}

impl Octospi {
    /// Reset state.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    fn mode(&self) -> u32 {
        self.registers.get(CR) >> FMODE_SHIFT & 3
    }

    fn flag(&mut self, flags: u32) {
        let now = self.registers.get(SR) | flags;
        self.registers.set(SR, now);
    }

    /// The interrupt line.
    pub fn raised(&self) -> bool {
        self.registers.get(SR) & FLAGS & self.registers.get(CR) >> INTERRUPT_SHIFT != 0
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written) -> Effect {
        match offset {
            FCR => {
                let left = self.registers.get(SR) & !(written.value & FLAGS & !FTF);
                self.registers.set(SR, left);
            }
            CR => {
                self.registers.write(CR, written);
                if written.value & ABORT != 0 {
                    // ABORT clears itself; nothing lasts long enough to be aborted.
                    let left = self.registers.get(SR) & !(TEF | FTF | SMF) | TCF;
                    self.registers.set(SR, left);
                }
            }
            _ => {
                if !self.registers.write(offset, written) {
                    return Effect::Unknown;
                }
                let mapped = self.registers.get(CR) & EN == 0 || self.mode() == MEMORY_MAPPED;
                if matches!(offset, IR | AR | DR) && !mapped {
                    self.flag(if self.mode() == AUTO_POLLING { TCF | SMF } else { TCF | FTF });
                    return Effect::Command;
                }
            }
        }
        Effect::Stored
    }

    /// Whether the memory answers at `offset` in the window: the interface is on, in memory-mapped mode, with an address and
    /// a data phase, and the memory is that large (DEVSIZE: 2 to the power of DEVSIZE + 1 bytes).
    pub fn is_mapped(&self, offset: u32) -> bool {
        let ccr = self.registers.get(CCR);
        let on = self.registers.get(CR) & EN != 0 && self.mode() == MEMORY_MAPPED;
        let bits = (self.registers.get(DCR1) >> 16 & 0x1F) + 1;
        on && ccr & ADMODE != 0 && ccr & DMODE != 0 && u64::from(offset) < 1 << bits
    }

    /// An access beyond the memory's end.
    pub fn transfer_error(&mut self) {
        self.flag(TEF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped() -> Octospi {
        let mut unit = Octospi::default();
        unit.write(DCR1, Written::word(23 << 16));
        unit.write(CCR, Written::word(1 | 1 << 8 | 1 << 24));
        unit.write(IR, Written::word(0x0B));
        unit.write(CR, Written::word(EN | MEMORY_MAPPED << FMODE_SHIFT));
        unit
    }

    #[test]
    fn the_memory_appears_only_when_everything_is_set_up() {
        assert!(mapped().is_mapped(0) && mapped().is_mapped(0xFF_FFFF));
        assert!(!mapped().is_mapped(0x100_0000), "DEVSIZE 23 is 16 MB");
        for (register, value) in [
            (CR, MEMORY_MAPPED << FMODE_SHIFT),
            (CR, EN | 1 << FMODE_SHIFT),
            (CCR, 1 | 1 << 8),
            (CCR, 1 | 1 << 24),
        ] {
            let mut unit = mapped();
            unit.write(register, Written::word(value));
            assert!(!unit.is_mapped(0), "{register:#x} = {value:#x}");
        }
    }

    #[test]
    fn a_command_ends_at_once_and_is_reported() {
        let mut unit = Octospi::default();
        assert_eq!(unit.write(IR, Written::word(0x9F)), Effect::Stored, "not enabled yet");
        unit.write(CR, Written::word(EN | 1 << FMODE_SHIFT | 1 << 17));
        assert_eq!(unit.write(IR, Written::word(0x9F)), Effect::Command);
        assert_eq!((unit.read(SR), unit.read(DR), unit.raised()), (Some(TCF | FTF), Some(0), true));
        unit.write(FCR, Written::word(TCF));
        assert!(!unit.raised());
        assert_eq!(unit.write(0x300, Written::word(1)), Effect::Unknown);
    }
}
