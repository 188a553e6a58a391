//! Filling a slot up to its end: what is written where erased flash and a trailer would be.

use alloc::vec::Vec;

use super::{BuildError, Sink};
use crate::trailer::{FLAG_SET, TrailerLayout, magic_bytes};

/// imgtool's `--pad` and `--confirm`: the slot behind an image, with the trailer that requests an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// Size of the slot.
    pub slot_size: u32,
    /// The system's trailer.
    pub layout: TrailerLayout,
    /// What erased flash reads as.
    pub erased: u8,
    /// Whether the image is confirmed already: the update is permanent. Means nothing without swaps, where every update
    /// is; the flag is then left alone, as imgtool does.
    pub confirm: bool,
}

impl Padding {
    /// Whether an image of this size leaves room for the trailer.
    pub fn check(&self, image_size: u32) -> Result<(), BuildError> {
        match image_size.checked_add(self.layout.imgtool_size()) {
            Some(needed) if needed <= self.slot_size => Ok(()),
            _ => Err(BuildError::TooLarge),
        }
    }

    /// Writes everything behind an image of this size, to the end of the slot.
    pub fn write(&self, image_size: u32, out: &mut Sink<'_>) -> Result<(), BuildError> {
        self.check(image_size)?;
        // The piece from image_ok to the end is one string; before it is nothing but erased bytes.
        let mut end = alloc::vec![self.erased; self.layout.image_ok() as usize];
        if let (true, Some(flag)) = (self.confirm && self.layout.mode().swaps(), end.first_mut()) {
            *flag = FLAG_SET;
        }
        let magic = self.layout.magic_bytes();
        let at = end.len().saturating_sub(magic.len());
        for (to, from) in end.iter_mut().skip(at).zip(magic) {
            *to = from;
        }
        let mut room = (self.slot_size - image_size) as usize - end.len();
        let erased = [self.erased; 4096];
        while room != 0 {
            let piece = erased.get(..room.min(erased.len())).unwrap_or(&erased);
            out(piece).map_err(|_| BuildError::Output)?;
            room -= piece.len();
        }
        out(&end).map_err(|_| BuildError::Output)
    }
}

/// Fills with erased bytes (0xff) to the end of the slot and writes the trailer magic there.
///
/// `max_align` is the largest write size of the system's flashes (8, 16 or 32), `trailer` the room of the whole trailer,
/// which the image must leave free.
pub fn pad_to_slot(
    image: &mut Vec<u8>,
    slot_size: u32,
    trailer: u32,
    max_align: u16,
) -> Result<(), BuildError> {
    if !matches!(max_align, 8 | 16 | 32) {
        return Err(BuildError::Align);
    }
    let magic = magic_bytes(u32::from(max_align));
    let size = usize::try_from(slot_size).map_err(|_| BuildError::TooLarge)?;
    let trailer = usize::try_from(trailer).map_err(|_| BuildError::TooLarge)?.max(magic.len());
    match image.len().checked_add(trailer) {
        Some(needed) if needed <= size => {}
        _ => return Err(BuildError::TooLarge),
    }
    image.resize(size.saturating_sub(magic.len()), 0xFF);
    image.extend_from_slice(&magic);
    Ok(())
}
