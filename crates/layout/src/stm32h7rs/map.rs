//! What Ironroot puts where, beside what the chip ([`super::chip`]) and ST's contract ([`super::contract`]) fix.

/// The class name behind the class id, in the form that imgtool's `--cid` takes.
pub const CLASS_NAME: &str = "stm32h7rs";
/// UUID version 5 of [`CLASS_NAME`] in the name space of [`crate::stm32h735::VENDOR_ID`].
pub const CLASS_ID: [u8; 16] = 0xdd8d_0d65_a4eb_59b7_9b41_fd86_0a65_4a51_u128.to_be_bytes();

/// The vendor is the same for all parts.
pub use crate::stm32h735::VENDOR_ID;

use super::chip::{AXI_SRAM1, AXI_SRAM2, AXI_SRAM3, AXI_SRAM4, DTCM, FLASH, Part};
use super::contract::{self, IMAGE_HEADER, OEMIROT_LOAD};
use super::iloader;
use crate::{Region, Size};

/// AXI SRAM that holds the second boot stage (OEMuRoT), header first: what STiRoT loads, as large as a region of the MPU.
pub const OEMUROT_CODE: Region = AXI_SRAM1;
/// Code of the second stage: behind its header.
pub const OEMUROT_FLASH: Region =
    Region::between(AXI_SRAM1.start().value() + IMAGE_HEADER.bytes(), AXI_SRAM1.end().value());
/// Code of the first stage.
pub const OEMIROT_FLASH: Region = FLASH;
/// Stack and data of a boot stage.
pub const STAGE_RAM: Region = DTCM;
/// Stack and data of the iLoader: DTCM in front of the request.
pub const ILOADER_RAM: Region = Region::between(DTCM.start().value(), iloader::REQUEST.start().value());
/// RAM that an application may be linked for where nothing else is said: AXI SRAM2.
pub const APPLICATION_RAM: Region = Region::between(AXI_SRAM2.start().value(), AXI_SRAM2.end().value());

/// Slot of an application that runs from [`OEMIROT_LOAD`].
const SMALL_SLOT: Size = OEMIROT_LOAD.size();
/// In front of the application's slots under a second stage: room for both slots of that stage.
const SECOND_STAGE_ROOM: u32 = 0x10_0000;

/// Installed image, download and scratch area in the external flash; `internal` if the application runs from internal RAM,
/// `second` if the boot stage is OEMuRoT, whose own slots lie in front.
pub const fn slots(part: Part, internal: bool, second: bool) -> (Region, Region, Region) {
    let (primary, secondary, scratch) = contract::default_slots(part);
    let base = primary.start().value() + if second { SECOND_STAGE_ROOM } else { 0 };
    let size = if internal { SMALL_SLOT.bytes() } else { primary.size().bytes() };
    let scratch_size = scratch.size().bytes();
    let _ = secondary;
    (
        Region::between(base, base + size),
        Region::between(base + size, base + 2 * size),
        Region::between(base + 2 * size, base + 2 * size + scratch_size),
    )
}

const _: () = {
    // One size for all stages: what they say about ST's default is what ST's default is.
    let (a, b, c) = slots(Part::Stm32h7s7, false, false);
    let (x, y, z) = contract::default_slots(Part::Stm32h7s7);
    assert!(a.start().value() == x.start().value() && b.start().value() == y.start().value());
    assert!(c.start().value() == z.start().value());
    assert!(!OEMUROT_CODE.overlaps(OEMIROT_LOAD) && !OEMUROT_CODE.overlaps(APPLICATION_RAM));
    assert!(!OEMIROT_LOAD.overlaps(APPLICATION_RAM));
    assert!(AXI_SRAM3.contains_region(OEMIROT_LOAD) && !AXI_SRAM4.overlaps(OEMIROT_LOAD));
};
