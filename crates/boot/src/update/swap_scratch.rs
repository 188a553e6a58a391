//! swap-scratch: the images change places through the scratch area, group by group of sectors, from the last to the first.
//!
//! | entry | step of group `i` |
//! |---|---|
//! | `3i` | new: secondary to scratch |
//! | `3i + 1` | old: primary to secondary |
//! | `3i + 2` | new: scratch to primary |
//!
//! Where the images leave no sector to the trailer alone, the first group shares its sectors with the trailers of both
//! slots, and the plan cannot be in the primary slot while that group is swapped. It is in the scratch area then:
//!
//! 1. scratch: data, then the plan behind it, the magic last. Until then nothing else was touched: begin again.
//! 2. secondary: erased (with the request) and filled from the primary.
//! 3. primary: erased, filled from scratch, then the plan, the magic last. From then on the plan in the primary counts.
//!
//! MCUboot writes the plan in the scratch area before the data. Here it is the other way round, because to begin step 1
//! again means to erase scratch, and a half-erased plan must not look like a complete one.

use super::areas::Area;
use super::copy::{Copy, Which};
use super::plan::Keys;
use super::work::Work;

impl Work<'_> {
    /// Makes every step that is left. `home` is where the status is.
    pub fn swap_scratch(&mut self, mut home: Area) {
        let (mut end, shared) = self.swap_end(self.plan.size);
        let mut entries: u32 = 0;
        let mut start = end;
        while start != 0 {
            start = self.areas.group_start(start);
            entries = entries.wrapping_add(3);
        }
        let mut done = self.areas.done(home, 0, if home == Area::Scratch { 2 } else { entries });
        if home == Area::Scratch && done == 0 {
            // The plan stands behind the data, which is complete with it.
            self.areas.note(home, 0, 1);
            done = 1;
        }
        if home == Area::Primary && shared && done < 3 {
            // The plan is in the primary slot, so the group that shares its sectors is complete.
            if done == 2 {
                self.areas.note(home, 2, 3);
            }
            done = 3;
        }
        if done >= entries {
            return;
        }

        // The headers are in the last group.
        let last = entries.wrapping_sub(3);
        let new = if done <= last { (Area::Secondary, 0) } else { (Area::Scratch, 0) };
        let old = if done < last.wrapping_add(2) { (Area::Primary, 0) } else { (Area::Secondary, 0) };
        self.load_ciphers(home, old, new);

        let mut first = 0;
        while end != 0 {
            let start = self.areas.group_start(end);
            for entry in done.max(first)..first.wrapping_add(3) {
                let state = entry.wrapping_sub(first);
                self.step(state, start, end);
                if home == Area::Scratch && state == 2 {
                    self.areas.note(Area::Primary, 0, 1);
                    self.areas.note(Area::Primary, 1, 2);
                    self.write_plan(Area::Primary, Keys::Scratch);
                    home = Area::Primary;
                }
                self.areas.note(home, entry, state.wrapping_add(1));
            }
            end = start;
            first = first.wrapping_add(3);
        }
    }

    /// Begins a swap whose first group shares its sectors with the trailers, up to the plan in the scratch area.
    pub fn set_up_shared(&mut self) {
        let (end, _) = self.swap_end(self.plan.size);
        let start = self.areas.group_start(end);
        self.step(0, start, end);
        self.write_plan(Area::Scratch, Keys::Images);
    }

    /// One of the three steps of a group.
    ///
    /// Ours keep the new image encrypted in the scratch area, which may be outside of the chip. MCUboot's have it plain there.
    fn step(&mut self, state: u32, start: u32, end: u32) {
        // Without the trailer, where the group has one.
        let len = end.min(self.room()).saturating_sub(start);
        let group = end.wrapping_sub(start);
        let (scratch, secondary, primary) =
            ((Area::Scratch, 0), (Area::Secondary, start), (Area::Primary, start));
        let new = Some((Which::New, start));
        let (into_scratch, out_of_scratch) = if self.plan.tag != 0 { (None, new) } else { (new, None) };
        let (room, from, to, recode) = match state {
            0 => (u32::MAX, secondary, scratch, into_scratch),
            1 => (group, primary, secondary, Some((Which::Old, start))),
            _ => (group, scratch, primary, out_of_scratch),
        };
        self.replace(room, &Copy { from, to, len, recode });
    }

    /// How many bytes of a slot are not its trailer.
    fn room(&mut self) -> u32 {
        self.areas.field(Area::Primary, self.layout().size())
    }

    /// Where a swap of `size` bytes begins, and whether its first group shares its sectors with the trailers: the end of the
    /// last sector, in both slots, that the bytes reach into; or the end of the slots, if that sector is one of the
    /// trailers'.
    pub fn swap_end(&mut self, size: u32) -> (u32, bool) {
        let slot = self.areas.size(Area::Primary);
        let (end, _) = self.areas.boundaries(Area::Primary, Area::Secondary, size, slot);
        if end <= self.geometry.trailers { (end, false) } else { (slot, true) }
    }
}
