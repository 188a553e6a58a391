//! SAES: AES with keys that software never sees. For keys of software there is [`crate::cryp`], which is faster.

use crate::rcc::{self, Block};
use crate::reg::{Ro, Rw, Wo};

const BASE: u32 = 0x4802_1000;
const CR: Rw = Rw::at(BASE);
const SR: Ro = Ro::at(BASE + 0x004);
const DINR: Wo = Wo::at(BASE + 0x008);
const DOUTR: Ro = Ro::at(BASE + 0x00C);
const ISR: Ro = Ro::at(BASE + 0x304);
const ICR: Wo = Wo::at(BASE + 0x308);

const EN: u32 = 1 << 0;
const BYTES: u32 = 2 << 1;
const KEY_256: u32 = 1 << 18;
const KEYSEL_SHIFT: u32 = 28;
const RESET: u32 = 1 << 31;
const BUSY: u32 = 1 << 3;
const KEYVALID: u32 = 1 << 7;
const CCF: u32 = 1 << 0;
/// KEIF and RNGEIF: the key or the random numbers of the masking failed.
const FAILED: u32 = 0b11 << 2;
const ALL_FLAGS: u32 = 0b1111;
/// Looks at a key that does not come.
const PATIENCE: u32 = 100_000;

/// A key of the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum HardwareKey {
    /// Of this device and this level.
    Device = 1,
    /// From an OBKey, loaded by [`crate::obk::load`].
    Application = 3,
    /// Both.
    DeviceAndApplication = 5,
}

fn open() {
    crate::rng::start();
    rcc::enable(Block::Saes);
    while SR.any(BUSY) {}
}

/// Keys and intermediate values are gone afterwards.
fn close() {
    CR.write(RESET);
    CR.write(0);
}

fn wait_key() -> Option<()> {
    let mut looks = 0;
    while !SR.any(KEYVALID) {
        looks += 1;
        if looks > PATIENCE || ISR.any(FAILED) {
            return None;
        }
    }
    Some(())
}

fn block(data: [u32; 4]) -> [u32; 4] {
    for word in data {
        DINR.write(word);
    }
    while !ISR.any(CCF) {}
    let result = [DOUTR.read(), DOUTR.read(), DOUTR.read(), DOUTR.read()];
    ICR.write(CCF);
    result
}

/// Encrypts one block (bytes in the order of memory) with a key of the hardware, of 256 bits. `None` if there is no such key.
pub fn encrypt(key: HardwareKey, data: [u32; 4]) -> Option<[u32; 4]> {
    open();
    ICR.write(ALL_FLAGS);
    CR.write(BYTES | KEY_256 | (key as u32) << KEYSEL_SHIFT);
    let result = wait_key().map(|()| {
        CR.modify(0, EN);
        block(data)
    });
    close();
    result
}
