//! Debug MCU: identification, freeze bits, and the mailbox of debug authentication, which works while debug is closed.
//!
//! Each side has a register for its messages, and a bit that says one is there: plain storage, which both sides may write
//! (who writes what is the protocol's business).

use ironroot_chip::peripherals::registers::{Register, Registers, Written, register};

/// DEV_ID of the STM32H7R/7S, and REV_ID Y.
pub const IDCODE: u32 = 0x1003_6485;
/// What the host says.
pub const HOST: u32 = 0x100;
/// What the device says.
pub const DEVICE: u32 = 0x104;
/// HOST_ACK and DEV_ACK.
pub const ACK: u32 = 0x108;
const STATUS: u32 = 0x0FC;
const CLASS: std::ops::Range<u32> = 0xFD0..0x1000;

#[rustfmt::skip]
const TABLE: &[Register] = &[
    register(0x000, "IDCODE", IDCODE, 0),
    register(0x004, "CR", 0, 0x1031_0007),
    register(0x01C, "AHB5FZR", 0, 0xFFFF),
    register(0x024, "AHB1FZR", 0, 0xFFFF),
    register(0x03C, "APB1FZR", 0, 0x00E0_0BFF),
    register(0x04C, "APB2FZR", 0, 0x000F_0001),
    register(0x054, "APB4FZR", 0, 0x0005_1E00),
    register(0x0FC, "SR", 0x0003_0003, 0),
    register(0x100, "DBG_AUTH_HOST", 0, u32::MAX),
    register(0x104, "DBG_AUTH_DEV", 0, u32::MAX),
    register(0x108, "DBG_AUTH_ACK", 0, 0x3),
    register(0xFD0, "PIDR4", 0x00, 0),
    register(0xFE0, "PIDR0", 0x00, 0),
    register(0xFE4, "PIDR1", 0x00, 0),
    register(0xFE8, "PIDR2", 0x0A, 0),
    register(0xFEC, "PIDR3", 0x00, 0),
    register(0xFF0, "CIDR0", 0x0D, 0),
    register(0xFF4, "CIDR1", 0xF0, 0),
    register(0xFF8, "CIDR2", 0x05, 0),
    register(0xFFC, "CIDR3", 0xB1, 0),
];

/// The DBGMCU block.
#[derive(Clone, Debug, Hash)]
pub struct Dbgmcu {
    registers: Registers,
}

impl Default for Dbgmcu {
    fn default() -> Self {
        Dbgmcu { registers: Registers::new(TABLE) }
    }
}

impl Dbgmcu {
    /// Power-on. A system reset leaves the block alone: a host asks, then resets the device.
    pub fn reset(&mut self) {
        self.registers.reset();
    }

    /// True for what the debug port reaches however closed the device is: who it is, and the mailbox.
    pub fn is_always_open(offset: u32) -> bool {
        matches!(offset, 0x000 | STATUS | HOST | DEVICE | ACK) || CLASS.contains(&offset)
    }

    /// A register's value.
    pub fn read(&self, offset: u32) -> Option<u32> {
        self.registers.read(offset)
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u32, written: Written) -> bool {
        self.registers.write(offset, written)
    }
}
