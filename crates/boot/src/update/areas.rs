//! What is done to flash: nothing, after the first failure.
//!
//! Writes and erases are left out then, and reads find nothing. So an operation need not ask whether the one before it
//! failed; [`Areas::failed`] is looked at before anything is concluded.

use ironroot_codes::Code;
use ironroot_image::trailer::TrailerLayout;

use super::flash::{Flash, FlashError, MAX_WRITE_SIZE, View};

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Area {
    Primary,
    Secondary,
    Scratch,
}

/// The areas of an image.
pub(crate) struct Areas<'e> {
    /// By [`Area`]. Only swap-scratch has the third.
    pub flash: [Option<&'e mut dyn Flash>; 3],
    /// Where the fields of their trailers are.
    pub layout: TrailerLayout,
    /// The first failure.
    pub failed: Option<Code>,
}

impl<'e> Areas<'e> {
    /// One area only: an application at its own slot, or at that of its update.
    pub fn only(flash: &'e mut dyn Flash, layout: &TrailerLayout) -> Self {
        Self { flash: [Some(flash), None, None], layout: *layout, failed: None }
    }

    /// The result of what was done.
    pub fn result(&self) -> Result<(), Code> {
        self.failed.map_or(Ok(()), Err)
    }

    /// Whether nothing failed so far.
    pub fn are_well(&self) -> bool {
        self.failed.is_none()
    }

    /// Keeps the first failure.
    #[inline(never)]
    pub fn fail(&mut self, code: Code) {
        self.failed.get_or_insert(code);
    }

    /// An area, as long as nothing failed.
    #[inline(never)]
    fn get(&mut self, area: Area) -> Option<&mut dyn Flash> {
        match self.flash.get_mut(area as usize) {
            Some(Some(flash)) if self.failed.is_none() => Some(&mut **flash),
            _ => None,
        }
    }

    /// Takes note of what became of a write or an erase. What could not be done because something failed before, or because
    /// there is no such area, is a failure of the layout, if it is the first one.
    fn keep(&mut self, result: Option<Result<(), FlashError>>) -> bool {
        let error = match result {
            Some(Ok(())) => return true,
            Some(Err(error)) => error,
            None => FlashError::OutOfBounds,
        };
        self.fail(error.code());
        false
    }

    /// Number of bytes.
    pub fn size(&mut self, area: Area) -> u32 {
        self.get(area).map_or(0, |flash| flash.size())
    }

    /// The smallest programmable unit.
    pub fn unit(&mut self, area: Area) -> u32 {
        self.get(area).map_or(1, |flash| flash.write_size()).clamp(1, MAX_WRITE_SIZE)
    }

    /// The unit in which an image is written, and whether that is a block of a memory cipher, behind which nothing reads as
    /// erased.
    pub fn block(&mut self, area: Area) -> (usize, bool) {
        let unit = self.unit(area);
        let block = match self.get(area) {
            Some(flash) if cfg!(feature = "memory-cipher") => flash.cipher_block().min(MAX_WRITE_SIZE),
            _ => 0,
        };
        (unit.max(block) as usize, block != 0)
    }

    /// What erased bytes read as.
    pub fn erased(&mut self, area: Area) -> u8 {
        self.get(area).map_or(0, |flash| flash.erased_value())
    }

    /// Whether these bytes are as after an erase.
    #[inline(never)]
    pub fn is_erased(&mut self, area: Area, bytes: &[u8]) -> bool {
        let erased = self.erased(area);
        bytes.iter().all(|byte| *byte == erased)
    }

    /// The first and the last offset in `low..=high` at which a sector begins, or the area ends, in both areas; `low` above
    /// `high` if there is none.
    pub fn boundaries(&self, one: Area, other: Area, low: u32, high: u32) -> (u32, u32) {
        let mut found = (u32::MAX, 0);
        let (mut first, mut second) = (0_u32, 0_u32);
        loop {
            let (here, there) = (self.sector_start(one, first), self.sector_start(other, second));
            if here == there && here >= low && here <= high {
                found = (found.0.min(here), here);
            }
            // Behind the last sector both are the end of their area, which `high` is not behind.
            if here >= high && there >= high {
                return found;
            }
            if here <= there {
                first = first.wrapping_add(1);
            }
            if there <= here {
                second = second.wrapping_add(1);
            }
        }
    }

    /// Where a sector begins; behind the last one, the end of the area.
    fn sector_start(&self, area: Area, index: u32) -> u32 {
        match self.flash.get(area as usize) {
            Some(Some(flash)) => flash.sector(index).map_or(flash.size(), |sector| sector.offset),
            _ => u32::MAX,
        }
    }

    /// Fills `bytes`; `false` if what is there is unreadable, which is no failure.
    pub fn read(&mut self, area: Area, offset: u32, bytes: &mut [u8]) -> bool {
        let result = self.get(area).map(|flash| flash.read(offset, bytes));
        result != Some(Err(FlashError::Unreadable)) && self.keep(result)
    }

    /// Writes `bytes`, their last unit filled up with erased ones.
    pub fn write(&mut self, area: Area, offset: u32, bytes: &[u8]) {
        let unit = self.unit(area) as usize;
        self.write_units(area, offset, bytes, unit);
    }

    /// As [`Areas::write`], in units of another size, at most [`MAX_WRITE_SIZE`].
    pub fn write_units(&mut self, area: Area, offset: u32, bytes: &[u8], unit: usize) {
        let (whole, rest) = bytes
            .split_at_checked(bytes.len().checked_div(unit).unwrap_or(0).wrapping_mul(unit))
            .unwrap_or_default();
        self.program(area, offset, whole);
        let mut last = [self.erased(area); MAX_WRITE_SIZE as usize];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let filled = if rest.is_empty() { 0 } else { unit };
        self.program(area, offset.wrapping_add(whole.len() as u32), last.get(..filled).unwrap_or_default());
    }

    fn program(&mut self, area: Area, offset: u32, units: &[u8]) {
        if !units.is_empty() {
            let result = self.get(area).map(|flash| flash.write(offset, units));
            self.keep(result);
        }
    }

    /// Erases every sector that has a byte in `start..end`. The last one first: where a trailer is erased, it has the magic.
    pub fn erase(&mut self, area: Area, start: u32, end: u32) {
        let result = self.get(area).map(|flash| {
            for index in (0..flash.sector_count()).rev() {
                if let Some(sector) = flash.sector(index)
                    && sector.offset < end
                    && sector.end() > start
                {
                    flash.erase(index)?;
                }
            }
            Ok(())
        });
        self.keep(result);
    }

    /// An area from `offset` on, as an image that lies there.
    pub fn view(&self, area: Area, offset: u32) -> View<'_> {
        match self.flash.get(area as usize) {
            Some(Some(flash)) => View::new(&**flash, offset),
            _ => View::NONE,
        }
    }
}
