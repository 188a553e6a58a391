//! Copying between areas.
//!
//! 1. What cannot be read is not written: the unit stays erased in the copy. Images were verified before they are moved, so
//!    this is what lies behind them, or an old image that was damaged before the update began.
//! 2. What is erased is not written either: the unit is erased already, and stays writable.
//! 3. The payload of an encrypted image is encrypted on its way into the secondary slot and decrypted on its way out of
//!    it, so that it is never plain there.

use super::areas::{Area, Areas};
use super::work::Work;

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
        self.areas.erase(target, start, start.saturating_add(room));
        if !(self.drop_old && matches!(copy.recode, Some((Which::Old, _)))) {
            self.copy(copy);
        }
    }

    /// Makes a copy.
    pub fn copy(&mut self, copy: &Copy) {
        let Copy { from, to, len, recode } = *copy;
        let mut done = 0;
        while done < len && self.areas.are_well() {
            let room = self.buffer.len().min(len.wrapping_sub(done) as usize);
            let piece = self.buffer.get_mut(..room).unwrap_or_default();
            self.areas.read_piece(from.0, from.1.wrapping_add(done), piece, to.0);
            if let (true, Some((which, offset))) = (super::ENCRYPTS, recode)
                && let Some(Some(cipher)) = self.ciphers.get(which as usize)
            {
                cipher.apply(self.keys, offset.wrapping_add(done), piece);
            }
            self.areas.write_piece(to.0, to.1.wrapping_add(done), piece);
            done = done.wrapping_add(room as u32);
        }
    }
}

impl Areas<'_> {
    /// Reads; what is unreadable becomes what is erased in `target`, in pieces as small as the flash can tell apart.
    fn read_piece(&mut self, area: Area, from: u32, piece: &mut [u8], target: Area) {
        if self.read(area, from, piece) {
            return;
        }
        let blank = self.erased(target);
        let unit = self.unit(area);
        let mut offset = from;
        for part in piece.chunks_mut(unit as usize) {
            if !self.read(area, offset, part) {
                part.fill(blank);
            }
            offset = offset.wrapping_add(unit);
        }
    }

    /// Writes the units of `piece` that are not erased, each run of them at once; behind a memory cipher all of them.
    fn write_piece(&mut self, area: Area, to: u32, piece: &[u8]) {
        let (unit, ciphered) = self.block(area);
        let (mut start, mut end) = (0_usize, 0_usize);
        loop {
            let next = piece.len().min(end.wrapping_add(unit));
            let part = piece.get(end..next).unwrap_or_default();
            // The end is no unit, and ends the last run.
            if part.is_empty() || (!ciphered && self.is_erased(area, part)) {
                let run = piece.get(start..end).unwrap_or_default();
                self.write_units(area, to.wrapping_add(start as u32), run, unit);
                start = next;
            }
            if part.is_empty() {
                return;
            }
            end = next;
        }
    }
}
