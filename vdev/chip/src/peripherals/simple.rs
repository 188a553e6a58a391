//! Blocks that only remember: enough for software that configures them and reads the configuration back.

use super::registers::{Register, register};

/// DEV_ID of the STM32H72x/H73x and REV_ID Z.
pub const IDCODE: u32 = 0x1001_0483;

/// Debug MCU.
#[rustfmt::skip]
pub const DBGMCU: &[Register] = &[
    register(0x000, "IDCODE", IDCODE, 0),
    register(0x004, "CR", 0, 0x1070_01BF),
    register(0x034, "APB3FZ1", 0, 0x0000_0040),
    register(0x03C, "APB1LFZ1", 0, 0x02E0_03FF),
    register(0x044, "APB1HFZ1", 0, 0x0300_0000),
    register(0x04C, "APB2FZ1", 0, 0x0007_0003),
    register(0x054, "APB4FZ1", 0, 0x0005_1E80),
];

/// FMC: SystemInit of ST's firmware writes BCR1.
pub const FMC: &[Register] = &[register(0x000, "BCR1", 0x0000_30DB, u32::MAX)];
