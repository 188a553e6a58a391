//! The numbers of this product: everything that differs from one configuration to another is here, derived from the layout.

use ironroot_hal::nor;
#[cfg(feature = "urot")]
use ironroot_layout::Address;
use ironroot_layout::stm32h7rs::chip::{AHB_SRAM1, AHB_SRAM2, AXI_SRAM, DTCM, Part, XSPI1};
use ironroot_layout::stm32h7rs::contract::CORE_CLOCK_MHZ;
use ironroot_layout::stm32h7rs::obkeys::{IROT_CONFIG, OEMIROT_DATA, UROT_CONFIG, UROT_DATA};
use ironroot_layout::stm32h7rs::product::{BootPath, Guarded, Place, UpdateMode};
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

/// XSPI of the external flash: 0 is XSPI1.
pub const FLASH_AT: usize = interface(described::FLASH);
/// XSPI of the external RAM.
#[cfg(feature = "exec-external-ram")]
pub const RAM_AT: usize = match described::RAM {
    Some(ram) => interface(ram),
    None => panic!("the product has no external RAM"),
};

const fn interface(memory: Region) -> usize {
    if memory.start().value() == XSPI1.start().value() { 0 } else { 1 }
}

/// What of the external RAM the memory cipher engine encrypts: all of it.
#[cfg(all(feature = "exec-external-ram", feature = "hardware-crypto"))]
pub const SEALED_RAM: Region = match described::RAM {
    Some(ram) => ram,
    None => panic!("the product has no external RAM"),
};

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

/// Memories in which the application's first stack may lie: what is open of the internal RAM, and the external RAM if it is on.
pub const STACK_MEMORIES: [Region; 5] = [
    opened(DTCM),
    opened(AXI_SRAM),
    opened(AHB_SRAM1),
    opened(AHB_SRAM2),
    match described::RAM {
        Some(ram) if EXTERNAL_RAM => ram,
        _ => opened(AHB_SRAM2),
    },
];

/// What is open of a memory.
const fn opened(memory: Region) -> Region {
    let area = described::OPEN.area();
    if area.contains_region(memory) { memory } else { area }
}

/// The level that this stage is made for.
pub const LEVEL: Hdpl = described::LEVEL;
/// First OBKey of the keys.
pub const CONFIG: u8 = if SECOND_STAGE { UROT_CONFIG.index } else { IROT_CONFIG.index };
/// First OBKey of the security counters.
pub const DATA: u8 = if SECOND_STAGE { UROT_DATA.index } else { OEMIROT_DATA.index };

/// The MPU while this stage works: RBAR and RASR of each region.
pub const MPU_INIT: [[u32; 2]; 16] = described::MPU_INIT;
/// The MPU as the application gets it, before its region is cut to the image.
pub const MPU_HAND_OFF: [[u32; 2]; 16] = described::MPU_HAND_OFF;
/// What a closed product insists on.
pub const GUARDED_OPTIONS: &[Guarded] = described::GUARDED_OPTIONS;
/// Where the stack ends when DTCM is wiped and closed.
pub const EXIT_STACK: u32 = described::IRONROOT_EXIT_STACK;
/// The vector table of this stage.
#[cfg(feature = "urot")]
pub const STAGE_START: Address = described::STAGE_CODE.start();
/// Its stack and data: wiped before it leaves.
pub const STAGE_RAM: Region = described::STAGE_RAM;

/// Sectors of a slot, at most, and one more: what images of ST's projects are made for (`-M 33`).
pub const MAX_SECTORS: u32 = described::MAX_SECTORS;
/// Alignment of the fields of a trailer.
pub const ALIGN: u32 = 8;

/// Whether the drivers reach an area of the external flash, in whole sectors.
const fn reached(area: Region) -> bool {
    let start = described::FLASH.start();
    let whole = area.start().is_aligned(nor::SECTOR) && area.size().is_multiple_of(nor::SECTOR);
    match Region::checked(start, Size::new(1 << nor::BITS)) {
        Some(reach) => whole && reach.contains_region(area),
        None => false,
    }
}

// What a product may say, and this stage does not do: no build rather than a device that does something else.
const _: () = {
    assert!(
        reached(PRIMARY) && reached(SECONDARY),
        "slots must be whole sectors of 64 KB in the first 16 MB of the external flash"
    );
    assert!(
        match described::SCRATCH {
            Some(scratch) => reached(scratch),
            None => true,
        },
        "the scratch area must be whole sectors of 64 KB in the first 16 MB of the external flash"
    );
    assert!(
        described::RUN.size().bytes() <= 1 << ironroot_hal::psram::BITS || !EXTERNAL_RAM,
        "the application must fit the first 16 MB of the external RAM"
    );
    assert!(described::DATA_INSTALLED.is_none(), "this stage has no data image: leave `slots.data` out");
    assert!(described::CORE_MHZ == CORE_CLOCK_MHZ, "this stage runs at 380 MHz: `clocks.core`");
    assert!(PRIMARY.size().bytes() / nor::SECTOR.bytes() < MAX_SECTORS);
    assert!(!PRIMARY.overlaps(SECONDARY));
    assert!(!LOADS || !RUN.overlaps(PRIMARY));
    assert!(!RUN.overlaps(described::STAGE_ROOM) && !RUN.overlaps(STAGE_RAM));
    assert!(EXIT_STACK <= STAGE_RAM.start().value() || EXIT_STACK > STAGE_RAM.end().value());
};
