//! RAM that two programs share and no Rust object occupies.

use crate::reg::{RamWindow, Ro};
use ironroot_layout::stm32h7rs::{chip, contract, iloader};

/// Boot record for the application.
pub const HAND_OFF: RamWindow = RamWindow::new(contract::HAND_OFF);
/// Confirmation flag.
pub const CONFIRMATION: RamWindow = RamWindow::new(contract::CONFIRMATION_FLAG);
/// RAM ECC handles.
pub const RAM_ECC: RamWindow = RamWindow::new(contract::RAM_ECC_HANDLE);
/// What STiRoT asks of the iLoader.
pub const ILOADER_REQUEST: RamWindow = RamWindow::new(iloader::REQUEST);

/// Writes bytes to a window; what is longer is left out.
pub fn write(window: RamWindow, bytes: &[u8]) {
    for (index, word) in (0..).zip(bytes.as_chunks::<4>().0) {
        window.write(index, u32::from_le_bytes(*word));
    }
}

/// Reads as many words as both have.
pub fn read(window: RamWindow, bytes: &mut [u8]) {
    for (index, word) in (0..window.size() / 4).zip(bytes.as_chunks_mut::<4>().0) {
        *word = window.read(index).to_le_bytes();
    }
}

/// Clears a window.
pub fn clear(window: RamWindow) {
    for index in 0..window.size() / 4 {
        window.write(index, 0);
    }
}

/// Whether the confirmation flag is set. The words are compared as a sum of differences: a part of them is nothing.
pub fn is_confirmed() -> bool {
    let different =
        (0..).zip(contract::CONFIRM).fold(0, |sum, (index, word)| sum | CONFIRMATION.read(index) ^ word);
    different == 0
}

/// The unique id.
pub fn unique_id() -> [u8; 12] {
    let mut id = [0; 12];
    for (offset, word) in (0..).step_by(4).zip(id.as_chunks_mut::<4>().0) {
        *word = Ro::at(chip::UNIQUE_ID.start().value() + offset).read().to_le_bytes();
    }
    id
}
