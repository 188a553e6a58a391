//! The order of an update: finish, examine, install, commit, verify.

use core::mem::swap;

use ironroot_codes::{Code, boot as codes};
use ironroot_image::HEADER_LEN;
use ironroot_image::trailer::{Mode, SavedKeys, TrailerLayout};

use super::areas::{Area, Areas};
use super::cipher::Decrypted;
use super::copy::{Copy, Which};
use super::flash::{Flash, MAX_WRITE_SIZE};
use super::judge::{Facts, Judge, Question};
use super::layout::Geometry;
use super::report::{Action, ImageReport, Report, UpdateError, Updated};
use super::swap::Next;
use super::trailer::Kind;
use super::work::Work;
use super::{Counters, ImageConfig, MAX_IMAGES, System, set_policy};

/// What is known of one image at this boot.
#[derive(Clone, Copy, Default)]
pub(super) struct Task {
    /// The swap that is being made; in overwrite-only, the installation.
    running: Option<Kind>,
    /// What is to be begun.
    pub wanted: Option<Kind>,
    /// The image that it is about,
    pub update: Facts,
    /// and the bytes of the larger image.
    size: u32,
    /// The request that is to be taken back.
    refused: Option<Kind>,
    /// The counter of the image in the primary slot, as it was verified.
    counter: Option<u32>,
}

// With a frame of its own: in that of its caller, which is large, each access would take a longer instruction.
#[inline(never)]
pub(super) fn run(system: &mut System<'_, '_>, judge: &mut dyn Judge) -> Result<Updated, UpdateError> {
    let mut report = Report::begin(system.images);
    let (image, failed) = attempts(system, judge, &mut report);
    // Two things that must agree: nothing was found wrong, and what was verified last, the image that is started, was
    // accepted.
    match (failed, judge.take()) {
        (None, Some(image)) => Ok(Updated { report, image }),
        (failed, _) => {
            Err(UpdateError { code: failed.unwrap_or(codes::SELF_CHECK_FAILED), image: image as u8, report })
        }
    }
}

/// One attempt, and after a test image that does not even verify a second one, which reverts it. The image that was worked
/// on last, and what is wrong.
fn attempts(
    system: &mut System<'_, '_>,
    judge: &mut dyn Judge,
    report: &mut Report,
) -> (usize, Option<Code>) {
    let System { images, scratch, counters, content_keys, buffer, .. } = system;
    let keys = *content_keys;
    let count = images.len();
    // Whole units.
    let len = buffer.len() / MAX_WRITE_SIZE as usize * MAX_WRITE_SIZE as usize;
    let buffer = buffer.get_mut(..len).unwrap_or_default();
    let wrong = |image| (image, Some(codes::UPDATE_LAYOUT));
    let Some((first, rest)) = images.split_first_mut().filter(|_| count <= MAX_IMAGES && len != 0) else {
        return wrong(0);
    };
    let scratch = scratch.as_mut().map(|scratch| &mut **scratch as &mut dyn Flash);
    let Some(mut work) = Work::new(first, scratch, keys) else { return wrong(0) };
    work.buffer = buffer;
    let mut engine = Engine {
        work,
        task: Task::default(),
        found: Facts::default(),
        at: 0,
        count,
        parked: [const { None }; PARKED],
        counters: &mut **counters,
        judge,
        report,
    };
    for (index, slots) in (1..).zip(rest) {
        // The scratch area goes round, and comes back.
        let [.., scratch] = &mut engine.work.areas.flash;
        let other = Work::new(slots, scratch.take(), keys);
        let (Some(other), Some(parked)) = (other, engine.parked.get_mut(index)) else { return wrong(index) };
        let Work { areas: Areas { mut flash, layout, .. }, config, geometry, .. } = other;
        let [.., back] = &mut flash;
        *scratch = back.take();
        *parked = Some(Parked { flash, layout, config, geometry, task: Task::default() });
    }
    let _ = engine.attempt() || engine.attempt();
    (engine.at, engine.work.areas.failed)
}

/// Room for the images that are not worked on.
const PARKED: usize = if MAX_IMAGES == 1 { 0 } else { MAX_IMAGES };

/// What is kept of an image that is not worked on.
struct Parked<'e> {
    flash: [Option<&'e mut dyn Flash>; 3],
    layout: TrailerLayout,
    config: &'e mut ImageConfig,
    geometry: Geometry,
    task: Task,
}

/// The engine, at work on one image at a time.
pub(super) struct Engine<'e> {
    pub work: Work<'e>,
    pub task: Task,
    /// The image that was verified last.
    found: Facts,
    /// The image that is worked on: the one that an error is about.
    at: usize,
    count: usize,
    /// The others.
    parked: [Option<Parked<'e>>; PARKED],
    counters: &'e mut dyn Counters,
    judge: &'e mut dyn Judge,
    report: &'e mut Report,
}

impl Engine<'_> {
    /// The images, by number.
    pub fn images(&self) -> core::ops::Range<usize> {
        // A constant for the compiler, where there is only one.
        0..if MAX_IMAGES == 1 { 1 } else { self.count }
    }

    /// Turns to an image. The scratch area, of which there is one for all, stays. After a failure, so does the image that this
    /// is about.
    pub fn select(&mut self, index: usize) {
        if !self.work.areas.are_well() {
            return;
        }
        let Some(mut other) = self.parked.get_mut(index).and_then(Option::take) else { return };
        let Work { areas: Areas { flash, layout, .. }, config, geometry, image, .. } = &mut self.work;
        for (here, there) in flash.iter_mut().take(2).zip(&mut other.flash) {
            swap(here, there);
        }
        swap(layout, &mut other.layout);
        swap(config, &mut other.config);
        swap(geometry, &mut other.geometry);
        swap(&mut self.task, &mut other.task);
        *image = index as u8;
        if let Some(parked) = self.parked.get_mut(self.at) {
            *parked = Some(other);
        }
        self.at = index;
    }

    /// What is reported of the image.
    pub fn report(&mut self) -> &mut ImageReport {
        self.report.of_image(self.at)
    }

    /// `false`: an unconfirmed image does not verify, and the trailers say "revert".
    fn attempt(&mut self) -> bool {
        for index in self.images() {
            self.select(index);
            self.task = Task::default();
            let mut least = None;
            if self.work.config.require_counter {
                match self.counters.get(self.work.image) {
                    Ok(counter) => least = Some(counter),
                    Err(error) => self.work.areas.fail(error.code()),
                }
            }
            set_policy(&mut self.work.config.policy, least);
        }
        let finishing = self.resume();
        self.examine(finishing);
        self.check_dependencies();
        self.install();
        self.commit();
        !self.work.areas.are_well() || self.conclude()
    }

    /// Makes the steps that are left of every swap in progress. The one whose plan is in the scratch area comes first: the
    /// others use that area too. Whether any of them installs something.
    fn resume(&mut self) -> bool {
        let mut finishing = false;
        for home in ORDER {
            for index in self.images() {
                self.select(index);
                if self.task.running.is_none()
                    && let Next::Resume(found) = self.work.next()
                    && (MAX_IMAGES == 1 || found == *home)
                {
                    self.work.steps(found);
                    self.done(self.work.plan.kind, true);
                    finishing |= self.work.plan.kind != Kind::Revert;
                }
            }
        }
        finishing
    }

    /// Looks at every request: what may be installed, and what is refused. Images that were installed in one step are
    /// committed one after the other: as long as one is not (`finishing`), the others are not tests that failed.
    fn examine(&mut self, finishing: bool) {
        for index in self.images() {
            self.select(index);
            if self.task.running.is_some() {
                continue;
            }
            let Next::Start(kind) = self.work.next() else { continue };
            if MAX_IMAGES > 1 && kind == Kind::Revert && finishing {
                continue;
            }
            match self.candidate(kind) {
                Ok(()) => self.task.wanted = Some(kind),
                Err(code) => self.refuse(kind, code),
            }
        }
    }

    /// The image in the secondary slot is not installed.
    fn refuse(&mut self, kind: Kind, code: Code) {
        let mode = self.work.mode();
        // MCUboot begins to swap while the request still stands: what is bad then is half of a swap.
        if mode == Mode::SwapScratch && self.work.was_begun_elsewhere() {
            self.work.steps(Area::Primary);
            self.done(self.work.plan.kind, true);
            return;
        }
        if self.work.is_requested() {
            self.task.refused = Some(kind);
        }
        // Not what is left of an update that is installed already, and was being erased.
        if mode != Mode::OverwriteOnly || !self.same_header() {
            let code = if kind == Kind::Revert { codes::UPDATE_NO_WAY_BACK } else { code };
            self.report().refused = Some(code);
        }
    }

    /// Takes note of what was done.
    fn done(&mut self, kind: Kind, resumed: bool) {
        self.task.running = Some(kind);
        self.task.wanted = None;
        if !self.work.areas.are_well() {
            return;
        }
        let report = self.report();
        report.resumed |= resumed;
        report.action = match kind {
            Kind::Test => Action::Testing,
            Kind::Permanent => Action::Installed,
            Kind::Revert => Action::Reverted,
        };
        if kind == Kind::Revert {
            report.reverted.get_or_insert(codes::UPDATE_NOT_CONFIRMED);
        }
    }

    /// The image in the secondary slot, if it may be installed.
    fn candidate(&mut self, kind: Kind) -> Result<(), Code> {
        self.verify(Area::Secondary, kind)?;
        let update = &mut self.task.update;
        *update = self.found;
        let installed = self.work.facts(Area::Primary, 0).unwrap_or_default();
        if self.work.config.prevent_downgrade && kind != Kind::Revert && update.version < installed.version {
            return Err(codes::UPDATE_DOWNGRADE);
        }
        // The old image has to be encrypted again when it leaves the primary slot, and the trailer has room for keys of one
        // length.
        let room = match self.work.layout().keys() {
            SavedKeys::Sealed(room) => room,
            _ => 0,
        };
        let fits = |len| len == 0 || len == room;
        if self.work.swaps() && !(fits(update.sealed_len) && fits(installed.sealed_len)) {
            return Err(codes::UPDATE_KEY_UNAVAILABLE);
        }
        self.task.size = update.size.max(installed.size);
        Ok(())
    }

    /// Verifies the image in the primary slot, where it is always plain; or the one in the secondary slot where it lies for
    /// this kind of swap, decrypting it on the way.
    fn verify(&mut self, area: Area, kind: Kind) -> Result<(), Code> {
        let Self { work, judge, found, .. } = self;
        let offset = if area == Area::Secondary { work.secondary_offset(kind) } else { 0 };
        let mut cipher = None;
        // What does not even parse is refused below, with its code.
        if super::ENCRYPTS
            && area == Area::Secondary
            && work.config.policy.encrypted
            && let Some(image) = work.facts(area, offset)
        {
            work.open_update(offset, &image)?;
            cipher = work.ciphers.last().and_then(Option::as_ref);
        }
        let (limits, header_size) = (work.limits(), work.config.header_size);
        let question = Question { limits, header_size, policy: &work.config.policy };
        let view = work.areas.view(area, offset);
        match cipher {
            Some(cipher) => judge.judge(&Decrypted { view, cipher, keys: work.keys }, &question, found),
            None => judge.judge(&view, &question, found),
        }
    }

    /// Installs what is wanted; reverts first, so that a cut leaves no group of which one half is reverted and the other
    /// half new.
    fn install(&mut self) {
        for home in ORDER {
            for index in self.images() {
                self.select(index);
                let Some(kind) = self.task.wanted else { continue };
                if MAX_IMAGES == 1 || (kind == Kind::Revert) == (*home == Area::Scratch) {
                    self.begin(kind);
                    self.done(kind, false);
                }
            }
        }
    }

    /// Begins an update and makes all its steps.
    fn begin(&mut self, kind: Kind) {
        if self.work.swaps() {
            self.work.make_plan(kind, self.task.size);
            let home = self.work.set_up();
            self.work.steps(home);
            return;
        }
        let update = self.task.update;
        let is_installed =
            self.same_header() && self.verify(Area::Primary, kind).is_ok() && self.found.hash == update.hash;
        if !is_installed {
            self.overwrite(kind, &update);
        }
    }

    /// Copies the image of the secondary slot, as it was verified, over the primary. From the end to the start: as long as
    /// it is not complete, there is no image in the primary slot.
    fn overwrite(&mut self, kind: Kind, image: &Facts) {
        let from = self.work.secondary_offset(kind);
        let size = image.size;
        if super::ENCRYPTS
            && let Err(code) = self.work.open_update(from, image)
        {
            return self.work.areas.fail(code);
        }
        self.work.areas.clear_trailer(Area::Primary);
        self.work.areas.erase(Area::Primary, 0, size);
        let mut end = size;
        while end != 0 {
            let start = if end > HEAD { end.saturating_sub(PART).max(HEAD) / HEAD * HEAD } else { 0 };
            self.work.copy(&Copy {
                from: (Area::Secondary, from.wrapping_add(start)),
                to: (Area::Primary, start),
                len: end.wrapping_sub(start),
                recode: Some((Which::New, start)),
            });
            end = start;
        }
    }

    /// Completes every swap whose steps are done. Only now, when all of them are: a test that is committed alone would be
    /// reverted at the next boot while the rest of its group is installed.
    fn commit(&mut self) {
        for index in self.images() {
            self.select(index);
            if let (Some(kind), true) = (self.task.running, self.work.swaps()) {
                self.work.finish(kind);
            }
        }
    }

    /// Verifies every primary slot; then, and not before, takes back what was refused and raises the counters.
    fn conclude(&mut self) -> bool {
        // Image 0 last: the proof that is kept is its.
        for index in self.images().rev() {
            self.select(index);
            if let Err(code) = self.verify(Area::Primary, Kind::Test) {
                if self.reverts(code) {
                    return false;
                }
                if !self.bootstrap() {
                    self.work.areas.fail(code);
                    return true;
                }
            }
            self.report().version = self.found.version;
            self.task.counter = self.found.counter;
        }
        for index in self.images() {
            self.select(index);
            if let Some(kind) = self.task.refused {
                self.work.clear_secondary(kind);
            }
            // The counter first: while the secondary slot is erased, the request may still stand.
            self.settle();
            if self.work.mode() == Mode::OverwriteOnly && self.task.running.is_some() {
                self.work.clear_secondary(Kind::Permanent);
            }
        }
        true
    }

    /// The image in the primary slot does not verify. Whether it is a test that can be reverted.
    fn reverts(&mut self, code: Code) -> bool {
        let unconfirmed = self.work.swaps() && self.work.is_unconfirmed();
        let report = self.report();
        let reverts =
            unconfirmed && report.reverted.is_none() && report.refused != Some(codes::UPDATE_NO_WAY_BACK);
        if reverts {
            report.reverted = Some(code);
        }
        reverts
    }

    /// The image in the primary slot does not verify, but the secondary slot may have an image that is good.
    fn bootstrap(&mut self) -> bool {
        // swap-offset has two places for an image: that of an update, and that of an old image.
        let places = match self.work.mode() {
            _ if !self.work.config.bootstrap => 0,
            Mode::SwapOffset => 2,
            _ => 1,
        };
        for kind in [Kind::Test, Kind::Revert].into_iter().take(places) {
            if self.verify(Area::Secondary, kind).is_ok() {
                let image = self.found;
                self.overwrite(kind, &image);
                if let Err(code) = self.verify(Area::Primary, kind) {
                    self.work.areas.fail(code);
                    return false;
                }
                self.work.clear_request();
                let report = self.report();
                report.action = Action::Bootstrapped;
                report.refused = None;
                return true;
            }
        }
        false
    }

    /// Raises the counter to that of the image in the primary slot, if the image is there to stay: from then on nothing
    /// can ask for an older one.
    fn settle(&mut self) {
        let confirmed = !self.work.swaps() || !self.work.is_unconfirmed();
        let mut refused = None;
        if let (true, Some(least), Some(counter)) = (
            confirmed && self.work.areas.are_well(),
            self.work.config.policy.min_security_counter,
            self.task.counter,
        ) && counter > least
        {
            // The image is good, and refusing it would lock out a device whose store is full.
            refused = self.counters.raise(self.work.image, counter).err().map(super::CounterError::code);
        }
        let report = self.report();
        report.confirmed = confirmed;
        report.counter = refused;
    }

    /// Whether both slots begin with the same header.
    fn same_header(&mut self) -> bool {
        let (mut first, mut second) = ([0; HEADER_LEN], [0; HEADER_LEN]);
        let areas = &mut self.work.areas;
        areas.read(Area::Primary, 0, &mut first)
            && areas.read(Area::Secondary, 0, &mut second)
            && first == second
    }
}

/// The passes over the images: first those that use the scratch area, and reverts.
const ORDER: &[Area] = if MAX_IMAGES == 1 { &[Area::Primary] } else { &[Area::Scratch, Area::Primary] };

/// Bytes that are written last: the header without its padding.
const HEAD: u32 = HEADER_LEN as u32;

/// What is copied forward at a time; the parts are copied backward.
const PART: u32 = 4096;
