//! The chip: geometry and addresses that the silicon fixes.
//!
//! Sources: CMSIS header and HAL of the STM32H735, datasheet, and the flash chapter of the same IP generation.

use crate::{Region, Size};

/// User flash, one bank.
pub const FLASH: Region = Region::between(0x0800_0000, 0x0810_0000);
/// The erase unit.
pub const SECTOR: Size = Size::kib(128);
/// Number of sectors.
pub const SECTOR_COUNT: u32 = 8;
/// The program unit: 256 bits that share one ECC.
pub const FLASH_WORD: Size = Size::new(32);
/// What an erased byte reads as.
pub const ERASED: u8 = 0xFF;

/// System flash: bootloader and root security services.
pub const SYSTEM_FLASH: Region = Region::between(0x1FF0_0000, 0x1FF2_0000);
/// Unique identifier, 96 bits, in system flash.
pub const UNIQUE_ID: Region = Region::between(0x1FF1_E800, 0x1FF1_E80C);
/// Flash size in KB, 16 bits, in system flash.
pub const FLASH_SIZE_WORD: Region = Region::between(0x1FF1_E880, 0x1FF1_E882);

/// Instruction TCM with the factory value of TCM_AXI_SHARED.
pub const ITCM: Region = Region::between(0x0000_0000, 0x0001_0000);
/// Data TCM.
pub const DTCM: Region = Region::between(0x2000_0000, 0x2002_0000);
/// AXI SRAM with the factory value of TCM_AXI_SHARED.
pub const AXI_SRAM: Region = Region::between(0x2400_0000, 0x2405_0000);
/// AHB SRAM 1, domain D2.
pub const SRAM1: Region = Region::between(0x3000_0000, 0x3000_4000);
/// AHB SRAM 2, domain D2.
pub const SRAM2: Region = Region::between(0x3000_4000, 0x3000_8000);
/// AHB SRAM 4, domain D3.
pub const SRAM4: Region = Region::between(0x3800_0000, 0x3800_4000);
/// Backup SRAM.
pub const BACKUP_SRAM: Region = Region::between(0x3880_0000, 0x3880_1000);
/// Window of OCTOSPI2.
pub const OCTOSPI2: Region = Region::between(0x7000_0000, 0x8000_0000);
/// Window of OCTOSPI1.
pub const OCTOSPI1: Region = Region::between(0x9000_0000, 0xA000_0000);

/// The memories in which an application's initial stack may lie. ITCM is not among them: its address range contains
/// zero, so a cleared word would pass as a stack pointer.
pub const STACK_MEMORIES: [Region; 5] = [DTCM, AXI_SRAM, SRAM1, SRAM2, SRAM4];

/// What VTOR needs: 16 + 163 vectors of 4 bytes, rounded up to a power of two (ARMv7-M B3.2.5).
pub const VECTOR_TABLE_ALIGNMENT: Size = Size::kib(1);

const _: () = {
    assert!(FLASH.size().bytes() == SECTOR.bytes() * SECTOR_COUNT);
    assert!(SECTOR.is_multiple_of(FLASH_WORD));
    assert!(SYSTEM_FLASH.size().bytes() == 128 * 1024);
    assert!(SYSTEM_FLASH.contains_region(UNIQUE_ID));
    assert!(SYSTEM_FLASH.contains_region(FLASH_SIZE_WORD));
    assert!(AXI_SRAM.size().bytes() == 320 * 1024);
    assert!(DTCM.size().bytes() == 128 * 1024);
    assert!((16 + 163) * 4 <= VECTOR_TABLE_ALIGNMENT.bytes());
};
