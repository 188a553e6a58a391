//! The numbers of this product: everything that differs from one configuration to another is here, derived from the layout.

use ironroot_hal::nor;
use ironroot_layout::stm32h7rs::chip::{AHB_SRAM1, AHB_SRAM2, AXI_SRAM, DTCM, Part};
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, OEMIROT_DATA, UROT_CONFIG, UROT_DATA};
use ironroot_layout::stm32h7rs::product::{BootPath, Place, UpdateMode};
use ironroot_layout::stm32h7rs::state::Hdpl;
use ironroot_layout::{Region, Size, Slot};

/// From the description of the product: see build.rs.
#[allow(dead_code, unreachable_pub, clippy::unreadable_literal)]
mod described {
    include!(concat!(env!("OUT_DIR"), "/product.rs"));
}

const EXTERNAL_FLASH: bool = matches!(described::PLACE, Place::ExternalFlash);
const EXTERNAL_RAM: bool = matches!(described::PLACE, Place::ExternalRam);
const INTERNAL_RAM: bool = matches!(described::PLACE, Place::InternalRam);
const SECOND_STAGE: bool = matches!(described::BOOT, BootPath::StirotOemurot);
const SWAP: bool = matches!(described::UPDATE, UpdateMode::Swap);

// Features choose the code, the description the numbers.
const _: () = {
    assert!(
        EXTERNAL_FLASH == cfg!(feature = "exec-external-flash"),
        "feature and `execute` of the product differ"
    );
    assert!(
        EXTERNAL_RAM == cfg!(feature = "exec-external-ram"),
        "feature and `execute` of the product differ"
    );
    assert!(
        INTERNAL_RAM == cfg!(feature = "exec-internal-ram"),
        "feature and `execute` of the product differ"
    );
    assert!(SWAP == cfg!(feature = "swap"), "feature and `update` of the product differ");
    assert!(SWAP != cfg!(feature = "overwrite"), "one way to update");
    assert!(SECOND_STAGE == cfg!(feature = "urot"), "feature and `boot` of the product differ");
    assert!(
        PART.has_crypto() == cfg!(feature = "hardware-crypto"),
        "feature and `device` of the product differ"
    );
    assert!(PART.has_crypto() != cfg!(feature = "software-crypto"), "one kind of cryptography");
};

/// The part.
pub const PART: Part = described::PART;

/// XSPI of the external flash, and of the external RAM: 0 is XSPI1.
pub const FLASH_AT: usize = if PART.has_crypto() { 0 } else { 1 };
/// See [`FLASH_AT`].
#[cfg(feature = "exec-external-ram")]
pub const RAM_AT: usize = 1 - FLASH_AT;

/// The installed image.
pub const PRIMARY: Region = described::INSTALLED;
/// The download.
pub const SECONDARY: Region = described::DOWNLOAD;
/// Scratch area of the swap.
#[cfg(feature = "swap")]
pub const SCRATCH: Region = match described::SCRATCH {
    Some(region) => region,
    None => panic!("a swap needs a scratch area"),
};
const TRAILER: Size = Size::new(described::TRAILER);

/// What of the installed image the memory cipher engine encrypts: all but the room of the trailer, whose fields are written
/// in smaller pieces than a block of the cipher.
pub const SEALED: Option<Region> =
    if PART.has_crypto() { Region::checked(PRIMARY.start(), slot_room()) } else { None };

const fn slot_room() -> Size {
    match PRIMARY.size().checked_sub(TRAILER) {
        Some(size) => size,
        None => panic!("the slot has no room for a trailer"),
    }
}

/// Bytes of a slot that are the trailer's.
pub const TRAILER_ROOM: u32 = described::TRAILER;

/// Where the image is when it runs, header first.
pub const RUN: Region = described::RUN;

/// Whether the image is copied before it runs.
pub const LOADS: bool = !EXTERNAL_FLASH;

/// The slot as the boot decision sees it: at the place where the image runs.
pub const SLOT: Slot =
    Slot { region: RUN, header: Size::new(described::HEADER), tlv_room: Size::kib(1), trailer: trailer() };

const fn trailer() -> Size {
    if RUN.size().bytes() < PRIMARY.size().bytes() || LOADS { Size::new(0) } else { TRAILER }
}

/// The largest image: it must fit the slot without the trailer's room, and the memory that it runs from.
pub const MAX_IMAGE: u32 = {
    let (slot, run) = (slot_room().bytes(), RUN.size().bytes());
    if slot < run { slot } else { run }
};

/// Memories in which the application's first stack may lie.
pub const STACK_MEMORIES: [Region; 5] = [DTCM, AXI_SRAM, AHB_SRAM1, AHB_SRAM2, PART.external_ram()];

/// The level that this stage is made for.
pub const LEVEL: Hdpl = described::LEVEL;
/// First OBKey of the keys.
pub const CONFIG: u8 = if SECOND_STAGE { UROT_CONFIG.index } else { IROT_CONFIG.index };
/// First OBKey of the security counters.
pub const DATA: u8 = if SECOND_STAGE { UROT_DATA.index } else { OEMIROT_DATA.index };

/// Where this stage lies: as large as a region of the MPU must be.
pub const STAGE: Region = described::STAGE_ROOM;
/// What of it stays executable until it has left: user flash is hidden by the level, RAM is not and belongs to the application,
/// so there it is only the way out (see oemirot.x).
pub const STAGE_AT_EXIT: Region = if SECOND_STAGE {
    match Region::checked(described::STAGE_CODE.start(), Size::new(0x100)) {
        Some(region) => region,
        None => panic!("outside of the memory map"),
    }
} else {
    STAGE
};
/// Its stack and data: wiped before it leaves.
pub const STAGE_RAM: Region = described::STAGE_RAM;

/// Sectors of a slot, at most, and one more: what images of ST's projects are made for (`-M 33`).
pub const MAX_SECTORS: u32 = described::MAX_SECTORS;
/// Alignment of the fields of a trailer.
pub const ALIGN: u32 = 8;

const _: () = {
    assert!(PRIMARY.size().is_multiple_of(nor::SECTOR) && SECONDARY.size().is_multiple_of(nor::SECTOR));
    assert!(PRIMARY.size().bytes() / nor::SECTOR.bytes() < MAX_SECTORS);
    assert!(!PRIMARY.overlaps(SECONDARY));
    assert!(!LOADS || !RUN.overlaps(PRIMARY));
    assert!(!RUN.overlaps(STAGE) && !RUN.overlaps(STAGE_RAM));
};
