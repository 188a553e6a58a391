//! Option-byte keys: written and read here, or loaded into SAES without being seen.

use crate::flash;
use crate::reg::Rw;
use ironroot_layout::stm32h7rs::obkeys::{KEYS, WRITE_ONLY_BELOW};

const OBKCR: Rw = Rw::at(0x5200_2110);
const OBKDR: u32 = 0x5200_2118;

const KEYPROG: u32 = 1 << 14;
const KEYSTART: u32 = 1 << 15;
const SIZE_256: u32 = 3 << 10;
const NEXTKL_SHIFT: u32 = 8;
/// OPTISR: no such key, or of another size.
const KVEF: u32 = 1 << 27;
const KTEF: u32 = 1 << 28;
const ERRORS: u32 = KVEF | KTEF | 1 << 30;

/// A key of 256 bits.
pub type Key = [u8; 32];

/// Why a key was not read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is none at this index of this level.
    Absent,
    /// Not that long, an index that no key has, or one that cannot be read.
    Refused,
}

/// For which level a key is written, seen from the level now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum For {
    /// This one.
    This = 0,
    /// The next.
    Next = 1,
    /// The one behind that.
    NextButOne = 2,
}

fn outcome() -> Result<(), Error> {
    let flags = flash::OPTISR.read() & ERRORS;
    flash::OPTICR.write(flags);
    match flags {
        0 => Ok(()),
        KVEF => Err(Error::Absent),
        _ => Err(Error::Refused),
    }
}

fn data(index: u32) -> Rw {
    Rw::at(OBKDR + 4 * index)
}

/// Starts what `control` says, and waits.
fn run(index: u8, control: u32) -> Result<(), Error> {
    if index >= KEYS {
        return Err(Error::Refused);
    }
    flash::OPTICR.write(ERRORS);
    OBKCR.write(u32::from(index) | SIZE_256 | control);
    OBKCR.modify(0, KEYSTART);
    flash::wait_idle();
    while OBKCR.any(KEYSTART) {}
    let result = outcome();
    OBKCR.write(0);
    result
}

/// Reads key `index` of the level now; at least [`WRITE_ONLY_BELOW`].
pub fn read(index: u8) -> Result<Key, Error> {
    if index < WRITE_ONLY_BELOW {
        return Err(Error::Refused);
    }
    flash::unlock_options();
    let result = run(index, 0);
    let mut key = [0; 32];
    // All of them, also after an error: what is left there is left for whoever reads next.
    for (word, bytes) in (0..).zip(key.as_chunks_mut::<4>().0) {
        *bytes = data(word).read().to_le_bytes();
    }
    flash::lock_options();
    result.map(|()| key)
}

/// Reads keys from `index` on into `content`, 32 bytes each.
pub fn read_many(index: u8, content: &mut [Key]) -> Result<(), Error> {
    for (offset, key) in (0..).zip(content) {
        *key = read(index.checked_add(offset).ok_or(Error::Refused)?)?;
    }
    Ok(())
}

/// Sends key `index`, below [`WRITE_ONLY_BELOW`], to SAES, where it is the application key (AHK).
pub fn load(index: u8) -> Result<(), Error> {
    if index >= WRITE_ONLY_BELOW {
        return Err(Error::Refused);
    }
    flash::unlock_options();
    let result = run(index, 0);
    flash::lock_options();
    result
}

/// Writes a key.
pub fn write(index: u8, level: For, key: &Key) -> Result<(), Error> {
    flash::unlock_options();
    flash::OPTCR.modify(0, flash::PG_OPT);
    for (word, bytes) in (0..).zip(key.as_chunks::<4>().0) {
        data(word).write(u32::from_le_bytes(*bytes));
    }
    let result = run(index, KEYPROG | (level as u32) << NEXTKL_SHIFT);
    for word in 0..8 {
        data(word).write(0);
    }
    flash::lock_options();
    result
}
