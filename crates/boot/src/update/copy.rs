//! Copying between areas.
//!
//! 1. What cannot be read is not written: the unit stays erased in the copy. Images were verified before they are moved, so
//!    this is what lies behind them, or an old image that was damaged before the update began.
//! 2. What is erased is not written either: the unit is erased already, and stays writable.
//! 3. The payload of an encrypted image is encrypted on its way into the secondary slot and decrypted on its way out of
//!    it, so that it is never plain there.

use core::ops::Range;

use super::flash::{self, Flash, FlashError, MAX_WRITE_SIZE, is_erased};
use super::work::{Area, Work};
use ironroot_crypto::{ContentKey, ContentKeys};

/// How the payload of one image is encrypted.
#[derive(Clone)]
pub(crate) struct Cipher {
    pub key: ContentKey,
    /// Where the payload is, from the start of the image.
    pub payload: Range<u32>,
}

impl Cipher {
    /// Encrypts or decrypts the part of `piece` that is payload; `offset` is that of `piece` in the image.
    pub fn apply(&self, keys: &dyn ContentKeys, offset: u32, piece: &mut [u8]) {
        let end = offset.saturating_add(piece.len() as u32);
        let (from, to) = (self.payload.start.max(offset), self.payload.end.min(end));
        if from >= to {
            return;
        }
        let (skip, stop) = (from.saturating_sub(offset), to.saturating_sub(offset));
        if let Some(part) = piece.get_mut(skip as usize..stop as usize) {
            keys.apply(&self.key, from.saturating_sub(self.payload.start), part);
        }
    }
}

/// The two images of a swap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that was in the primary slot when it began.
    Old,
    New,
}

/// A copy from one area into an erased range of another one, or of the same.
#[derive(Clone, Copy)]
pub(crate) struct Copy {
    pub from: (Area, u32),
    pub to: (Area, u32),
    pub len: u32,
    /// Which image's payload is encrypted or decrypted on the way, and where in that image the copy begins.
    pub recode: Option<(Which, u32)>,
}

impl Work<'_> {
    /// Erases `room` bytes of the target, then makes the copy.
    pub fn replace(&mut self, room: u32, copy: &Copy) {
        let (target, start) = copy.to;
        self.erase(target, start, room);
        if !(self.drop_old && matches!(copy.recode, Some((Which::Old, _)))) {
            self.copy(copy);
        }
    }

    /// Makes a copy.
    pub fn copy(&mut self, copy: &Copy) {
        let buffer = core::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < copy.len && self.is_well() {
            let room = buffer.len().min(copy.len.saturating_sub(done) as usize);
            let piece = buffer.get_mut(..room).unwrap_or_default();
            self.copy_piece(copy, done, piece);
            done = done.saturating_add(room as u32);
        }
        self.buffer = buffer;
    }

    fn copy_piece(&mut self, copy: &Copy, done: u32, piece: &mut [u8]) {
        let blank = self.area(copy.to.0).map_or(0, |target| target.erased_value());
        let from = copy.from.1.saturating_add(done);
        self.on(copy.from.0, |source| read(source, from, piece, blank));
        if let Some((which, offset)) = copy.recode {
            self.recode(which, offset.saturating_add(done), piece);
        }
        let to = copy.to.1.saturating_add(done);
        self.on(copy.to.0, |target| write(target, to, piece));
    }
}

/// Reads; what is unreadable becomes `blank`, in pieces as small as the flash can tell apart.
fn read(source: &dyn Flash, from: u32, piece: &mut [u8], blank: u8) -> Result<(), FlashError> {
    if flash::read(source, from, piece)? {
        return Ok(());
    }
    let unit = source.write_size().clamp(1, MAX_WRITE_SIZE);
    let mut offset = from;
    for part in piece.chunks_mut(unit as usize) {
        if !flash::read(source, offset, part)? {
            part.fill(blank);
        }
        offset = offset.saturating_add(unit);
    }
    Ok(())
}

/// Writes the units of `piece` that are not erased, each run of them at once.
fn write(target: &mut dyn Flash, to: u32, piece: &[u8]) -> Result<(), FlashError> {
    let unit = target.write_size().clamp(1, MAX_WRITE_SIZE) as usize;
    let (mut start, mut end) = (0_usize, 0_usize);
    loop {
        let next = piece.len().min(end.saturating_add(unit));
        let part = piece.get(end..next).unwrap_or_default();
        // The end is no unit, so it ends the last run.
        if is_erased(target, part) {
            let run = piece.get(start..end).unwrap_or_default();
            flash::write(target, to.saturating_add(start as u32), run)?;
            start = next;
        }
        if part.is_empty() {
            return Ok(());
        }
        end = next;
    }
}
