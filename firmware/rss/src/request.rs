//! The service request block: how a service call reaches the RSS that runs after the reset it triggers.
//!
//! It lies at the start of the DTCM window of RSS (`rss::REQUEST_BLOCK` in the layout) and survives a system reset. After a
//! power-on RAM is arbitrary, and software of any kind can write there. So RSS believes a block only if
//!
//! 1. its CRC and the CRC's complement fit (noise, a damaged block),
//! 2. the CRC is the one that the library kept in the RSS controller, which nobody else can write (a forged block, or one of
//!    another device), and which is gone once it has been read (a stale block, or the same one twice),
//! 3. the arguments make sense: they are checked as if they came from a stranger.

use ironroot_hal::{memory::REQUEST, rssc};

/// "IRRQ": a request waits.
const PENDING: u32 = 0x5152_5249;
/// Layout of the block.
const VERSION: u32 = 2;

/// Words before the CRC: magic, version, service, argument.
const PAYLOAD: u32 = 4;

/// A request: its service (`rss::service`) and its argument, not yet checked for sense.
pub struct Request {
    /// The service.
    pub service: u32,
    /// Its argument.
    pub argument: u32,
}

/// Leaves a request for the RSS that runs after the next reset.
#[inline(always)]
pub fn put(service: u32, argument: u32) {
    let sum = crc([PENDING, VERSION, service, argument]);
    REQUEST.write(0, PENDING);
    REQUEST.write(1, VERSION);
    REQUEST.write(2, service);
    REQUEST.write(3, argument);
    REQUEST.write(PAYLOAD, sum);
    REQUEST.write(PAYLOAD + 1, !sum);
    rssc::keep_request(sum);
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

/// The request that waits, if the block can be believed; `kept` is what the RSS controller kept. Each word is read once into
/// registers: what is checked is what is used.
#[inline(always)]
pub fn get(kept: u32) -> Option<Request> {
    let (magic, version) = (REQUEST.read(0), REQUEST.read(1));
    let (service, argument) = (REQUEST.read(2), REQUEST.read(3));
    let (sum, complement) = (REQUEST.read(PAYLOAD), REQUEST.read(PAYLOAD + 1));
    let expected = crc([magic, version, service, argument]);
    let sound = sum == expected && complement == !expected && magic == PENDING && version == VERSION;
    // 0 is what the controller keeps when there is no request.
    if sound && kept != 0 && kept == sum { Some(Request { service, argument }) } else { None }
}

/// CRC-32 (reflected, polynomial 0xEDB8_8320, as in zip) over the words, least significant bit first.
/// Bit by bit: a table would need a place in each part.
#[inline(always)]
fn crc(words: [u32; PAYLOAD as usize]) -> u32 {
    let [a, b, c, d] = words;
    !step(step(step(step(u32::MAX, a), b), c), d)
}

#[inline(always)]
fn step(crc: u32, word: u32) -> u32 {
    let mut crc = crc ^ word;
    let mut bit = 0;
    while bit < 32 {
        crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        bit += 1;
    }
    crc
}
