//! The service request block: how a service call reaches the RSS that runs after the reset it triggers.
//!
//! It lies at the start of the DTCM window of RSS (`rss::REQUEST_BLOCK` in the layout) and survives a system reset. After a power-on RAM is
//! arbitrary, and software of any kind can write there; so RSS believes a block only when its CRC and the CRC's
//! complement fit, and then checks the arguments as if they came from a stranger (they may).

use ironroot_hal::memory::REQUEST;

/// "IRRQ": a request waits.
const PENDING: u32 = 0x5152_5249;
/// "IRRF": the last request was tried and the hardware refused it.
const FAILED: u32 = 0x4652_5249;
/// Layout of the block.
const VERSION: u32 = 1;
/// Service number of resetAndInitializeSecureAreas.
const INITIALIZE_SECURE_AREAS: u32 = 1;

/// Words before the CRC: magic, version, service, argument.
const PAYLOAD: u32 = 4;

/// What the block says.
pub enum Block {
    /// Nothing that can be believed.
    Empty,
    /// A secure area is asked for: the value for the option register, not yet checked for sense.
    Area(u32),
    /// The last request failed in hardware.
    Failed,
}

/// Writes a request for the secure area that `scar` describes.
#[inline(always)]
pub fn put_area(scar: u32) {
    write(PENDING, scar);
}

/// Leaves word that the request failed, so that it is not asked for in an endless row of resets.
#[inline(always)]
pub fn put_failed() {
    write(FAILED, 0);
}

/// Clears the block.
#[inline(always)]
pub fn clear() {
    let mut index = 0;
    while index < REQUEST.size() / 4 {
        REQUEST.write(index, 0);
        index += 1;
    }
}

/// Reads the block. Each word is read once into registers: what is checked is what is used.
#[inline(always)]
pub fn get() -> Block {
    let (magic, version) = (REQUEST.read(0), REQUEST.read(1));
    let (service, argument) = (REQUEST.read(2), REQUEST.read(3));
    let (sum, complement) = (REQUEST.read(PAYLOAD), REQUEST.read(PAYLOAD + 1));
    let expected = crc([magic, version, service, argument]);
    if sum != expected || complement != !expected || version != VERSION {
        return Block::Empty;
    }
    match (magic, service) {
        (PENDING, INITIALIZE_SECURE_AREAS) => Block::Area(argument),
        (FAILED, INITIALIZE_SECURE_AREAS) => Block::Failed,
        _ => Block::Empty,
    }
}

#[inline(always)]
fn write(magic: u32, argument: u32) {
    let sum = crc([magic, VERSION, INITIALIZE_SECURE_AREAS, argument]);
    REQUEST.write(0, magic);
    REQUEST.write(1, VERSION);
    REQUEST.write(2, INITIALIZE_SECURE_AREAS);
    REQUEST.write(3, argument);
    REQUEST.write(PAYLOAD, sum);
    REQUEST.write(PAYLOAD + 1, !sum);
}

/// CRC-32 (reflected, polynomial 0xEDB8_8320, as in zip) over the words, least significant bit first.
/// Bit by bit: a table would need a place in each part.
#[inline(always)]
fn crc(words: [u32; PAYLOAD as usize]) -> u32 {
    let mut crc = u32::MAX;
    for word in words {
        crc ^= word;
        let mut bit = 0;
        while bit < 32 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
    }
    !crc
}
