//! What a boot stage leaves to the application, and what the application leaves alone.
//!
//! Source: STM32CubeH7RS v1.3.0 (OEMiROT_Boot, appli), and ST's article on adapting an application.

use super::chip::{AHB_SRAM2, AXI_SRAM, Part};
use crate::{Region, Size};

/// Confirmation flag between application and boot stage, 32 bytes. The application writes [`CONFIRM`] and resets.
pub const CONFIRMATION_FLAG: Region = Region::between(0x3000_7FA0, 0x3000_7FC0);
/// The four words that confirm a swapped image.
pub const CONFIRM: [u32; 4] = [0x001F_BBB7, 0x0023_6445, 0x0023_A889, 0x0023_D111];
/// RAM-ECC handle: filled by the boot stage, never initialised by the application.
pub const RAM_ECC_HANDLE: Region = Region::between(0x3000_7FC0, 0x3000_8000);
/// Memory that no start-up code may initialise: in front of the flag.
pub const NO_INIT: Region = Region::between(0x3000_7F80, 0x3000_7FA0);
/// Boot record for the application, 256 bytes: where ST's projects have a DMA buffer that only the boot stage uses.
pub const HAND_OFF: Region = Region::between(0x3000_7E00, 0x3000_7F00);
/// All of AHB SRAM2 that the application must leave free.
pub const RESERVED: Region = Region::between(0x3000_7E00, 0x3000_8000);

/// Header of every image of these paths; the vector table follows it.
pub const IMAGE_HEADER: Size = Size::new(0x400);
/// Trailer room of a slot in external flash, as ST's projects have it.
pub const TRAILER: Size = Size::new(0x2000);
/// Room that an application for STiRoT leaves at the end of its slot: TLVs, and the magic, which is all of the trailer.
pub const STIROT_TRAILER: Size = Size::new(0x400);
/// The magic of a trailer of ST's boot stages.
pub const TRAILER_MAGIC: [u32; 4] = [0xF395_C277, 0x7FEF_D260, 0x0F50_5235, 0x8079_B62C];
/// Header magic of images for STiRoT.
pub const STIROT_MAGIC: u32 = 0xC159_2EE9;

/// What STiRoT may load into: all of AXI SRAM but the last 8 KB.
pub const STIROT_LOAD: Region = Region::between(0x2400_0000, 0x2407_0000);
/// What OEMiRoT loads into when the application runs from internal RAM.
pub const OEMIROT_LOAD: Region = Region::between(0x2404_0000, 0x2406_0000);

/// OEMiRoT and iLoader, at most: the whole user flash.
pub const BOOT_CODE_MAX: Size = Size::kib(64);
/// The gate of our OEMiRoT.
pub const BOOT_CODE_GATE: Size = Size::kib(48);
/// The MPU region that opens the application's code, switched on by RSSLIB during the jump.
pub const MPU_REGION_APPLICATION: u8 = 14;
/// Core clock at hand-off in MHz: holds with RAM ECC, without the internal regulator, over the full temperature range.
pub const CORE_CLOCK_MHZ: u32 = 380;
/// Core clock that the application may reach by PLL1 in MHz.
pub const CORE_CLOCK_MAX_MHZ: u32 = 600;

/// The default external flash: installed image, download, and scratch area of the swap, from the start of the flash.
pub const fn default_slots(part: Part) -> (Region, Region, Region) {
    let base = part.external_flash().start().value();
    (
        Region::between(base, base + 0x20_0000),
        Region::between(base + 0x20_0000, base + 0x40_0000),
        Region::between(base + 0x40_0000, base + 0x41_0000),
    )
}

const _: () = {
    assert!(AHB_SRAM2.contains_region(RESERVED));
    assert!(RESERVED.contains_region(HAND_OFF) && RESERVED.contains_region(NO_INIT));
    assert!(NO_INIT.end().value() == CONFIRMATION_FLAG.start().value());
    assert!(CONFIRMATION_FLAG.end().value() == RAM_ECC_HANDLE.start().value());
    assert!(RAM_ECC_HANDLE.end().value() == RESERVED.end().value());
    assert!(AXI_SRAM.contains_region(STIROT_LOAD) && STIROT_LOAD.size().bytes() == 448 * 1024);
    assert!(AXI_SRAM.contains_region(OEMIROT_LOAD) && OEMIROT_LOAD.size().bytes() == 128 * 1024);
};
