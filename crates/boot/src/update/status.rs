//! The status: one entry for each step of a swap, written when the step is complete.
//!
//! An entry is one write unit, so it is never written twice; it counts as written as soon as it is anything but erased.
//! An entry that cannot be read was being written, and it is written only when its step is complete.

use ironroot_image::trailer::TrailerLayout;

use super::flash::{Flash, FlashError};
use super::trailer::{read_field, write_field};

/// The status in one area: where its first entry is.
#[derive(Clone, Copy)]
pub(crate) struct Status {
    /// Distance of the first entry before the end of the area.
    start: u32,
    unit: u32,
}

impl Status {
    /// The status in the trailer of a primary slot.
    pub const fn of_slot(layout: &TrailerLayout) -> Self {
        Self { start: layout.status(), unit: layout.write_size() }
    }

    /// The status in the trailer of the scratch area.
    pub const fn of_scratch(layout: &TrailerLayout) -> Self {
        Self { start: layout.scratch_size(), unit: layout.write_size() }
    }

    /// How many of the `len` entries from `first` on are done: the number of the last written one, and one.
    pub fn done(&self, flash: &dyn Flash, first: u32, len: u32) -> Result<u32, FlashError> {
        for entry in (0..len).rev() {
            if self.is_written(flash, first.saturating_add(entry))? {
                return Ok(entry.saturating_add(1));
            }
        }
        Ok(0)
    }

    fn is_written(&self, flash: &dyn Flash, entry: u32) -> Result<bool, FlashError> {
        let mut byte = [0];
        let readable = read_field(flash, self.distance(entry)?, &mut byte)?;
        Ok(!readable || byte != [flash.erased_value()])
    }

    /// Notes that a step is complete. `state` is what MCUboot writes: which step of its sector it was, from 1.
    pub fn write(&self, flash: &mut dyn Flash, entry: u32, state: u8) -> Result<(), FlashError> {
        let distance = self.distance(entry)?;
        write_field(flash, distance, &[state])
    }

    fn distance(&self, entry: u32) -> Result<u32, FlashError> {
        entry
            .checked_mul(self.unit)
            .and_then(|skip| self.start.checked_sub(skip))
            .ok_or(FlashError::OutOfBounds)
    }
}
