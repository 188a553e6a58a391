//! OTFDEC and the OCTOSPI in front of it (RM0468 chapters 25 and 35): regions, keys, memory-mapped reading, encryption.
//!
//! Regions are numbered through, as the service of the ROM does: 0 to 3 are those of OTFDEC1 (window 0x9000_0000), 4 to 7
//! those of OTFDEC2 (window 0x7000_0000).

use crate::memory;
use crate::reg::{RamWindow, Ro, Rw, Wo, read_argument};
use ironroot_layout::stm32h735::{OCTOSPI1, OCTOSPI2, rss};
use ironroot_layout::{Address, Region, Size};

/// Regions of both units.
pub const REGIONS: u32 = 8;
const REGIONS_A_UNIT: u32 = 4;
/// Modes 0 (instructions), 1 (data) and 2 (both). Mode 3 adds a cipher that is not public.
pub const MODES: u32 = 3;

const AHB3RSTR: Rw = Rw::at(0x5802_447C);
const AHB3ENR: Rw = Rw::at(0x5802_44D4);
const OTFDEC: u32 = 0x5200_B800;
const OTFDEC_STRIDE: u32 = 0x400;
const FIRST_REGION: u32 = 0x020;
const REGION_STRIDE: u32 = 0x030;
const OCTOSPI: u32 = 0x5200_5000;
const OCTOSPI_STRIDE: u32 = 0x5000;

/// CR: encryption.
const ENC: u32 = 1 << 0;
/// RxCFGR.
const REG_EN: u32 = 1 << 0;
const CONFIGLOCK: u32 = 1 << 1;
const KEYLOCK: u32 = 1 << 2;
const MODE_SHIFT: u32 = 4;
const VERSION_SHIFT: u32 = 16;

/// OCTOSPI: enable, memory-mapped mode.
const EN_MAPPED: u32 = 1 << 0 | 3 << 28;
/// Instruction, 24-bit address and data on one line each.
const ONE_LINE: u32 = 1 | 1 << 8 | 2 << 12 | 1 << 24;
/// What every serial flash understands after reset: fast read, with eight dummy cycles.
const FAST_READ: u32 = 0x0B;
const DUMMY_CYCLES: u32 = 8;

/// What a region decrypts, and how.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Region, below [`REGIONS`].
    pub number: u32,
    /// Below [`MODES`].
    pub mode: u32,
    /// 16 bits.
    pub version: u32,
    /// NONCER0 and NONCER1.
    pub nonce: (u32, u32),
    /// KEYR0 to KEYR3.
    pub key: (u32, u32, u32, u32),
    /// Any address in the first page of 4 KB.
    pub first: u32,
    /// Any address in the last page of 4 KB.
    pub last: u32,
}

/// The window of addresses that region `number` can lie in.
#[inline(always)]
pub fn window(number: u32) -> Region {
    if number < REGIONS_A_UNIT { OCTOSPI1 } else { OCTOSPI2 }
}

#[inline(always)]
fn unit(number: u32) -> u32 {
    number / REGIONS_A_UNIT
}

#[inline(always)]
fn unit_base(number: u32) -> u32 {
    OTFDEC + OTFDEC_STRIDE * unit(number)
}

#[inline(always)]
fn region_base(number: u32) -> u32 {
    unit_base(number) + FIRST_REGION + REGION_STRIDE * (number % REGIONS_A_UNIT)
}

/// RCC bits of unit and interface: OTFDEC1 22 and OCTOSPI1 14, OTFDEC2 23 and OCTOSPI2 19.
#[inline(always)]
fn clocks(number: u32) -> u32 {
    if unit(number) == 0 { 1 << 22 | 1 << 14 } else { 1 << 23 | 1 << 19 }
}

/// Switches unit and interface on, and maps a flash of 2 to the power of `bits` bytes: fast read on one line.
#[inline(always)]
pub fn open(number: u32, bits: u32) {
    AHB3ENR.modify(0, clocks(number));
    let _ = AHB3ENR.read();
    let octospi = OCTOSPI + OCTOSPI_STRIDE * unit(number);
    Wo::at(octospi).write(0);
    Wo::at(octospi + 0x008).write(((bits - 1) & 0x1F) << 16);
    Wo::at(octospi + 0x100).write(ONE_LINE);
    Wo::at(octospi + 0x108).write(DUMMY_CYCLES);
    Wo::at(octospi + 0x110).write(FAST_READ);
    Wo::at(octospi).write(EN_MAPPED);
}

/// Resets unit and interface: keys, locks and mapping are gone. Their clocks go off.
#[inline(always)]
pub fn reset(number: u32) {
    AHB3RSTR.modify(0, clocks(number));
    AHB3RSTR.modify(clocks(number), 0);
    AHB3ENR.modify(clocks(number), 0);
}

/// Loads and enables a region, in the order of the manual. False if the unit holds another key than the one that was
/// written, which its CRC tells; the region then stays disabled.
#[inline(always)]
pub fn configure(setup: &Setup) -> bool {
    let base = region_base(setup.number);
    let config = Rw::at(base);
    // The mode first: changing it takes the key away.
    let mode = (setup.mode & 3) << MODE_SHIFT;
    config.write(mode);
    let (k0, k1, k2, k3) = setup.key;
    Wo::at(base + 0x14).write(k0);
    Wo::at(base + 0x18).write(k1);
    Wo::at(base + 0x1C).write(k2);
    Wo::at(base + 0x20).write(k3);
    Wo::at(base + 0x0C).write(setup.nonce.0);
    Wo::at(base + 0x10).write(setup.nonce.1);
    Wo::at(base + 0x04).write(setup.first);
    Wo::at(base + 0x08).write(setup.last);
    if (config.read() >> 8) & 0xFF != key_crc(setup.key) {
        return false;
    }
    let version = setup.version << VERSION_SHIFT;
    config.write(mode | version);
    config.write(mode | version | REG_EN);
    true
}

/// Locks key and configuration of a region until the next reset. True once both read back as locked.
#[inline(always)]
pub fn lock(number: u32) -> bool {
    let config = Rw::at(region_base(number));
    // One write: after CONFIGLOCK the register takes no other.
    config.modify(0, CONFIGLOCK | KEYLOCK);
    Ro::at(region_base(number)).read() & (CONFIGLOCK | KEYLOCK) == CONFIGLOCK | KEYLOCK
}

/// Encrypts `ram` in place as the memory at `address` (word-aligned) has to hold it. The unit is open and the region
/// configured; only code in the open part of RSS is obeyed.
#[inline(always)]
pub fn encrypt(number: u32, address: u32, ram: RamWindow) {
    let control = Wo::at(unit_base(number));
    control.write(ENC);
    let mut index = 0;
    while index < ram.size() / 4 {
        // What is written comes back encrypted from the same address; nothing reaches the memory chip.
        let place = Rw::at(address + 4 * index);
        place.write(ram.read(index));
        ram.write(index, place.read());
        index += 1;
    }
    control.write(0);
}

/// The KEYCRC that the unit shows for a key: CRC-8, polynomial 0x07, over the masked words.
#[inline(always)]
pub fn key_crc(key: (u32, u32, u32, u32)) -> u32 {
    let first = crc_word(key.0 ^ 0xAA55_AA55);
    let second = crc_word(key.1 ^ mask(0x03, first));
    let third = crc_word(key.2 ^ mask(0x18, second));
    crc_word(key.3 ^ mask(0xC0, third))
}

#[inline(always)]
fn mask(strobe: u32, crc: u32) -> u32 {
    strobe << 24 | crc << 16 | strobe << 8 | crc
}

#[inline(always)]
fn crc_word(word: u32) -> u32 {
    let mut crc = 0;
    let mut bits = word;
    let mut left = 32;
    while left > 0 {
        let carry = ((crc >> 7) ^ (bits >> 31)) & 1;
        crc = ((crc << 1) ^ (0x07 * carry)) & 0xFF;
        bits <<= 1;
        left -= 1;
    }
    crc ^ 0x55
}

/// Memory of a caller of the ROM: `length` bytes (a multiple of 4, not 0) at a word-aligned address in RAM, outside of the
/// window in which the ROM itself works.
#[inline(always)]
pub fn caller_ram(address: u32, length: u32) -> Option<RamWindow> {
    let region = Region::checked(Address::new(address), Size::new(length))?;
    let usable = length != 0 && length.is_multiple_of(4) && memory::is_ram(address, length);
    (usable && !region.overlaps(rss::WINDOW)).then_some(RamWindow::new(region))
}

/// Copies `length` bytes of a caller's memory into the request block from word `index` on, each word read once. False,
/// with nothing copied, when they are not [`caller_ram`].
#[inline(always)]
pub fn take_argument(address: u32, length: u32, index: u32) -> bool {
    if caller_ram(address, length).is_none() {
        return false;
    }
    let mut offset = 0;
    while offset < length {
        memory::REQUEST.write(index + offset / 4, read_argument(address + offset));
        offset += 4;
    }
    true
}
