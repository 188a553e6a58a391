//! The chip: geometry and addresses that the silicon fixes.
//!
//! Sources: CMSIS header v1.2.1 and HAL of the STM32H7RS, STM32CubeH7RS v1.3.0.

use crate::{Region, Size};

/// User flash.
pub const FLASH: Region = Region::between(0x0800_0000, 0x0801_0000);
/// The erase unit.
pub const SECTOR: Size = Size::kib(8);
/// Number of sectors.
pub const SECTOR_COUNT: u32 = 8;
/// The program unit: 128 bits that share one ECC.
pub const FLASH_WORD: Size = Size::new(16);
/// What an erased byte reads as.
pub const ERASED: u8 = 0xFF;
/// What HDP_AREA_START and HDP_AREA_END count.
pub const HIDE_PROTECTION_UNIT: Size = Size::new(256);
/// One-time programmable words.
pub const OTP: Region = Region::between(0x08FF_F000, 0x08FF_F400);
/// Unique identifier, 96 bits.
pub const UNIQUE_ID: Region = Region::between(0x08FF_F800, 0x08FF_F80C);

/// System flash: root security services, STiRoT, bootloader.
pub const SYSTEM_FLASH: Region = Region::between(0x1FF0_0000, 0x1FF2_0000);

/// Instruction TCM with the factory value of ITCM_AXI_SHARE.
pub const ITCM: Region = Region::between(0x0000_0000, 0x0001_0000);
/// Data TCM with the factory value of DTCM_AXI_SHARE.
pub const DTCM: Region = Region::between(0x2000_0000, 0x2001_0000);
/// What one TCM may grow to at the expense of AXI SRAM1 (ITCM) and AXI SRAM3 (DTCM).
pub const TCM_MAX: Size = Size::kib(192);
/// AXI SRAM1.
pub const AXI_SRAM1: Region = Region::between(0x2400_0000, 0x2402_0000);
/// AXI SRAM2.
pub const AXI_SRAM2: Region = Region::between(0x2402_0000, 0x2404_0000);
/// AXI SRAM3.
pub const AXI_SRAM3: Region = Region::between(0x2404_0000, 0x2406_0000);
/// AXI SRAM4. With ECC_ON_SRAM it is what the check bits of the others take their room from.
pub const AXI_SRAM4: Region = Region::between(0x2406_0000, 0x2407_2000);
/// All of AXI SRAM.
pub const AXI_SRAM: Region = Region::between(0x2400_0000, 0x2407_2000);
/// AHB SRAM1.
pub const AHB_SRAM1: Region = Region::between(0x3000_0000, 0x3000_4000);
/// AHB SRAM2.
pub const AHB_SRAM2: Region = Region::between(0x3000_4000, 0x3000_8000);
/// Backup SRAM.
pub const BACKUP_SRAM: Region = Region::between(0x3880_0000, 0x3880_1000);
/// Window of XSPI2.
pub const XSPI2: Region = Region::between(0x7000_0000, 0x8000_0000);
/// Window of XSPI1.
pub const XSPI1: Region = Region::between(0x9000_0000, 0xA000_0000);

/// Every window behind which memory answers; ITCM and DTCM as large as options can make them, XSPI as large as a chip may be.
pub const MEMORIES: [Region; 8] = [
    Region::between(ITCM.start().value(), ITCM.start().value() + TCM_MAX.bytes()),
    FLASH,
    Region::between(DTCM.start().value(), DTCM.start().value() + TCM_MAX.bytes()),
    AXI_SRAM,
    Region::between(AHB_SRAM1.start().value(), AHB_SRAM2.end().value()),
    BACKUP_SRAM,
    XSPI2,
    XSPI1,
];

/// What VTOR needs: 16 + 156 vectors of 4 bytes, rounded up to a power of two (ARMv7-M B3.2.5).
pub const VECTOR_TABLE_ALIGNMENT: Size = Size::kib(1);
/// Regions of the memory protection unit.
pub const MPU_REGIONS: u8 = 16;

/// The two parts. They differ in the crypto blocks (SAES, PKA, CRYP, MCE), and so in which memory lies behind which XSPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// STM32H7S7: with SAES, PKA, CRYP and MCE.
    Stm32h7s7,
    /// STM32H7R7: HASH and RNG only; no STiRoT (IROT_SELECT is ignored).
    Stm32h7r7,
}

impl Part {
    /// Both.
    pub const ALL: [Part; 2] = [Part::Stm32h7s7, Part::Stm32h7r7];

    /// The name by which files and command lines call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stm32h7s7 => "stm32h7s7",
            Self::Stm32h7r7 => "stm32h7r7",
        }
    }

    /// Whether it has SAES, PKA, CRYP and MCE.
    pub const fn has_crypto(self) -> bool {
        matches!(self, Self::Stm32h7s7)
    }

    /// The window of the external flash as ST's boards and projects have it.
    pub const fn external_flash(self) -> Region {
        match self {
            Self::Stm32h7s7 => XSPI1,
            Self::Stm32h7r7 => XSPI2,
        }
    }

    /// The window of the external RAM as ST's boards and projects have it.
    pub const fn external_ram(self) -> Region {
        match self {
            Self::Stm32h7s7 => XSPI2,
            Self::Stm32h7r7 => XSPI1,
        }
    }
}

const _: () = {
    assert!(FLASH.size().bytes() == SECTOR.bytes() * SECTOR_COUNT);
    assert!(SECTOR.is_multiple_of(FLASH_WORD) && SECTOR.is_multiple_of(HIDE_PROTECTION_UNIT));
    assert!(SYSTEM_FLASH.size().bytes() == 128 * 1024);
    assert!(AXI_SRAM1.end().value() == AXI_SRAM2.start().value());
    assert!(AXI_SRAM2.end().value() == AXI_SRAM3.start().value());
    assert!(AXI_SRAM3.end().value() == AXI_SRAM4.start().value());
    assert!(AXI_SRAM4.end().value() == AXI_SRAM.end().value());
    assert!(AXI_SRAM4.size().bytes() == 72 * 1024);
    assert!((16 + 156) * 4 <= VECTOR_TABLE_ALIGNMENT.bytes());
};
