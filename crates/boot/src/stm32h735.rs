//! How Ironroot's STM32H735 product makes updates: what its secure boot, its applications and the host agree on.

use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};
use ironroot_layout::stm32h735::{TRAILER_ALIGN, TRAILER_SECTORS};

/// How image 0, in the internal flash, is updated: sectors of 128 KB are too few to move by one, so with a scratch area.
pub const MODE: Mode = Mode::SwapScratch;
/// How image 1, in the external flash, is updated.
pub const EXTERNAL_MODE: Mode = Mode::SwapOffset;

/// Length of the TLV with the sealed image key that is kept during a swap: ECIES-P256, AES-128.
const SEALED_KEY: u16 = 113;
/// What a swap of encrypted images keeps.
pub const SAVED_KEYS: SavedKeys = SavedKeys::Sealed(SEALED_KEY);

/// The trailer of both slots of image 0. Where the flags and the magic are does not depend on encryption.
pub const TRAILER: TrailerLayout = layout(MODE);
/// The trailer of both slots of image 1.
pub const EXTERNAL_TRAILER: TrailerLayout = layout(EXTERNAL_MODE);

const fn layout(mode: Mode) -> TrailerLayout {
    let align = TRAILER_ALIGN.bytes();
    match TrailerLayout::new(mode, align, align, TRAILER_SECTORS, SAVED_KEYS) {
        Some(layout) => layout,
        None => panic!("the layout's alignment is none of a trailer"),
    }
}

const _: () = {
    use ironroot_layout::stm32h735::{EXTERNAL_SLOT, SLOT};
    // What the linker of an application leaves free is what the trailer takes.
    assert!(TRAILER.size() <= SLOT.trailer.bytes());
    assert!(EXTERNAL_TRAILER.size() <= EXTERNAL_SLOT.trailer.bytes());
};
