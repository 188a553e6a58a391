//! Receiving an image over the console's USART: framed, checked piece by piece, collected in RAM.
//!
//! Host: `IRUP` and the length (4 bytes, little-endian). Then pieces of 256 bytes (the last may be shorter), each with its
//! CRC-32 (4 bytes, little-endian). The device answers [`ACK`] or [`NACK`] to the announcement and to each piece; after
//! NACK the transfer is over. The sums are against noise, not against people: who sent the image says its signature.

use ironroot_codes::{Code, boot as codes};
use ironroot_hal::memory::STAGING;
use ironroot_hal::usart::Console;
use ironroot_image::{ReadAt, ReadError};

/// Taken.
const ACK: u8 = 0x79;
/// Refused; the transfer is over.
const NACK: u8 = 0x1F;
const MAGIC: &[u8; 4] = b"IRUP";
const PIECE: usize = 256;
/// Times that the receiver is asked before it counts as silent: about 100 ms.
const PATIENCE: u32 = 400_000;

/// An image in RAM, of which nothing is known but its length.
pub struct Staged {
    length: u32,
}

impl Staged {
    /// The flash word at `offset`, erased bytes behind the end.
    pub fn flash_word(&self, offset: u32) -> [u32; 8] {
        let mut bytes = [0xFF; 32];
        let length = (self.length - offset.min(self.length)).min(32) as usize;
        if let Some(part) = bytes.get_mut(..length) {
            // Cannot fail: the part ends with the image.
            let _ = self.read_at(offset, part);
        }
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }
}

impl ReadAt for Staged {
    fn len(&self) -> u32 {
        self.length
    }

    fn read_at(&self, offset: u32, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u32::try_from(buffer.len()).map_err(|_| ReadError::OutOfBounds)?;
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(ReadError::OutOfBounds);
        }
        for (at, byte) in (offset..).zip(buffer) {
            *byte = (STAGING.read(at / 4) >> (8 * (at % 4))) as u8;
        }
        Ok(())
    }
}

/// An image, if somebody sends one now. `None`: nobody did.
pub fn receive(console: &mut Console) -> Option<Result<Staged, Code>> {
    console.listen();
    for &expected in MAGIC {
        if byte(console)? != expected {
            return None;
        }
    }
    let result = transfer(console);
    answer(console, if result.is_ok() { ACK } else { NACK });
    Some(result)
}

/// Everything behind the magic. The last answer is the caller's.
fn transfer(console: &mut Console) -> Result<Staged, Code> {
    let length = word(console)?;
    if length == 0 || length > STAGING.size() {
        return Err(codes::UPDATE_TOO_LARGE);
    }
    let mut done = 0;
    while done < length {
        answer(console, ACK);
        let mut piece = [0xFF; PIECE];
        let size = (length - done).min(PIECE as u32);
        let mut sum = u32::MAX;
        for target in piece.iter_mut().take(size as usize) {
            *target = byte(console).ok_or(codes::UPDATE_FRAME)?;
            sum = crc_step(sum, *target);
        }
        if word(console)? != !sum {
            return Err(codes::UPDATE_FRAME);
        }
        for (index, bytes) in (done / 4..).zip(piece.as_chunks::<4>().0) {
            STAGING.write(index, u32::from_le_bytes(*bytes));
        }
        done += size;
    }
    Ok(Staged { length })
}

fn answer(console: &mut Console, answer: u8) {
    console.byte(answer);
    console.flush();
}

fn word(console: &mut Console) -> Result<u32, Code> {
    let mut bytes = [0; 4];
    for target in &mut bytes {
        *target = byte(console).ok_or(codes::UPDATE_FRAME)?;
    }
    Ok(u32::from_le_bytes(bytes))
}

fn byte(console: &mut Console) -> Option<u8> {
    (0..PATIENCE).find_map(|_| console.take())
}

/// CRC-32 as in zip, one byte further.
fn crc_step(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
}
