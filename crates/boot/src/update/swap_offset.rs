//! swap-offset: the update lies one unit up in its slot, so that there is a free unit to swap through.
//!
//! | | step of entry `2i` | step of entry `2i + 1` |
//! |---|---|---|
//! | update, `u = i` | old unit `u`: primary to secondary | new unit `u`: secondary, one up, to primary |
//! | revert, `u = units - 1 - i` | tested unit `u`: primary to secondary, one up | old unit `u`: secondary to primary |
//!
//! The source of a step is not touched before its entry is written.

use super::areas::Area;
use super::copy::Which;
use super::trailer::Kind;
use super::work::Work;

impl Work<'_> {
    pub fn swap_offset(&mut self) {
        let unit = self.geometry.unit;
        let units = self.units();
        let entries = units.saturating_mul(2);
        let done = self.areas.done(Area::Primary, 0, entries);
        let revert = self.plan.kind == Kind::Revert;
        let (old, new) = match revert {
            false if done == 0 => ((Area::Primary, 0), (Area::Secondary, unit)),
            false if done == 1 => ((Area::Secondary, 0), (Area::Secondary, unit)),
            false => ((Area::Secondary, 0), (Area::Primary, 0)),
            // The first unit, with the header, is the last to be swapped.
            true if done.saturating_add(1) < entries => ((Area::Primary, 0), (Area::Secondary, 0)),
            true => ((Area::Secondary, unit), (Area::Secondary, 0)),
        };
        if done < entries {
            self.load_ciphers(Area::Primary, old, new);
        }
        for entry in done..entries {
            let index = if revert { units.saturating_sub(1).saturating_sub(entry / 2) } else { entry / 2 };
            let low = index.saturating_mul(unit);
            let high = low.saturating_add(unit);
            // Where in the secondary slot the image goes that leaves the primary, and where the other comes from.
            let (to, from) = if revert { (high, low) } else { (low, high) };
            if entry % 2 == 0 {
                self.move_unit((Area::Primary, low), (Area::Secondary, to), Some((Which::Old, low)));
            } else {
                self.move_unit((Area::Secondary, from), (Area::Primary, low), Some((Which::New, low)));
            }
            self.areas.note(Area::Primary, entry, entry % 2 + 1);
        }
        if revert {
            // Else the header that is left there would pass for an image to go back to.
            self.areas.erase(Area::Secondary, 0, unit);
        }
    }
}
