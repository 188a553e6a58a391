//! swap-move: the old image is moved up by one unit, then the images change places unit by unit.
//!
//! | entries | step of entry `n` |
//! |---|---|
//! | `0..units` | old unit `units - 1 - n` moves up by one in the primary slot |
//! | `M + 2i` | new unit `i`: secondary to primary |
//! | `M + 2i + 1` | old unit `i`: primary, one up, to secondary |
//!
//! `M` is the most sectors a slot can have. The source of a step is not touched before its entry is written, so a step
//! that was cut short is made again from its erase.

use super::areas::Area;
use super::copy::{Copy, Which};
use super::work::Work;

impl Work<'_> {
    pub fn swap_move(&mut self) {
        let unit = self.geometry.unit;
        let units = self.units();
        let entries = units.saturating_mul(2);
        let first_swap = self.layout().max_sectors();
        let swapped = self.areas.done(Area::Primary, first_swap, entries);
        let moved = if swapped == 0 { self.areas.done(Area::Primary, 0, units) } else { units };
        for entry in moved..units {
            let from = units.saturating_sub(1).saturating_sub(entry).saturating_mul(unit);
            let to = from.saturating_add(unit);
            self.move_unit((Area::Primary, from), (Area::Primary, to), None);
            self.areas.note(Area::Primary, entry, 1);
        }

        if swapped >= entries {
            return;
        }
        let old = if swapped < 2 { (Area::Primary, unit) } else { (Area::Secondary, 0) };
        let new = if swapped < 1 { (Area::Secondary, 0) } else { (Area::Primary, 0) };
        self.load_ciphers(Area::Primary, old, new);
        for entry in swapped..entries {
            let at = (entry / 2).saturating_mul(unit);
            if entry % 2 == 0 {
                self.move_unit((Area::Secondary, at), (Area::Primary, at), Some((Which::New, at)));
            } else {
                let moved = at.saturating_add(unit);
                self.move_unit((Area::Primary, moved), (Area::Secondary, at), Some((Which::Old, at)));
            }
            self.areas.note(Area::Primary, first_swap.saturating_add(entry), entry % 2 + 1);
        }
    }

    /// How many units the swap of the plan reaches into.
    pub fn units(&self) -> u32 {
        self.plan.size.div_ceil(self.geometry.unit.max(1))
    }

    /// Moves one unit to where another one was.
    pub fn move_unit(&mut self, from: (Area, u32), to: (Area, u32), recode: Option<(Which, u32)>) {
        let len = self.geometry.unit;
        self.replace(len, &Copy { from, to, len, recode });
    }
}
