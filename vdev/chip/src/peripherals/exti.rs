//! Extended interrupts: registers that software configures, pending bits by software trigger. Edges of pins are not routed.

use super::registers::{Register, Registers, Written, register};

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "RTSR1", 0, 0x003F_FFFF),
    register(0x004, "FTSR1", 0, 0x003F_FFFF),
    register(0x008, "SWIER1", 0, 0x003F_FFFF),
    register(0x00C, "D3PMR1", 0, 0x0138_FFFF),
    register(0x010, "D3PCR1L", 0, u32::MAX),
    register(0x014, "D3PCR1H", 0, 0x000C_0FC0),
    register(0x020, "RTSR2", 0, 0x000A_0000),
    register(0x024, "FTSR2", 0, 0x000A_0000),
    register(0x028, "SWIER2", 0, 0x000A_0000),
    register(0x02C, "D3PMR2", 0, 0x003F_020C),
    register(0x030, "D3PCR2L", 0, 0x000C_00F0),
    register(0x034, "D3PCR2H", 0, 0x0000_0FFF),
    register(0x040, "RTSR3", 0, 0x0070_0000),
    register(0x044, "FTSR3", 0, 0x0070_0000),
    register(0x048, "SWIER3", 0, 0x0070_0000),
    register(0x04C, "D3PMR3", 0, 0x0100_0000),
    register(0x050, "D3PCR3L", 0, u32::MAX),
    register(0x054, "D3PCR3H", 0, 0x0003_0000),
    register(0x080, "IMR1", 0xFFC0_0000, u32::MAX),
    register(0x084, "EMR1", 0, u32::MAX),
    register(0x088, "PR1", 0, 0),
    register(0x090, "IMR2", 0, 0xF7FF_8FFF),
    register(0x094, "EMR2", 0, 0xF7FF_8FFF),
    register(0x098, "PR2", 0, 0),
    register(0x0A0, "IMR3", 0, 0x0FE1_7FFF),
    register(0x0A4, "EMR3", 0, 0x0FE1_7FFF),
    register(0x0A8, "PR3", 0, 0),
];

/// What one part's block has.
#[derive(Debug)]
pub struct Part {
    /// The registers.
    pub table: &'static [Register],
    /// (SWIER, PR) of each group of lines.
    pub groups: &'static [(u32, u32)],
    /// Pins (bits of PR1) and the interrupt line that they raise.
    pub pins: &'static [(u32, u8)],
}

/// The STM32H735's.
pub static H735: Part = Part {
    table: TABLE,
    groups: &[(0x008, 0x088), (0x028, 0x098), (0x048, 0x0A8)],
    pins: &[(0x01, 6), (0x02, 7), (0x04, 8), (0x08, 9), (0x10, 10), (0x03E0, 23), (0xFC00, 40)],
};

/// IMR1 and PR1: the lines of the GPIO pins.
const IMR1: u32 = 0x080;
const PR1: u32 = 0x088;

/// The EXTI block.
#[derive(Clone, Debug)]
pub struct Exti {
    part: &'static Part,
    registers: Registers,
}

impl Default for Exti {
    fn default() -> Self {
        Exti::new(&H735)
    }
}

impl std::hash::Hash for Exti {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.registers.hash(state);
    }
}

impl Exti {
    /// The block of a part, in reset state.
    pub fn new(part: &'static Part) -> Self {
        Exti { part, registers: Registers::new(part.table) }
    }

    /// Reset state.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register: SWIER sets pending bits, PR clears the ones written as 1 (and their SWIER bits).
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        for &(software, pending) in self.part.groups {
            if offset == pending {
                let left = self.registers.get(pending) & !written.value;
                self.registers.set(pending, left);
                let left = self.registers.get(software) & !written.value;
                self.registers.set(software, left);
                return true;
            }
            if offset == software {
                let before = self.registers.get(software);
                self.registers.write(software, written);
                let raised = self.registers.get(software) & !before;
                let now = self.registers.get(pending) | raised;
                self.registers.set(pending, now);
                return true;
            }
        }
        self.registers.write(offset, written)
    }

    /// Interrupt lines of the pins and whether each is raised.
    pub fn lines(&self) -> impl Iterator<Item = (u8, bool)> {
        let active = self.registers.get(PR1) & self.registers.get(IMR1);
        self.part.pins.iter().map(move |&(pins, line)| (line, active & pins != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_software_trigger_raises_the_line_until_cleared() {
        let mut exti = Exti::default();
        exti.write(IMR1, Written::word(1 << 6));
        exti.write(0x008, Written::word(1 << 6));
        assert!(exti.lines().any(|line| line == (23, true)));
        exti.write(PR1, Written::word(1 << 6));
        assert!(exti.lines().all(|(_, raised)| !raised));
        assert_eq!(exti.read(0x008), Some(0));
    }
}
