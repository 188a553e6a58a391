//! What Ironroot puts where. ARCHITECTURE.md has the picture of this file.

use super::chip::{
    AXI_SRAM, DTCM, FLASH, FLASH_WORD, OCTOSPI1, SECTOR, SRAM4, SYSTEM_FLASH, UNIQUE_ID,
    VECTOR_TABLE_ALIGNMENT,
};
use super::rss;
use crate::{Region, Size, Slot};

/// The secure area: sector 0, closed by exitSecureArea until the next reset.
pub const SECURE_AREA: Region = Region::between(0x0800_0000, 0x0802_0000);
/// Code and constants of the secure boot: the secure area without counters and keys.
pub const SECURE_BOOT: Region = Region::between(0x0800_0000, 0x0801_D000);
/// The counter log: one flash word for each time that a security counter was raised, never erased. In the secure area, so
/// that the application can neither write nor erase it.
pub const COUNTER_LOG: Region = Region::between(0x0801_D000, 0x0801_F000);
/// The key store, at the end of the secure area: keys that the application can neither read nor replace.
pub const KEY_STORE: Region = Region::between(0x0801_F000, 0x0802_0000);
/// RAM of the secure boot: DTCM behind what the system flash uses.
pub const SECURE_BOOT_RAM: Region = Region::between(0x2000_8000, 0x2002_0000);

/// The primary slot of image 0, where the application runs: sectors 1 to 3.
pub const SLOT: Slot = Slot {
    region: Region::between(0x0802_0000, 0x0808_0000),
    header: Size::new(0x400),
    tlv_room: Size::new(0xE20),
    trailer: trailer_size(3),
};

/// The secondary slot of image 0, where an update waits: sectors 4 to 6. Where the device runs an image from, it says with
/// [`SLOT`]: an image is linked and signed for the primary slot wherever it lies.
pub const SECONDARY_SLOT: Slot = Slot { region: Region::between(0x0808_0000, 0x080E_0000), ..SLOT };

/// The scratch area of the swap: sector 7.
pub const SCRATCH: Region = Region::between(0x080E_0000, 0x0810_0000);

/// The primary slot of image 1, in the serial NOR flash at OCTOSPI1, where a board has one: read, and run from, through the
/// memory-mapped window.
pub const EXTERNAL_SLOT: Slot = Slot {
    region: Region::between(0x9000_0000, 0x9010_0000),
    header: Size::new(0x400),
    tlv_room: Size::new(0xE00),
    // Status of two states (swap with offset) and one cell more, for the sizes of the TLV areas.
    trailer: trailer_size(2),
};

/// The secondary slot of image 1. The update lies in its second sector: the first is what the swap moves into.
pub const EXTERNAL_SECONDARY_SLOT: Slot =
    Slot { region: Region::between(0x9010_0000, 0x9020_0000), ..EXTERNAL_SLOT };

/// Both slots of image 1: the part of the external flash that the secure boot reads and writes.
pub const EXTERNAL_SLOTS: Region = Region::between(0x9000_0000, 0x9020_0000);
/// The erase unit of the external flash.
pub const EXTERNAL_SECTOR: Size = Size::kib(4);
/// What the external flash programs at once at most, and where a longer program wraps.
pub const EXTERNAL_PAGE: Size = Size::new(256);

/// Cells of the trailer (BOOT_MAX_ALIGN), and write unit of the status, of every slot: the flash word of the internal
/// flash. The external flash could do with less; one number serves both, and the host's `--align`.
pub const TRAILER_ALIGN: Size = FLASH_WORD;
/// Sectors that the status of a trailer has room for (BOOT_MAX_IMG_SECTORS), the default of imgtool and of MCUboot.
pub const TRAILER_SECTORS: u32 = 128;

/// RAM of an application.
pub const APPLICATION_RAM: Region = AXI_SRAM;

/// The hand-off record, 256 bytes at the end of SRAM4: kept over a system reset and out of the way of every default
/// linker script.
pub const HAND_OFF: Region = Region::between(0x3800_3F00, 0x3800_4000);

/// The unique id of a virtual device begins with these bytes. A real one begins with the coordinates of its die, and no
/// wafer has thousands of dies in a row, which is what these bytes would mean.
pub const VIRTUAL_UNIQUE_ID_PREFIX: [u8; 4] = *b"IRVD";

/// The domain name behind [`VENDOR_ID`], in the form that imgtool's `--vid` takes.
pub const VENDOR_NAME: &str = "ironroot.example";
/// The class name behind [`CLASS_ID`], in the form that imgtool's `--cid` takes.
pub const CLASS_NAME: &str = "stm32h735";
/// UUID version 5 of [`VENDOR_NAME`] in the DNS name space.
pub const VENDOR_ID: [u8; 16] = 0xb4a2_a609_2228_570d_a2ec_2c4e_3f62_3e59_u128.to_be_bytes();
/// UUID version 5 of [`CLASS_NAME`] in the name space [`VENDOR_ID`].
pub const CLASS_ID: [u8; 16] = 0xbc34_f3eb_afda_5b91_9bc6_918d_f2f6_541a_u128.to_be_bytes();

/// Size of MCUboot's trailer for encrypted images whose key TLVs, not keys, are kept during a swap: status of
/// [`TRAILER_SECTORS`] sectors in `states` states, two TLVs of the longest kind (ECIES-P256 with AES-256, 129 bytes), the
/// cells in front of the magic, and the magic. imgtool reserves the same with `--save-enctlv`.
const fn trailer_size(states: u32) -> Size {
    let align = TRAILER_ALIGN.bytes();
    let key = 129_u32.next_multiple_of(align);
    let cells = if states == 2 { 5 } else { 4 };
    let magic = 16_u32.next_multiple_of(align);
    Size::new(TRAILER_SECTORS * states * align + 2 * key + cells * align + magic)
}

const _: () = {
    // The secure area is exactly the sectors that slots and scratch leave, and starts where the chip boots.
    assert!(SECURE_AREA.start().value() == FLASH.start().value());
    assert!(SECURE_AREA.size().is_multiple_of(SECTOR));
    assert!(SECURE_AREA.end().value() == SLOT.region.start().value());
    assert!(SLOT.region.end().value() == SECONDARY_SLOT.region.start().value());
    assert!(SECONDARY_SLOT.region.end().value() == SCRATCH.start().value());
    assert!(SCRATCH.end().value() == FLASH.end().value());
    // Erasing one of them must not erase anything else.
    assert!(SLOT.region.start().is_aligned(SECTOR) && SLOT.region.size().is_multiple_of(SECTOR));
    assert!(SECONDARY_SLOT.region.start().is_aligned(SECTOR) && SCRATCH.start().is_aligned(SECTOR));
    assert!(!SLOT.region.overlaps(SECURE_AREA));
    // What is swapped is of one size, and a sector of it fits the scratch area.
    assert!(SLOT.region.size().bytes() == SECONDARY_SLOT.region.size().bytes());
    assert!(SCRATCH.size().bytes() == SECTOR.bytes());
    // The secure boot, its counters and its keys fill the secure area and nothing else.
    assert!(SECURE_AREA.contains_region(SECURE_BOOT) && SECURE_AREA.contains_region(KEY_STORE));
    assert!(SECURE_BOOT.end().value() == COUNTER_LOG.start().value());
    assert!(COUNTER_LOG.end().value() == KEY_STORE.start().value());
    assert!(COUNTER_LOG.start().is_aligned(FLASH_WORD) && COUNTER_LOG.size().is_multiple_of(FLASH_WORD));
    assert!(KEY_STORE.start().is_aligned(FLASH_WORD) && KEY_STORE.size().bytes() == 4096);
    // Image 1: two slots of one size, in whole sectors, in the window of the board's flash.
    assert!(OCTOSPI1.contains_region(EXTERNAL_SLOTS));
    assert!(EXTERNAL_SLOTS.start().value() == EXTERNAL_SLOT.region.start().value());
    assert!(EXTERNAL_SLOT.region.end().value() == EXTERNAL_SECONDARY_SLOT.region.start().value());
    assert!(EXTERNAL_SECONDARY_SLOT.region.end().value() == EXTERNAL_SLOTS.end().value());
    assert!(EXTERNAL_SLOT.region.size().bytes() == EXTERNAL_SECONDARY_SLOT.region.size().bytes());
    assert!(EXTERNAL_SLOT.region.start().is_aligned(EXTERNAL_SECTOR));
    assert!(EXTERNAL_SLOT.region.size().is_multiple_of(EXTERNAL_SECTOR));
    assert!(EXTERNAL_SLOT.trailer.is_multiple_of(TRAILER_ALIGN));
    // The vector table of the application is usable for VTOR, and its linker has a region.
    assert!(match SLOT.vector_table() {
        Some(address) => address.is_aligned(VECTOR_TABLE_ALIGNMENT) && address.value() == 0x0802_0400,
        None => false,
    });
    assert!(match SLOT.application() {
        Some(region) => SLOT.region.contains_region(region) && region.size().is_multiple_of(FLASH_WORD),
        None => false,
    });
    assert!(SLOT.trailer.bytes() == 0x31E0 && SLOT.trailer.is_multiple_of(FLASH_WORD));
    // RAM: three owners in DTCM, one record in SRAM4.
    assert!(DTCM.contains_region(SECURE_BOOT_RAM) && !SECURE_BOOT_RAM.overlaps(rss::WINDOW));
    assert!(SRAM4.contains_region(HAND_OFF) && HAND_OFF.size().bytes() == 256);
    assert!(HAND_OFF.end().value() == SRAM4.end().value());
    assert!(SYSTEM_FLASH.contains_region(rss::RSS) && !rss::RSS.overlaps(UNIQUE_ID));
};
