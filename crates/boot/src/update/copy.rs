//! Copying between areas.
//!
//! 1. What cannot be read is not written: the unit stays erased in the copy. Images were verified before they are moved, so
//!    this is what lies behind them, or an old image that was damaged before the update began.
//! 2. What is erased is not written either: the unit is erased already, and stays writable.
//! 3. The payload of an encrypted image is encrypted on its way into the secondary slot and decrypted on its way out of
//!    it, so that it is never plain there.

use core::ops::Range;

use super::flash::{Flash, FlashError, MAX_WRITE_SIZE, sector_of};
use ironroot_crypto::{ContentKey, ContentKeys};

/// How the payload of one image is encrypted.
#[derive(Clone)]
pub(crate) struct Cipher<'k> {
    pub keys: &'k dyn ContentKeys,
    pub key: ContentKey,
    /// Where the payload is, from the start of the image.
    pub payload: Range<u32>,
}

impl Cipher<'_> {
    /// Encrypts or decrypts the part of `piece` that is payload; `offset` is that of `piece` in the image.
    pub fn apply(&self, offset: u32, piece: &mut [u8]) {
        let end = offset.saturating_add(piece.len() as u32);
        let (from, to) = (self.payload.start.max(offset), self.payload.end.min(end));
        if from >= to {
            return;
        }
        let (skip, stop) = (from.saturating_sub(offset), to.saturating_sub(offset));
        if let Some(part) = piece.get_mut(skip as usize..stop as usize) {
            self.keys.apply(&self.key, from.saturating_sub(self.payload.start), part);
        }
    }
}

/// What a copy does to the bytes on their way: the cipher of the image, and the offset in it of the first byte copied.
pub(crate) type Recode<'c, 'k> = Option<(&'c Cipher<'k>, u32)>;

/// Copies `len` bytes to an erased range of another area.
pub(crate) fn copy(
    source: &dyn Flash,
    from: u32,
    target: &mut dyn Flash,
    to: u32,
    len: u32,
    buffer: &mut [u8],
    recode: Recode<'_, '_>,
) -> Result<(), FlashError> {
    let mut done = 0;
    while done < len {
        let piece = piece_of(buffer, len.saturating_sub(done))?;
        read(source, from.saturating_add(done), piece, target.erased_value())?;
        if let Some((cipher, offset)) = recode {
            cipher.apply(offset.saturating_add(done), piece);
        }
        write(target, to.saturating_add(done), piece)?;
        done = done.saturating_add(piece.len() as u32);
    }
    Ok(())
}

/// Copies `len` bytes to an erased range of the same area.
pub(crate) fn copy_within(
    flash: &mut dyn Flash,
    from: u32,
    to: u32,
    len: u32,
    buffer: &mut [u8],
) -> Result<(), FlashError> {
    let mut done = 0;
    while done < len {
        let piece = piece_of(buffer, len.saturating_sub(done))?;
        read(flash, from.saturating_add(done), piece, flash.erased_value())?;
        write(flash, to.saturating_add(done), piece)?;
        done = done.saturating_add(piece.len() as u32);
    }
    Ok(())
}

/// The part of the buffer for the next piece: whole units, until the end.
fn piece_of(buffer: &mut [u8], left: u32) -> Result<&mut [u8], FlashError> {
    let unit = MAX_WRITE_SIZE as usize;
    let room = buffer.len() / unit * unit;
    buffer.get_mut(..room.min(left as usize)).filter(|piece| !piece.is_empty()).ok_or(FlashError::OutOfBounds)
}

/// Reads; what is unreadable becomes `blank`, in pieces as small as the flash can tell apart.
fn read(source: &dyn Flash, from: u32, piece: &mut [u8], blank: u8) -> Result<(), FlashError> {
    match source.read(from, piece) {
        Err(FlashError::Unreadable) => {}
        result => return result,
    }
    let unit = source.write_size().clamp(1, MAX_WRITE_SIZE);
    let mut offset = from;
    for part in piece.chunks_mut(unit as usize) {
        match source.read(offset, part) {
            Ok(()) => {}
            Err(FlashError::Unreadable) => part.fill(blank),
            Err(error) => return Err(error),
        }
        offset = offset.saturating_add(unit);
    }
    Ok(())
}

/// Writes the units of `piece` that are not erased, each run of them at once; behind a cipher, all of them.
fn write(target: &mut dyn Flash, to: u32, piece: &[u8]) -> Result<(), FlashError> {
    let unit = write_unit(target);
    let erased = target.erased_value();
    let skips = target.cipher_block() == 0;
    let is_blank = |start: usize| skips && piece.iter().skip(start).take(unit).all(|byte| *byte == erased);
    let mut start = 0;
    while start < piece.len() {
        if is_blank(start) {
            start = start.saturating_add(unit);
            continue;
        }
        let mut end = start.saturating_add(unit);
        while end < piece.len() && !is_blank(end) {
            end = end.saturating_add(unit);
        }
        write_run(
            target,
            to.saturating_add(start as u32),
            piece.get(start..end.min(piece.len())).unwrap_or_default(),
        )?;
        start = end;
    }
    Ok(())
}

/// What of an image is written at least.
fn write_unit(target: &dyn Flash) -> usize {
    target.write_size().max(target.cipher_block()).clamp(1, MAX_WRITE_SIZE) as usize
}

/// Writes bytes of which the last unit may be incomplete.
fn write_run(target: &mut dyn Flash, to: u32, run: &[u8]) -> Result<(), FlashError> {
    let unit = write_unit(target);
    let Some((whole, rest)) = run.split_at_checked(run.len() / unit * unit) else { return Ok(()) };
    if !whole.is_empty() {
        target.write(to, whole)?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let mut last = [target.erased_value(); MAX_WRITE_SIZE as usize];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    target.write(to.saturating_add(whole.len() as u32), last.get(..unit).unwrap_or_default())
}

/// Erases every sector that has a byte in `start..end`.
pub(crate) fn erase(flash: &mut dyn Flash, start: u32, end: u32) -> Result<(), FlashError> {
    let mut index = sector_of(flash, start).ok_or(FlashError::OutOfBounds)?;
    while flash.sector(index).is_some_and(|sector| sector.offset < end) {
        flash.erase(index)?;
        index = index.saturating_add(1);
    }
    Ok(())
}
