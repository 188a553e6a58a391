//! RSS_OTFD resetAndEncrypt: encrypts a buffer in RAM as an external flash behind OTFDEC has to hold it.
//!
//! The caller is secure user software. The service takes key, nonce and place into the request block and resets; RSS, which
//! alone may encrypt with OTFDEC, does the work in place and resets again, so that nothing of the key is left in the unit,
//! in the block or in the RAM of RSS when other code runs. What the caller finds then is its buffer, encrypted, and
//! what getStatus says; or, if the request was damaged on the way, the buffer as it was. The parameter block is that of ST's `RSS.h`; pointers are
//! word-aligned and lie in RAM.

use crate::request;
use ironroot_codes::rss as codes;
use ironroot_hal::memory::REQUEST;
use ironroot_hal::otfdec::{self, MODES, REGIONS, Setup};
use ironroot_hal::reg::RamWindow;
use ironroot_hal::{flash, rssc, scb};
use ironroot_layout::stm32h735::rss::{self, RSS_ERROR, service};
use ironroot_layout::{Address, Region, Size};

/// "IRRE": a request to encrypt waits.
const PENDING: u32 = 0x4552_5249;

/// Words of the request in the second half of the request block.
const MAGIC: u32 = 128;
/// The caller's parameters as they are: destination, buffer, size, number, mode, version, nonce and key pointers.
const PARAMETERS: u32 = MAGIC + 1;
const DESTINATION: u32 = PARAMETERS;
const BUFFER: u32 = PARAMETERS + 1;
const SIZE: u32 = PARAMETERS + 2;
const NUMBER: u32 = PARAMETERS + 3;
const MODE: u32 = PARAMETERS + 4;
const VERSION: u32 = PARAMETERS + 5;
const NONCE_POINTER: u32 = PARAMETERS + 6;
const KEY_POINTER: u32 = PARAMETERS + 7;
/// What the last two point to.
const NONCE: u32 = PARAMETERS + 8;
const KEY: u32 = NONCE + 2;
const SUM: u32 = KEY + 4;

/// Bits of the address space of a window: no memory chip is needed to encrypt.
const WINDOW_BITS: u32 = 28;

/// The service: checks, leaves a request and resets. Returns [`RSS_ERROR`] when it refuses.
#[inline(always)]
pub fn reset_and_encrypt(parameters: u32) -> u32 {
    if flash::secure_mode() && take(parameters) && is_possible() {
        REQUEST.write(MAGIC, PENDING);
        let sum = crc();
        REQUEST.write(SUM, sum);
        REQUEST.write(SUM + 1, !sum);
        rssc::keep_request(sum);
        scb::system_reset()
    }
    // A refusal must not leave the key behind.
    clear();
    RSS_ERROR
}

/// Takes the parameters and what they point to into the block, each word read once; false if a pointer, that of the
/// buffer included, leads anywhere but into a caller's RAM.
///
/// A loop, because the library has room for one copy of the check and not for four.
#[inline(always)]
fn take(parameters: u32) -> bool {
    let mut step = 0;
    loop {
        let (from, length) = if step == 0 {
            (parameters, 4 * 8)
        } else if step == 1 {
            (REQUEST.read(NONCE_POINTER), 4 * 2)
        } else if step == 2 {
            (REQUEST.read(KEY_POINTER), 4 * 4)
        } else {
            return otfdec::caller_ram(REQUEST.read(BUFFER), REQUEST.read(SIZE)).is_some();
        };
        let to = if step == 0 {
            PARAMETERS
        } else if step == 1 {
            NONCE
        } else {
            KEY
        };
        if !otfdec::take_argument(from, length, to) {
            return false;
        }
        step += 1;
    }
}

/// Serves a waiting request and resets; returns when there is none. `kept` is what the RSS controller kept of it: the check
/// value of a request that the library made.
///
/// The checks of the call are made again: the block lies in RAM that any software can write.
#[inline(always)]
pub fn serve(kept: u32) {
    let sum = crc();
    if kept != sum
        || REQUEST.read(MAGIC) != PENDING
        || REQUEST.read(SUM) != sum
        || REQUEST.read(SUM + 1) != !sum
    {
        return;
    }
    let code = match otfdec::caller_ram(REQUEST.read(BUFFER), REQUEST.read(SIZE)) {
        Some(buffer) if is_possible() => encrypt(buffer),
        _ => codes::ENCRYPT_INVALID.number(),
    };
    request::clear();
    rssc::set_status(rss::status(service::ENCRYPT, code));
    scb::system_reset()
}

/// Does the work on a checked request. The code for getStatus: 0 for success.
#[inline(always)]
fn encrypt(buffer: RamWindow) -> u16 {
    let (number, destination) = (REQUEST.read(NUMBER), REQUEST.read(DESTINATION));
    let setup = Setup {
        number,
        mode: REQUEST.read(MODE),
        version: REQUEST.read(VERSION),
        nonce: (REQUEST.read(NONCE), REQUEST.read(NONCE + 1)),
        key: (REQUEST.read(KEY), REQUEST.read(KEY + 1), REQUEST.read(KEY + 2), REQUEST.read(KEY + 3)),
        first: destination,
        last: destination.wrapping_add(buffer.size() - 1),
    };
    otfdec::open(number, WINDOW_BITS);
    let taken = otfdec::configure(&setup);
    if taken {
        otfdec::encrypt(number, destination, buffer);
    }
    otfdec::reset(number);
    if taken { 0 } else { codes::ENCRYPT_KEY_REFUSED.number() }
}

/// Whether region, mode, version and destination are ones that the unit can serve.
#[inline(always)]
fn is_possible() -> bool {
    let (number, destination, size) = (REQUEST.read(NUMBER), REQUEST.read(DESTINATION), REQUEST.read(SIZE));
    number < REGIONS
        && REQUEST.read(MODE) < MODES
        && REQUEST.read(VERSION) <= 0xFFFF
        && destination.is_multiple_of(4)
        && Region::checked(Address::new(destination), Size::new(size))
            .is_some_and(|place| otfdec::window(number).contains_region(place))
}

#[inline(always)]
fn clear() {
    let mut index = MAGIC;
    while index < SUM + 2 {
        REQUEST.write(index, 0);
        index += 1;
    }
}

/// CRC-32 as in zip over magic, parameters, nonce and key.
#[inline(always)]
fn crc() -> u32 {
    let mut crc = u32::MAX;
    let mut index = MAGIC;
    while index < SUM {
        crc ^= REQUEST.read(index);
        let mut bit = 0;
        while bit < 32 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        index += 1;
    }
    !crc
}
