//! What the trailers say, and how a swap is set up and completed: the tables of docs/update-engine.md.

use ironroot_codes::boot as codes;
use ironroot_image::trailer::Mode;

use super::areas::Area;
use super::plan::Keys;
use super::trailer::{Flag, Info, Kind, Magic};
use super::work::Work;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing was begun and nothing is wanted.
    Nothing,
    /// Go on with the swap of the plan that was read; its status is in this area.
    Resume(Area),
    /// Begin one, if the image in the secondary slot is good.
    Start(Kind),
}

impl Work<'_> {
    /// What the trailers ask for. First match counts.
    pub fn next(&mut self) -> Next {
        let requested = self.is_requested();
        if !self.swaps() {
            // A request is one until the secondary slot is erased.
            return if requested { Next::Start(Kind::Permanent) } else { Next::Nothing };
        }
        let (is_in_scratch, scratch) = (self.read_scratch_plan(), self.plan);
        let begun = self.read_begun();
        if is_in_scratch {
            // The primary trailer takes over when it is complete. Until then it may be that of the last swap, half erased.
            if begun && self.plan.tag == scratch.tag {
                return Next::Resume(Area::Primary);
            }
            self.plan = scratch;
            return Next::Resume(Area::Scratch);
        }
        // The request stands until the plan is complete; from then on the plan decides, because the request is being
        // erased and may have lost its flags.
        if begun && (!requested || self.has_its_flag() && self.is_fresh()) {
            return Next::Resume(Area::Primary);
        }
        match requested {
            true => Next::Start(self.requested()),
            false if self.is_unconfirmed() => Next::Start(Kind::Revert),
            false => Next::Nothing,
        }
    }

    /// Takes up the plan in the primary slot, if there is one and its swap is not complete.
    fn read_begun(&mut self) -> bool {
        self.areas.magic(Area::Primary) == Magic::Good
            && !self.is_set(self.layout().copy_done())
            && self.read_plan(Area::Primary)
    }

    /// Whether image_ok in the primary slot is what the plan has there.
    fn has_its_flag(&mut self) -> bool {
        (self.plan.kind == Kind::Test) != self.is_set(self.layout().image_ok())
    }

    /// Whether a test image waits for its confirmation: swapped in, and not confirmed.
    pub fn is_unconfirmed(&mut self) -> bool {
        self.areas.magic(Area::Primary) == Magic::Good
            && self.is_set(self.layout().copy_done())
            && !self.is_set(self.layout().image_ok())
    }

    /// Whether a flag of the primary slot is set, or at least somebody began to set it.
    fn is_set(&mut self, flag: u32) -> bool {
        self.areas.byte(Area::Primary, flag).is_some()
    }

    /// Sets a flag of the primary slot, unless it is.
    fn set(&mut self, flag: u32) {
        if !self.is_set(flag) {
            self.areas.set_flag(Area::Primary, flag);
        }
    }

    /// Whether there is a request in the secondary slot.
    pub fn is_requested(&mut self) -> bool {
        self.areas.magic(Area::Secondary) == Magic::Good
    }

    /// What the trailer of a secondary slot asks for.
    fn requested(&mut self) -> Kind {
        let offset = self.mode() == Mode::SwapOffset;
        let slot = &mut self.areas;
        let (image_ok, copy_done) = (slot.layout.image_ok(), slot.layout.copy_done());
        match slot.flag(Area::Secondary, image_ok) {
            Flag::Set if !offset && matches!(slot.info(Area::Secondary), Info::Swap(Kind::Revert, _)) => {
                Kind::Revert
            }
            Flag::Set => Kind::Permanent,
            // Damaged: the request was being made permanent. A test is the one that can be undone.
            _ if offset && slot.byte(Area::Secondary, copy_done).is_some() => Kind::Revert,
            _ => Kind::Test,
        }
    }

    /// Takes up the plan in the scratch area, if the first step is made from there: its data is complete.
    fn read_scratch_plan(&mut self) -> bool {
        // Ours is written behind the data. MCUboot's is written before it, and the data is complete with the first entry.
        self.mode() == Mode::SwapScratch
            && self.areas.magic(Area::Scratch) == Magic::Good
            && self.read_plan(Area::Scratch)
            && self.is_shared(self.plan.size)
            && (self.plan.tag != 0 || self.areas.done(Area::Scratch, 0, 3) != 0)
    }

    /// Takes up a swap that MCUboot began: without a tag, and with status. Its request may still stand.
    pub fn was_begun_elsewhere(&mut self) -> bool {
        self.read_begun() && self.plan.tag == 0 && self.steps_done() != 0
    }

    /// How many status entries of the primary slot are done.
    pub fn steps_done(&mut self) -> u32 {
        self.areas.done(Area::Primary, 0, self.layout().status_entries())
    }

    /// Whether an image of this size shares sectors with the trailers, so that the plan of its swap has to be in the scratch
    /// area for a while.
    pub fn is_shared(&mut self, size: u32) -> bool {
        self.mode() == Mode::SwapScratch && self.swap_end(size).1
    }

    /// Begins the swap of the plan: it is written, and once it is complete it decides and the request may go. Where its
    /// status is.
    pub fn set_up(&mut self) -> Area {
        if self.is_shared(self.plan.size) {
            self.set_up_shared();
            return Area::Scratch;
        }
        if self.plan.kind == Kind::Revert && !self.is_requested() {
            // Also if it reads as erased: an erase that was cut short may leave units that only look so. While the primary
            // trailer is made anew, this request remembers the intention.
            self.areas.erase_trailer(Area::Secondary);
            self.write_plan(Area::Secondary, Keys::None);
        }
        self.areas.erase_trailer(Area::Primary);
        self.write_plan(Area::Primary, Keys::Images);
        Area::Primary
    }

    /// Makes every step that is left of the swap of the plan. Where the request has sectors of its own it is erased first:
    /// the plan is complete.
    pub fn steps(&mut self, home: Area) {
        if home == Area::Primary && !self.is_shared(self.plan.size) {
            self.clear_request();
        }
        match self.mode() {
            Mode::SwapScratch if cfg!(feature = "swap-scratch") => self.swap_scratch(home),
            Mode::SwapMove if cfg!(feature = "swap-move") => self.swap_move(),
            Mode::SwapOffset if cfg!(feature = "swap-offset") => self.swap_offset(),
            _ => self.areas.fail(codes::UPDATE_LAYOUT),
        }
    }

    /// The last writes of a swap whose steps are done. `copy_done` comes last: with it, a test begins to wait for its
    /// confirmation.
    pub fn finish(&mut self, kind: Kind) {
        // A plan that is left there would be taken for one in progress; the plain text of an encrypted image has no
        // business there either.
        if self.mode() == Mode::SwapScratch
            && (self.encrypts() || !self.areas.is_blank(Area::Scratch, self.layout().swap_info()))
        {
            self.areas.erase(Area::Scratch, 0, u32::MAX);
        }
        // The unit behind the swap still has the end of the old image, moved up and in the clear. A later swap of a larger
        // image would carry it, as bytes behind an image, to the secondary slot.
        if self.mode() == Mode::SwapMove && self.encrypts() {
            let unit = self.geometry.unit;
            let end = self.units().saturating_mul(unit);
            self.areas.erase(Area::Primary, end, end.saturating_add(unit));
        }
        if kind != Kind::Test {
            self.set(self.layout().image_ok());
        }
        self.set(self.layout().copy_done());
    }

    /// Takes back the request and the image: first the request, so that what is left is not asked for again. The image in
    /// the primary slot was verified.
    pub fn clear_secondary(&mut self, kind: Kind) {
        if self.swaps() && self.read_begun() {
            // A plan of which no step was made, or what is left of an old one: without the request it would be taken up.
            // Where the image shares sectors with the trailer there is no such plan: it is made in the scratch area.
            let size = self.facts(Area::Primary, 0).map_or(u32::MAX, |image| image.size);
            if !self.is_shared(size) {
                self.areas.erase_trailer(Area::Primary);
            }
        }
        self.areas.clear_trailer(Area::Secondary);
        let offset = self.secondary_offset(kind);
        self.areas.erase(Area::Secondary, offset, offset.wrapping_add(1));
    }

    /// Takes back the request only. As long as no step was made, the erase may have been cut short before, and be invisible;
    /// afterwards it is known to be complete.
    pub fn clear_request(&mut self) {
        if !self.swaps() || self.steps_done() == 0 {
            self.areas.erase_trailer(Area::Secondary);
        } else {
            self.areas.clear_trailer(Area::Secondary);
        }
    }
}
