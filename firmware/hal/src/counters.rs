//! The security counters: a log of flash words in the secure area, which is never erased.
//!
//! An entry is one flash word, little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `IRSC` |
//! | 4 | 4 | image number |
//! | 8 | 4 | value |
//! | 12 | 12 | the complements of the three |
//! | 24 | 8 | zero |
//!
//! The counter of an image is the largest value of its entries. A power cut leaves at most one entry that fails ECC or whose
//! complements do not match (a bit that has not moved is 1 in both); it is skipped, and the next raise takes the next word.
//! So a counter is what it was or what it was to become, and never less.

use ironroot_boot::{CounterError, Counters, FlashError};
use ironroot_layout::Region;
use ironroot_layout::stm32h735::{COUNTER_LOG, ERASED, FLASH_WORD};

use crate::area;

const MAGIC: u32 = u32::from_le_bytes(*b"IRSC");
const ENTRY: usize = FLASH_WORD.bytes() as usize;

/// The log of [`COUNTER_LOG`].
#[derive(Clone, Copy, Default)]
pub struct CounterLog;

/// What a flash word of the log holds.
enum Word {
    Erased,
    Entry {
        image: u32,
        value: u32,
    },
    /// Cut off while it was written.
    Broken,
}

impl CounterLog {
    const REGION: Region = COUNTER_LOG;

    /// Addresses of the flash words, in the order of writing.
    fn addresses() -> impl Iterator<Item = u32> {
        (Self::REGION.start().value()..Self::REGION.end().value()).step_by(ENTRY)
    }

    fn read(address: u32) -> Result<Word, CounterError> {
        let mut bytes = [0; ENTRY];
        match area::read(address, &mut bytes) {
            Ok(()) => Ok(decode(&bytes)),
            Err(FlashError::Unreadable) => Ok(Word::Broken),
            Err(_) => Err(CounterError::Unreadable),
        }
    }
}

impl Counters for CounterLog {
    fn get(&self, image: u8) -> Result<u32, CounterError> {
        let mut highest = 0;
        for address in Self::addresses() {
            match Self::read(address)? {
                Word::Entry { image: of, value } if of == u32::from(image) => highest = highest.max(value),
                _ => {}
            }
        }
        Ok(highest)
    }

    fn raise(&mut self, image: u8, to: u32) -> Result<(), CounterError> {
        if self.get(image)? >= to {
            return Ok(());
        }
        for address in Self::addresses() {
            if !matches!(Self::read(address)?, Word::Erased) {
                continue;
            }
            // A word may look erased and not be: it was cut off before a bit had moved. Then this fails ECC, and the
            // next one is taken.
            area::program(address, &encode(image.into(), to)).map_err(|_| CounterError::Failed)?;
            if let Word::Entry { image: of, value } = Self::read(address)?
                && (of, value) == (image.into(), to)
            {
                return Ok(());
            }
        }
        Err(CounterError::Full)
    }
}

fn encode(image: u32, value: u32) -> [u8; ENTRY] {
    let fields = [MAGIC, image, value, !MAGIC, !image, !value, 0, 0];
    let mut bytes = [0; ENTRY];
    for (target, field) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
        *target = field.to_le_bytes();
    }
    bytes
}

fn decode(bytes: &[u8; ENTRY]) -> Word {
    if *bytes == [ERASED; ENTRY] {
        return Word::Erased;
    }
    let mut fields = [0; ENTRY / 4];
    for (field, bytes) in fields.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *field = u32::from_le_bytes(*bytes);
    }
    let [magic, image, value, ..] = fields;
    if magic == MAGIC && fields == [magic, image, value, !magic, !image, !value, 0, 0] {
        Word::Entry { image, value }
    } else {
        Word::Broken
    }
}
