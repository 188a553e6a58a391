//! The cells: what is programmed, what is unreadable, and what a cut leaves of them.

use ironroot_boot::update::Sector;

use super::{Action, CIPHER_BLOCK, Effect, Geometry, Operation};
use crate::rng::Rng;

const ERASED: u8 = 0;
const WRITTEN: u8 = 1;
const UNREADABLE: u8 = 2;

/// Why units are not programmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// One was programmed before and may not be again.
    Twice,
    /// The last erase of their sector was cut short. Some may read as erased, and none is.
    Unfinished,
    /// Behind the cipher, a part of a block.
    PartOfBlock,
    /// There are no such units.
    Outside,
}

impl Refused {
    /// In words, after "a unit at …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Twice => "was programmed again without an erase",
            Self::Unfinished => "was programmed after an erase that did not come to its end",
            Self::PartOfBlock => "is a part of a block of the cipher",
            Self::Outside => "is outside",
        }
    }
}

/// The cells of one area. Behind the cipher they are kept as they are read, so not as they are in the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    bytes: Vec<u8>,
    /// What each unit went through; empty if nothing depends on it.
    units: Vec<u8>,
    unreadable: u32,
    /// For each sector, whether its last erase was cut short.
    unfinished: Vec<bool>,
}

impl Cells {
    /// An erased area.
    pub fn erased(geometry: &Geometry) -> Cells {
        let units = if geometry.keeps_units() { geometry.units() } else { 0 };
        let mut cells = Cells {
            bytes: vec![geometry.erased; geometry.size() as usize],
            units: vec![ERASED; units],
            unreadable: 0,
            unfinished: vec![false; geometry.sectors().len()],
        };
        cells.blank(geometry, 0..geometry.size() as usize);
        cells
    }

    /// The bytes, readable or not.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether every unit of the range can be read.
    pub fn readable(&self, geometry: &Geometry, offset: u32, len: u32) -> bool {
        if self.unreadable == 0 || len == 0 {
            return true;
        }
        let range = (offset / geometry.unit) as usize..=((offset + len - 1) / geometry.unit) as usize;
        self.units.get(range).is_some_and(|units| units.iter().all(|unit| *unit != UNREADABLE))
    }

    /// Whether the whole range reads as erased.
    pub fn is_erased(&self, geometry: &Geometry, offset: u32, len: u32) -> bool {
        self.readable(geometry, offset, len)
            && self
                .bytes
                .get(offset as usize..(offset + len) as usize)
                .is_some_and(|bytes| bytes.iter().all(|byte| *byte == geometry.erased))
    }

    fn copy_from(&mut self, other: &Cells) {
        self.bytes.copy_from_slice(&other.bytes);
        self.units.copy_from_slice(&other.units);
        self.unfinished.copy_from_slice(&other.unfinished);
        self.unreadable = other.unreadable;
    }

    /// Makes bytes read as erased ones do: behind the cipher, as noise.
    fn blank(&mut self, geometry: &Geometry, range: std::ops::Range<usize>) {
        let sealed = geometry.noise.len().clamp(range.start, range.end);
        let (noise, plain) = (range.start..sealed, sealed..range.end);
        if let (Some(cells), Some(noise)) = (self.bytes.get_mut(noise.clone()), geometry.noise.get(noise)) {
            cells.copy_from_slice(noise);
        }
        if let Some(cells) = self.bytes.get_mut(plain) {
            cells.fill(geometry.erased);
        }
    }

    fn set_unit(&mut self, unit: usize, state: u8) {
        if let Some(place) = self.units.get_mut(unit) {
            self.unreadable -= u32::from(*place == UNREADABLE);
            self.unreadable += u32::from(state == UNREADABLE);
            *place = state;
        }
    }

    /// Programs whole units.
    pub(super) fn program(&mut self, geometry: &Geometry, offset: u32, data: &[u8]) -> Result<(), Refused> {
        let (start, end) = (offset as usize, offset as usize + data.len());
        let reached = |sector: &Sector| (sector.offset as usize) < end && sector.end() as usize > start;
        let mut sectors = geometry.sectors().iter().zip(&self.unfinished);
        if sectors.any(|(sector, unfinished)| *unfinished && reached(sector)) {
            return Err(Refused::Unfinished);
        }
        let sealed = geometry.noise.len().clamp(start, end) - start;
        if sealed != 0 && !(start.is_multiple_of(CIPHER_BLOCK) && sealed.is_multiple_of(CIPHER_BLOCK)) {
            return Err(Refused::PartOfBlock);
        }
        let unit = geometry.unit as usize;
        let once = if geometry.write_once { data.len() } else { sealed } / unit;
        if let Some(states) = self.units.get_mut(start / unit..end / unit) {
            if states.iter().take(once).any(|state| *state != ERASED) {
                return Err(Refused::Twice);
            }
            // Without write-once an unreadable unit stays so: only an erase makes it good.
            for state in states.iter_mut().filter(|state| **state == ERASED) {
                *state = WRITTEN;
            }
        }
        let cells = self.bytes.get_mut(start..end).ok_or(Refused::Outside)?;
        let (whole, rest) = data.split_at(once * unit);
        let (first, second) = cells.split_at_mut(whole.len());
        first.copy_from_slice(whole);
        for (cell, byte) in second.iter_mut().zip(rest) {
            *cell = merged(*cell, *byte, geometry.erased);
        }
        Ok(())
    }

    /// Erases the sector `index`. False if there is none.
    pub(super) fn erase(&mut self, geometry: &Geometry, index: u32) -> bool {
        let Some(sector) = geometry.sector(index) else { return false };
        if let Some(unfinished) = self.unfinished.get_mut(index as usize) {
            *unfinished = false;
        }
        self.blank(geometry, sector.offset as usize..sector.end() as usize);
        if !self.units.is_empty() {
            let unit = geometry.unit;
            let units = (sector.offset / unit) as usize..((sector.offset + sector.size) / unit) as usize;
            if self.unreadable != 0 {
                let broken = self.units[units.clone()].iter().filter(|u| **u == UNREADABLE).count();
                self.unreadable -= broken as u32;
            }
            self.units[units].fill(ERASED);
        }
        true
    }

    /// A unit in which each bit is the old or the new one.
    fn mix(&mut self, geometry: &Geometry, unit: usize, new: &[u8], rng: &mut Rng) {
        let size = geometry.unit as usize;
        let cells = &mut self.bytes[unit * size..(unit + 1) * size];
        let mut changed = false;
        for (chunk, new) in cells.chunks_mut(8).zip(new.chunks(8)) {
            let choice = rng.long().to_le_bytes();
            for ((cell, new), choice) in chunk.iter_mut().zip(new).zip(choice) {
                let mixed = *cell & choice | new & !choice;
                changed |= mixed != *cell;
                *cell = mixed;
            }
        }
        // Programming that left nothing behind: nobody could tell, and the next program succeeds. An erase is another matter:
        // its sector is unfinished.
        let cells = &self.bytes[unit * size..(unit + 1) * size];
        if cells.iter().all(|byte| *byte == geometry.erased) {
            self.set_unit(unit, ERASED);
        } else if changed {
            self.set_unit(unit, WRITTEN);
        }
    }

    /// Behind the cipher, a block of which some bits changed.
    fn scramble(&mut self, geometry: &Geometry, at: usize, rng: &mut Rng) {
        let block = at..at + CIPHER_BLOCK;
        if let Some(cells) = self.bytes.get_mut(block.clone()) {
            cells.fill_with(|| rng.word() as u8);
        }
        let unit = geometry.unit as usize;
        (block.start / unit..block.end / unit).for_each(|unit| self.set_unit(unit, WRITTEN));
    }

    /// What the cut leaves of an operation.
    pub(super) fn interrupt(&mut self, geometry: &Geometry, action: &Action, effect: Effect, rng: &mut Rng) {
        match (effect, action) {
            (Effect::Before, _) => {}
            (Effect::After, _) => self.apply(geometry, action),
            (_, Action::Write { offset, data }) => self.interrupt_write(geometry, *offset, data, effect, rng),
            (_, Action::Erase { sector }) => {
                if let Some(sector) = geometry.sector(*sector) {
                    self.interrupt_erase(geometry, sector, effect, rng);
                }
            }
        }
        if let (Action::Erase { sector }, true) = (action, effect != Effect::Before)
            && let Some(unfinished) = self.unfinished.get_mut(*sector as usize)
        {
            *unfinished = true;
        }
    }

    /// What an operation does with the power on. What may not be done at all is convicted where it is asked for.
    fn apply(&mut self, geometry: &Geometry, action: &Action) {
        match action {
            Action::Write { offset, data } => {
                let _ = self.program(geometry, *offset, data);
            }
            Action::Erase { sector } => {
                self.erase(geometry, *sector);
            }
        }
    }

    /// Some pieces whole, then one that was being programmed; where the part programs a page at once, the rest of the page.
    fn interrupt_write(
        &mut self,
        geometry: &Geometry,
        offset: u32,
        data: &[u8],
        effect: Effect,
        rng: &mut Rng,
    ) {
        let (unit, start) = (geometry.unit as usize, offset as usize);
        let sealed = geometry.noise.len().clamp(start, start + data.len()) - start;
        let blocks = sealed / CIPHER_BLOCK;
        let count = blocks + (data.len() - sealed) / unit;
        let whole = match effect {
            Effect::Half if count > 1 => 1 + rng.below(count - 1),
            _ => rng.below(count),
        };
        let done = if whole < blocks { whole * CIPHER_BLOCK } else { sealed + (whole - blocks) * unit };
        let _ = self.program(geometry, offset, data.get(..done).unwrap_or_default());
        match effect {
            Effect::Torn => {
                let page = geometry.page.max(geometry.unit) as usize;
                let mut at = start + done;
                let end = (start + data.len()).min(at / page * page + page).max(at + 1);
                let mut first = true;
                while at < end {
                    if at < start + sealed {
                        // Of the others each may be old, new or neither.
                        match if first { 0 } else { rng.below(3) } {
                            0 => self.scramble(geometry, at, rng),
                            1 => {}
                            _ => {
                                let block = data.get(at - start..at - start + CIPHER_BLOCK);
                                let _ = self.program(geometry, at as u32, block.unwrap_or_default());
                            }
                        }
                        at += CIPHER_BLOCK;
                    } else {
                        let mut new = data[at - start..at - start + unit].to_vec();
                        if !geometry.write_once {
                            let old = &self.bytes[at..at + unit];
                            new.iter_mut()
                                .zip(old)
                                .for_each(|(new, old)| *new = merged(*old, *new, geometry.erased));
                        }
                        self.mix(geometry, at / unit, &new, rng);
                        at += unit;
                    }
                    first = false;
                }
            }
            Effect::Broken => self.set_unit((start + done) / unit, UNREADABLE),
            _ => {}
        }
    }

    fn interrupt_erase(&mut self, geometry: &Geometry, sector: Sector, effect: Effect, rng: &mut Rng) {
        let unit = geometry.unit as usize;
        let blank = vec![geometry.erased; unit];
        let (mut at, end) = (sector.offset as usize, sector.end() as usize);
        while at < end {
            let choice = match effect {
                Effect::Torn => 2,
                Effect::Broken => 3,
                _ => rng.below(if geometry.ecc { 4 } else { 3 }),
            };
            let is_sealed = at < geometry.noise.len();
            let piece = if is_sealed { CIPHER_BLOCK } else { unit };
            let units = at / unit..(at + piece) / unit;
            match choice {
                0 => {}
                1 => {
                    self.blank(geometry, at..at + piece);
                    units.for_each(|unit| self.set_unit(unit, ERASED));
                }
                2 if is_sealed => self.scramble(geometry, at, rng),
                // An unreadable unit stays so until an erase has come to its end.
                2 if self.units.get(units.start) != Some(&UNREADABLE) => {
                    self.mix(geometry, units.start, &blank, rng);
                }
                2 => {}
                _ => units.for_each(|unit| self.set_unit(unit, UNREADABLE)),
            }
            at += piece;
        }
    }
}

/// What programming `new` over `old` gives where a unit may be programmed again: bits leave the erased state, never return.
fn merged(old: u8, new: u8, erased: u8) -> u8 {
    if erased == 0 { old | new } else { old & new }
}

/// Every area of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// One entry for each area.
    pub areas: Vec<Cells>,
}

impl Store {
    /// All areas erased.
    pub fn erased(geometries: &[Geometry]) -> Store {
        Store { areas: geometries.iter().map(Cells::erased).collect() }
    }

    /// Becomes `other`, which has the same areas, without allocating.
    pub fn copy_from(&mut self, other: &Store) {
        for (mine, theirs) in self.areas.iter_mut().zip(&other.areas) {
            mine.copy_from(theirs);
        }
    }

    /// What `operation` does with the power on.
    pub fn apply(&mut self, geometries: &[Geometry], operation: &Operation) {
        if let (Some(cells), Some(geometry)) =
            (self.areas.get_mut(operation.area), geometries.get(operation.area))
        {
            cells.apply(geometry, &operation.action);
        }
    }

    /// What a cut with this effect leaves of `operation`.
    pub fn interrupt(
        &mut self,
        geometries: &[Geometry],
        operation: &Operation,
        effect: Effect,
        rng: &mut Rng,
    ) {
        if let (Some(cells), Some(geometry)) =
            (self.areas.get_mut(operation.area), geometries.get(operation.area))
        {
            cells.interrupt(geometry, &operation.action, effect, rng);
        }
    }
}
