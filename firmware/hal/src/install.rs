//! What the installer of encrypted firmware has of its own: RAM to collect in, the device's identity, and the note in flash that says
//! how far an installation came.
#![allow(unsafe_code)] // the claim of RAM

use core::ops::Range;

use crate::area::InternalFlash;
use crate::reg::Ro;
use crate::scb;
use ironroot_boot::{Flash, FlashError};
use ironroot_layout::stm32h735::rss::{self, INSTALL_NOTE, identity};
use ironroot_layout::stm32h735::{ERASED, EXTERNAL_SECTOR, FLASH, FLASH_WORD, OCTOSPI1};
use ironroot_layout::{Address, Region, Size};

/// Length of a certificate.
pub const CERTIFICATE_LEN: usize = rss::CERTIFICATE.size().bytes() as usize;
const WORD: usize = FLASH_WORD.bytes() as usize;

/// All user flash.
pub const USER_FLASH: InternalFlash = InternalFlash::new(FLASH);

/// The table and the buffer of the installer, zeroed.
///
/// # Safety
/// Called once, by a program whose objects and stack lie outside of both regions.
pub unsafe fn claim_buffers() -> (&'static mut [u8], &'static mut [u8]) {
    // SAFETY: RAM of this chip, aligned, without a Rust object in it; the regions do not overlap, and the caller vouches for the rest.
    // Writing before a slice is made: RAM after power-on is not initialised.
    let claim = |region: Region| unsafe {
        let (start, length) = (region.start().value() as *mut u8, region.size().bytes() as usize);
        core::ptr::write_bytes(start, 0, length);
        core::slice::from_raw_parts_mut(start, length)
    };
    (claim(rss::INSTALLER_TABLE), claim(rss::INSTALLER_BUFFER))
}

/// The private key of this device, big-endian; `None` if it has none. Readable for code in the secure part of system flash only.
pub fn device_key() -> Option<[u8; 32]> {
    let base = rss::IDENTITY.start().value();
    if Ro::at(base).read() != identity::MAGIC || Ro::at(base + 4).read() != identity::VERSION {
        return None;
    }
    let mut key = [0; 32];
    for (at, bytes) in (base + identity::AT_KEY..).step_by(4).zip(key.as_chunks_mut::<4>().0) {
        *bytes = Ro::at(at).read().to_le_bytes();
    }
    Some(key)
}

/// The device certificate, whatever is there.
pub fn certificate() -> [u8; CERTIFICATE_LEN] {
    let mut certificate = [0; CERTIFICATE_LEN];
    for (at, bytes) in (rss::CERTIFICATE.start().value()..).step_by(4).zip(certificate.as_chunks_mut::<4>().0)
    {
        *bytes = Ro::at(at).read().to_le_bytes();
    }
    certificate
}

/// How far an installation came, by the note at the end of user flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// No installation, or none that got so far that anything was written.
    None,
    /// Begun and not complete: what is in flash must not run.
    UnderWay,
    /// Complete.
    Complete,
}

/// "IRINSTAL" and "IRCOMPLT", each followed by the package's id, a word, and the sum of all words before, complemented.
const UNDER_WAY: [u32; 2] = [u32::from_le_bytes(*b"IRIN"), u32::from_le_bytes(*b"STAL")];
const COMPLETE: [u32; 2] = [u32::from_le_bytes(*b"IRCO"), u32::from_le_bytes(*b"MPLT")];

/// Words of a flash word.
const WORDS: u32 = FLASH_WORD.bytes() / 4;

/// What one flash word of the note holds.
struct Held {
    /// Its magic and its sum are right.
    valid: bool,
    /// It is erased.
    erased: bool,
    /// The word before the sum.
    value: u32,
}

/// Reads one flash word of the note. Register by register, without arrays: this also runs in a part of system flash that
/// may not call what an array would be compared or filled with.
#[inline(always)]
fn read(index: u32, magic: [u32; 2]) -> Held {
    let base = INSTALL_NOTE.start().value() + index * FLASH_WORD.bytes();
    let (mut sum, mut value, mut erased, mut right) = (0, 0, true, true);
    let mut word = 0;
    crate::flash::clear_flags();
    while word < WORDS {
        let Some(content) = scb::probe(|| Ro::at(base + 4 * word).read()) else {
            crate::flash::clear_flags();
            return Held { valid: false, erased: false, value: 0 };
        };
        erased = erased && content == u32::from_le_bytes([ERASED; 4]);
        if word == 0 {
            right = content == magic[0];
        } else if word == 1 {
            right = right && content == magic[1];
        } else if word == WORDS - 2 {
            value = content;
        } else if word == WORDS - 1 {
            right = right && content == !sum;
        }
        sum = add(sum, content);
        word += 1;
    }
    crate::flash::clear_flags();
    Held { valid: right, erased, value }
}

#[inline(always)]
const fn add(sum: u32, word: u32) -> u32 {
    sum.rotate_left(5) ^ word
}

/// Reads the note.
///
/// A first word that cannot be read was being written when the power went, and everything else was erased before: so it is no
/// note, and nothing is there that could run. A second one that cannot be read is not complete. Whatever is in the third takes
/// the note of a complete installation back.
#[inline(always)]
pub fn note() -> Note {
    if !read(0, UNDER_WAY).valid {
        return Note::None;
    }
    let complete = read(1, COMPLETE);
    if complete.valid && read(2, COMPLETE).erased { Note::Complete } else { Note::UnderWay }
}

/// What of the external flash the noted installation uses, in whole sectors; `None` for nothing, or without a note. What an
/// interrupted one left there is erased with the rest: it is plain content of a package.
pub fn note_external() -> Option<Region> {
    let noted = read(0, UNDER_WAY);
    let (first, count) = (noted.value & 0xFFFF, noted.value >> 16);
    let unit = EXTERNAL_SECTOR.bytes();
    let start = Address::new(OCTOSPI1.start().value().checked_add(first * unit)?);
    let region = Region::checked(start, Size::new(count * unit))?;
    (noted.valid && count != 0 && OCTOSPI1.contains_region(region)).then_some(region)
}

/// The whole sectors that hold `external`, as a note counts them: the first, and in the upper half how many.
fn sectors(external: Range<u32>) -> u32 {
    let unit = EXTERNAL_SECTOR.bytes();
    if external.is_empty() {
        return 0;
    }
    let first = external.start.wrapping_sub(OCTOSPI1.start().value()) / unit;
    let end = external.end.wrapping_sub(OCTOSPI1.start().value()).div_ceil(unit);
    (first & 0xFFFF) | end.wrapping_sub(first) << 16
}

fn write(index: u32, magic: [u32; 2], package: &[u8; 16], value: u32) -> Result<(), FlashError> {
    let mut words = [magic[0], magic[1], 0, 0, 0, 0, value, 0];
    for (word, bytes) in words.iter_mut().skip(2).zip(package.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    words[7] = !words.iter().take(7).fold(0, |sum, word| add(sum, *word));
    let mut bytes = [0; WORD];
    for (place, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    let offset = INSTALL_NOTE.start().value() - FLASH.start().value() + index * FLASH_WORD.bytes();
    let mut flash = USER_FLASH;
    flash.write(offset, &bytes)
}

/// Notes that an installation begins, which uses these addresses of the external flash. User flash is erased.
pub fn note_begin(package: &[u8; 16], external: Range<u32>) -> Result<(), FlashError> {
    write(0, UNDER_WAY, package, sectors(external))
}

/// Notes that it is complete.
pub fn note_complete(package: &[u8; 16]) -> Result<(), FlashError> {
    write(1, COMPLETE, package, 0)
}

/// Takes the note of a complete installation back, before its flash is erased.
pub fn note_withdraw() -> Result<(), FlashError> {
    write(2, [0; 2], &[0; 16], 0)
}
