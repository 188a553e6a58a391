//! What Ironroot puts where. ARCHITECTURE.md has the picture of this file.

use super::chip::{
    AXI_SRAM, DTCM, FLASH, FLASH_WORD, SECTOR, SRAM4, SYSTEM_FLASH, UNIQUE_ID, VECTOR_TABLE_ALIGNMENT,
};
use super::rss;
use crate::{Region, Size, Slot};

/// The secure area: sector 0, closed by exitSecureArea until the next reset.
pub const SECURE_AREA: Region = Region::between(0x0800_0000, 0x0802_0000);
/// Code and constants of the secure boot: the secure area without the key store.
pub const SECURE_BOOT: Region = Region::between(0x0800_0000, 0x0801_F000);
/// The key store, at the end of the secure area: keys that the application can neither read nor replace.
pub const KEY_STORE: Region = Region::between(0x0801_F000, 0x0802_0000);
/// RAM of the secure boot: DTCM behind what the system flash uses.
pub const SECURE_BOOT_RAM: Region = Region::between(0x2000_8000, 0x2002_0000);

/// The application slot: sectors 1 to 7.
pub const SLOT: Slot = Slot {
    region: Region::between(0x0802_0000, 0x0810_0000),
    header: Size::new(0x400),
    tlv_room: Size::new(0xF20),
    trailer: trailer_size(32, 128, 32),
};

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

/// Size of MCUboot's largest trailer (swap with scratch or move, encrypted): status of `sectors` sectors in three states,
/// two keys, four cells of `max_align`, and the magic. imgtool reserves the same.
const fn trailer_size(write_size: u32, sectors: u32, max_align: u32) -> Size {
    let key = max_align; // a key of 16 or 32 bytes, rounded up to 32
    let magic = 16_u32.next_multiple_of(max_align);
    Size::new(sectors * 3 * write_size + 2 * key + 4 * max_align + magic)
}

const _: () = {
    // The secure area is exactly the sectors that the slot leaves, and starts where the chip boots.
    assert!(SECURE_AREA.start().value() == FLASH.start().value());
    assert!(SECURE_AREA.size().is_multiple_of(SECTOR));
    assert!(SECURE_AREA.end().value() == SLOT.region.start().value());
    assert!(SLOT.region.end().value() == FLASH.end().value());
    // Erasing the slot must not erase anything else.
    assert!(SLOT.region.start().is_aligned(SECTOR) && SLOT.region.size().is_multiple_of(SECTOR));
    assert!(!SLOT.region.overlaps(SECURE_AREA));
    assert!(SLOT.region.size().bytes() == 896 * 1024);
    // The secure boot and its keys fill the secure area and nothing else.
    assert!(SECURE_AREA.contains_region(SECURE_BOOT) && SECURE_AREA.contains_region(KEY_STORE));
    assert!(!SECURE_BOOT.overlaps(KEY_STORE));
    assert!(SECURE_BOOT.end().value() == KEY_STORE.start().value());
    assert!(KEY_STORE.start().is_aligned(FLASH_WORD) && KEY_STORE.size().bytes() == 4096);
    // The vector table of the application is usable for VTOR, and its linker has a region.
    assert!(match SLOT.vector_table() {
        Some(address) => address.is_aligned(VECTOR_TABLE_ALIGNMENT) && address.value() == 0x0802_0400,
        None => false,
    });
    assert!(match SLOT.application() {
        Some(region) => SLOT.region.contains_region(region) && region.size().is_multiple_of(FLASH_WORD),
        None => false,
    });
    assert!(SLOT.trailer.bytes() == 0x30E0 && SLOT.trailer.is_multiple_of(FLASH_WORD));
    // RAM: three owners in DTCM, one record in SRAM4.
    assert!(DTCM.contains_region(SECURE_BOOT_RAM) && !SECURE_BOOT_RAM.overlaps(rss::WINDOW));
    assert!(SRAM4.contains_region(HAND_OFF) && HAND_OFF.size().bytes() == 256);
    assert!(HAND_OFF.end().value() == SRAM4.end().value());
    assert!(SYSTEM_FLASH.contains_region(rss::RSS) && !rss::RSS.overlaps(UNIQUE_ID));
};
