//! The order of an update: finish, examine, install, commit, verify.

use ironroot_codes::{Code, boot as codes};
use ironroot_image::trailer::Mode;
use ironroot_image::{Dialect, Image, Limits, Policy, ReadAt, VerifiedImage, Version};

use super::copy::Cipher;
use super::decision::{Home, Next};
use super::flash::{Flash, MAX_WRITE_SIZE, View};
use super::judge::{Facts, Judge, Question};
use super::layout::{Geometry, geometry};
use super::pair::Pair;
use super::report::{Action, ImageReport, Report, UpdateError, Updated};
use super::trailer::{Kind, Magic, Plan, Trailer};
use super::{ImageConfig, MAX_IMAGES, System, policy_of, swaps};

/// A configuration without its policy: small enough to be copied.
#[derive(Clone, Copy)]
struct Rules {
    mode: Mode,
    dialect: Dialect,
    header_size: Option<u16>,
    require_counter: bool,
    prevent_downgrade: bool,
    bootstrap: bool,
}

impl Rules {
    const fn of(config: &ImageConfig) -> Self {
        Self {
            mode: config.mode,
            dialect: config.dialect,
            header_size: config.header_size,
            require_counter: config.require_counter,
            prevent_downgrade: config.prevent_downgrade,
            bootstrap: config.bootstrap,
        }
    }
}

/// What is known of one image at this boot.
#[derive(Clone, Copy, Default)]
pub(super) struct Task {
    /// The swap that is being made; in overwrite-only, the installation.
    running: Option<Kind>,
    /// What is to be begun.
    pub wanted: Option<Wanted>,
    /// The request that is to be taken back.
    refused: Option<Kind>,
}

#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub kind: Kind,
    /// Bytes of the larger image.
    pub size: u32,
    pub version: Version,
}

pub(super) fn run(system: &mut System<'_, '_>, judge: &mut dyn Judge) -> Result<Updated, UpdateError> {
    let mut images = [ImageReport::default(); MAX_IMAGES];
    for (image, slots) in images.iter_mut().zip(system.images.iter()) {
        image.mode = Some(slots.config.mode);
    }
    let report = Report::of(&images, system.images.len());
    let mut engine =
        Engine { system, geometries: [None; MAX_IMAGES], verified: [None; MAX_IMAGES], judge, report, at: 0 };
    match engine.attempts() {
        Ok(image) => Ok(Updated { report: engine.report, image }),
        Err(code) => Err(UpdateError { code, image: engine.at as u8, report: engine.report }),
    }
}

pub(super) struct Engine<'e, 'a, 'f> {
    system: &'e mut System<'a, 'f>,
    geometries: [Option<Geometry>; MAX_IMAGES],
    /// What was found in the primary slots when they were verified.
    verified: [Option<Facts>; MAX_IMAGES],
    judge: &'e mut dyn Judge,
    pub report: Report,
    /// The image that is being worked on: the one that an error is about.
    at: usize,
}

impl Engine<'_, '_, '_> {
    /// One attempt, and after a test image that does not even verify a second one, which reverts it.
    fn attempts(&mut self) -> Result<VerifiedImage, Code> {
        let count = self.system.images.len();
        if count == 0 || count > MAX_IMAGES || self.system.buffer.len() < MAX_WRITE_SIZE as usize {
            return Err(codes::UPDATE_LAYOUT);
        }
        for (index, (known, slots)) in self.geometries.iter_mut().zip(self.system.images.iter()).enumerate() {
            self.at = index;
            let found =
                geometry(slots.primary, slots.secondary, self.system.scratch.as_deref(), &slots.config);
            *known = found.filter(|_| is_built_in(slots.config.mode));
            if known.is_none() {
                return Err(codes::UPDATE_LAYOUT);
            }
        }
        for _ in 0..2 {
            if let Some(image) = self.attempt()? {
                return Ok(image);
            }
        }
        Err(codes::SELF_CHECK_FAILED)
    }

    /// `None`: an unconfirmed image does not verify, and the trailers say "revert".
    fn attempt(&mut self) -> Result<Option<VerifiedImage>, Code> {
        let mut tasks = [Task::default(); MAX_IMAGES];
        // A constant for the compiler, where there is only one.
        let count = if MAX_IMAGES == 1 { 1 } else { self.system.images.len() };
        let tasks = tasks.get_mut(..count).unwrap_or_default();

        self.resume(tasks)?;
        self.examine(tasks)?;
        self.check_dependencies(tasks)?;
        self.install(tasks)?;
        self.commit(tasks)?;
        self.conclude(tasks)
    }

    fn config(&self, index: usize) -> Result<Rules, Code> {
        let slots = self.system.images.get(index);
        slots.map(|slots| Rules::of(&slots.config)).ok_or(codes::UPDATE_LAYOUT)
    }

    fn geometry(&self, index: usize) -> Result<Geometry, Code> {
        let known = self.geometries.get(index).copied().flatten();
        known.ok_or(codes::UPDATE_LAYOUT)
    }

    pub fn limits(&self, index: usize) -> Result<Limits, Code> {
        Ok(Limits { max_size: self.geometry(index)?.max_size, dialect: self.config(index)?.dialect })
    }

    /// The areas of one image.
    pub fn pair(&mut self, index: usize) -> Result<Pair<'_>, Code> {
        self.at = index;
        let geometry = self.geometry(index)?;
        let System { images, scratch, content_keys, buffer, .. } = &mut *self.system;
        let slots = images.get_mut(index).ok_or(codes::UPDATE_LAYOUT)?;
        let scratch: Option<&mut dyn Flash> = match scratch {
            Some(scratch) if slots.config.mode == Mode::SwapScratch => Some(&mut **scratch),
            _ => None,
        };
        Ok(Pair {
            primary: &mut *slots.primary,
            secondary: &mut *slots.secondary,
            scratch,
            buffer,
            keys: *content_keys,
            geometry,
            dialect: slots.config.dialect,
            image: index as u8,
        })
    }

    fn next(&mut self, index: usize) -> Result<Next, Code> {
        self.pair(index)?.next()
    }

    /// Makes the steps that are left of every swap in progress. The one whose plan is in the scratch area comes first: the
    /// others use that area too.
    fn resume(&mut self, tasks: &mut [Task]) -> Result<(), Code> {
        for home in [Home::Scratch, Home::Primary] {
            for (index, task) in tasks.iter_mut().enumerate() {
                match self.next(index)? {
                    Next::Resume(plan, found) if found == home && task.running.is_none() => {
                        self.steps(index, &plan, found)?;
                        task.running = Some(plan.kind);
                        self.done(index, plan.kind, true);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Looks at every request: what may be installed, and what is refused.
    fn examine(&mut self, tasks: &mut [Task]) -> Result<(), Code> {
        // Images that were installed in one step are committed one after the other: as long as one is not, the others
        // are not tests that failed.
        let finishing = tasks.iter().any(|task| matches!(task.running, Some(Kind::Test | Kind::Permanent)));
        for (index, task) in tasks.iter_mut().enumerate() {
            if task.running.is_some() {
                continue;
            }
            let Next::Start(kind) = self.next(index)? else { continue };
            if kind == Kind::Revert && finishing {
                continue;
            }
            match self.candidate(index, kind) {
                Ok(wanted) => task.wanted = Some(wanted),
                Err(code) => self.refuse(index, kind, code, task)?,
            }
        }
        Ok(())
    }

    /// The image in the secondary slot is not installed.
    fn refuse(&mut self, index: usize, kind: Kind, code: Code, task: &mut Task) -> Result<(), Code> {
        let pair = self.pair(index)?;
        let mode = pair.mode();
        // MCUboot begins to swap while the request still stands: what is bad then is half of a swap.
        if mode == Mode::SwapScratch
            && let Some(plan) = pair.begun_elsewhere()?
        {
            self.steps(index, &plan, Home::Primary)?;
            task.running = Some(plan.kind);
            self.done(index, plan.kind, true);
            return Ok(());
        }
        let layout = pair.layout();
        let requested = Trailer::read(pair.secondary, &layout)?.magic == Magic::Good;
        // What is left of an update that is installed already, and was being erased.
        let leftover = mode == Mode::OverwriteOnly && same_header(pair.primary, pair.secondary);
        if requested {
            task.refused = Some(kind);
        }
        if let Some(report) = self.report.get_mut(index).filter(|_| !leftover) {
            report.refused = Some(if kind == Kind::Revert { codes::UPDATE_NO_WAY_BACK } else { code });
        }
        Ok(())
    }

    /// Takes note of what was done.
    fn done(&mut self, index: usize, kind: Kind, resumed: bool) {
        if let Some(report) = self.report.get_mut(index) {
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
    }

    /// The image in the secondary slot, if it may be installed.
    fn candidate(&mut self, index: usize, kind: Kind) -> Result<Wanted, Code> {
        let update = self.verify(index, Some(kind))?;
        let config = self.config(index)?;
        let pair = self.pair(index)?;
        let installed = parse_primary(&pair);
        let older = installed.is_some_and(|installed| update.version < installed.version);
        if config.prevent_downgrade && kind != Kind::Revert && older {
            return Err(codes::UPDATE_DOWNGRADE);
        }
        // The old image has to be encrypted again when it leaves the primary slot.
        let images = [Some(update), installed];
        if swaps(pair.mode()) && !images.iter().flatten().all(|image| may_be_saved(&pair, image.sealed)) {
            return Err(codes::UPDATE_KEY_UNAVAILABLE);
        }
        let size = update.size.max(installed.map_or(0, |installed| installed.size));
        Ok(Wanted { kind, size, version: update.version })
    }

    /// Verifies the image in the primary slot, where it is always plain; or the one in the secondary slot where it lies for
    /// this kind of swap, decrypting it on the way.
    fn verify(&mut self, index: usize, secondary: Option<Kind>) -> Result<Facts, Code> {
        let policy = self.policy(index)?;
        let config = self.config(index)?;
        let limits = self.limits(index)?;
        let offset = match secondary {
            Some(kind) => self.pair(index)?.secondary_offset(kind),
            None => 0,
        };
        let Self { system, judge, .. } = self;
        let content_keys = system.content_keys;
        let slots = system.images.get(index).ok_or(codes::UPDATE_LAYOUT)?;
        let (flash, keys): (&dyn Flash, _) = match secondary {
            Some(_) => (&*slots.secondary, Some(content_keys)),
            None => (&*slots.primary, None),
        };
        let question = Question { limits, header_size: config.header_size, policy: &policy, keys };
        judge.judge(&View::new(flash, offset), &question)
    }

    fn policy(&self, index: usize) -> Result<Policy, Code> {
        let slots = self.system.images.get(index).ok_or(codes::UPDATE_LAYOUT)?;
        let least = if slots.config.require_counter {
            Some(self.system.counters.get(index as u8).map_err(|error| error.code())?)
        } else {
            None
        };
        Ok(policy_of(&slots.config, least))
    }

    /// Installs what is wanted; reverts first, so that a cut leaves no group of which one half is reverted and the other
    /// half new.
    fn install(&mut self, tasks: &mut [Task]) -> Result<(), Code> {
        for reverts in [true, false] {
            for (index, task) in tasks.iter_mut().enumerate() {
                let Some(wanted) = task.wanted else { continue };
                if (wanted.kind == Kind::Revert) == reverts {
                    self.begin(index, &wanted)?;
                    task.running = Some(wanted.kind);
                    task.wanted = None;
                    let kind = match self.config(index)?.mode {
                        Mode::OverwriteOnly => Kind::Permanent,
                        _ => wanted.kind,
                    };
                    self.done(index, kind, false);
                }
            }
        }
        Ok(())
    }

    /// Begins an update and makes all its steps.
    fn begin(&mut self, index: usize, wanted: &Wanted) -> Result<(), Code> {
        let pair = self.pair(index)?;
        if !swaps(pair.mode()) {
            return if is_installed(&pair) && self.verify(index, None).is_ok() {
                Ok(())
            } else {
                self.overwrite(index, wanted.kind)
            };
        }
        let mut pair = self.pair(index)?;
        let plan = pair.plan(wanted.kind, wanted.size)?;
        let home = set_up(&mut pair, &plan)?;
        self.steps(index, &plan, home)
    }

    /// Makes every step that is left of a swap.
    fn steps(&mut self, index: usize, plan: &Plan, home: Home) -> Result<(), Code> {
        let mut pair = self.pair(index)?;
        steps(&mut pair, plan, home)
    }

    /// Copies the image of the secondary slot over the primary.
    fn overwrite(&mut self, index: usize, kind: Kind) -> Result<(), Code> {
        let limits = self.limits(index)?;
        let mut pair = self.pair(index)?;
        let offset = pair.secondary_offset(kind);
        let view = View::new(pair.secondary, offset);
        let view: &dyn ReadAt = &view;
        let image = Image::parse(view, limits).map_err(|error| error.code())?;
        let cipher = if cfg!(feature = "encryption") && image.encryption().is_some() {
            let key = ironroot_image::open_key(&image, view, pair.keys).map_err(|error| error.code())?;
            Some(Cipher { keys: pair.keys, key, payload: image.payload() })
        } else {
            None
        };
        let recode = cipher.as_ref().map(|cipher| (cipher, 0));
        super::overwrite::install(&mut pair, offset, image.size(), recode)
    }

    /// Completes every swap whose steps are done. Only now, when all of them are: a test that is committed alone would be
    /// reverted at the next boot while the rest of its group is installed.
    fn commit(&mut self, tasks: &[Task]) -> Result<(), Code> {
        for (index, task) in tasks.iter().enumerate() {
            if let (Some(kind), true) = (task.running, swaps(self.config(index)?.mode)) {
                self.pair(index)?.finish(kind)?;
            }
        }
        Ok(())
    }

    /// Verifies every primary slot; then, and not before, takes back what was refused and raises the counters.
    fn conclude(&mut self, tasks: &[Task]) -> Result<Option<VerifiedImage>, Code> {
        // Image 0 last: the proof that is kept is its.
        for index in (0..tasks.len()).rev() {
            let facts = match self.verify(index, None) {
                Ok(facts) => facts,
                Err(code) => match self.recover(index, code)? {
                    Some(facts) => facts,
                    None => return Ok(None),
                },
            };
            if let (Some(report), Some(verified)) = (self.report.get_mut(index), self.verified.get_mut(index))
            {
                report.version = facts.version;
                *verified = Some(facts);
            }
        }
        let proof = self.judge.take();
        for (index, task) in tasks.iter().enumerate() {
            let mut pair = self.pair(index)?;
            if let Some(kind) = task.refused {
                pair.clear_secondary(kind)?;
            }
            if pair.mode() == Mode::OverwriteOnly && task.running.is_some() {
                // The counter first: while the secondary slot is erased, the request may still stand.
                self.settle(index)?;
                self.pair(index)?.clear_secondary(Kind::Permanent)?;
            } else {
                self.settle(index)?;
            }
        }
        proof.map(Some).ok_or(codes::SELF_CHECK_FAILED)
    }

    /// The image in the primary slot does not verify. A test is reverted (`None`); else the secondary slot may have an
    /// image that is good.
    fn recover(&mut self, index: usize, code: Code) -> Result<Option<Facts>, Code> {
        let config = self.config(index)?;
        let pair = self.pair(index)?;
        let trailer = Trailer::read(pair.primary, &pair.layout()).map_err(|error| error.code())?;
        let report = self.report.get_mut(index);
        if let Some(report) = report
            && swaps(config.mode)
            && trailer.is_unconfirmed()
            && report.reverted.is_none()
            && report.refused != Some(codes::UPDATE_NO_WAY_BACK)
        {
            report.reverted = Some(code);
            return Ok(None);
        }
        if config.bootstrap {
            // swap-offset has two places for an image: that of an update, and that of an old image.
            let places = if config.mode == Mode::SwapOffset { 2 } else { 1 };
            for kind in [Kind::Test, Kind::Revert].into_iter().take(places) {
                if self.verify(index, Some(kind)).is_ok() {
                    self.overwrite(index, kind)?;
                    let facts = self.verify(index, None)?;
                    self.pair(index)?.clear_request()?;
                    if let Some(report) = self.report.get_mut(index) {
                        report.action = Action::Bootstrapped;
                        report.refused = None;
                    }
                    return Ok(Some(facts));
                }
            }
        }
        Err(code)
    }

    /// Raises the counter to that of the image in the primary slot, if the image is there to stay: from then on nothing
    /// can ask for an older one.
    fn settle(&mut self, index: usize) -> Result<(), Code> {
        let config = self.config(index)?;
        let pair = self.pair(index)?;
        let trailer = Trailer::read(pair.primary, &pair.layout()).map_err(|error| error.code())?;
        let confirmed = !swaps(config.mode) || !trailer.is_unconfirmed();
        // As it was verified: read again, it could be anything.
        let counter = self.verified.get(index).copied().flatten().and_then(|image| image.counter);
        let mut refused = None;
        if let (true, true, Some(counter)) = (confirmed, config.require_counter, counter) {
            let counters = &mut *self.system.counters;
            let raised = match counters.get(index as u8) {
                Ok(least) if least >= counter => Ok(()),
                Ok(_) => counters.raise(index as u8, counter),
                Err(error) => Err(error),
            };
            // The image is good, and refusing it would lock out a device whose store is full.
            refused = raised.err().map(super::CounterError::code);
        }
        if let Some(report) = self.report.get_mut(index) {
            report.confirmed = confirmed;
            report.counter = refused;
        }
        Ok(())
    }
}

/// Writes the plan. Where it is decides what is done next.
fn set_up(pair: &mut Pair<'_>, plan: &Plan) -> Result<Home, Code> {
    #[cfg(feature = "swap-scratch")]
    if pair.mode() == Mode::SwapScratch && pair.swap_end(plan.size)?.1 {
        super::swap_scratch::set_up_shared(pair, plan)?;
        return Ok(Home::Scratch);
    }
    pair.set_up(plan)?;
    Ok(Home::Primary)
}

/// Makes the steps that are left. Where the request has sectors of its own it is erased first: the plan is complete.
fn steps(pair: &mut Pair<'_>, plan: &Plan, home: Home) -> Result<(), Code> {
    match pair.mode() {
        #[cfg(feature = "swap-scratch")]
        Mode::SwapScratch => {
            if home == Home::Primary && !pair.swap_end(plan.size)?.1 {
                pair.clear_request()?;
            }
            super::swap_scratch::run(pair, plan, home)
        }
        #[cfg(feature = "swap-move")]
        Mode::SwapMove => {
            pair.clear_request()?;
            super::swap_move::run(pair, plan)
        }
        #[cfg(feature = "swap-offset")]
        Mode::SwapOffset => {
            pair.clear_request()?;
            super::swap_offset::run(pair, plan)
        }
        _ => Err(codes::UPDATE_LAYOUT),
    }
}

/// Whether this build can update that way.
const fn is_built_in(mode: Mode) -> bool {
    match mode {
        Mode::OverwriteOnly => cfg!(feature = "overwrite"),
        Mode::SwapScratch => cfg!(feature = "swap-scratch"),
        Mode::SwapMove => cfg!(feature = "swap-move"),
        Mode::SwapOffset => cfg!(feature = "swap-offset"),
        Mode::RamLoad => false,
    }
}

/// The image in the primary slot, if there is one of this product. Not verified.
pub(super) fn parse_primary(pair: &Pair<'_>) -> Option<Facts> {
    let view: &dyn ReadAt = &View::new(pair.primary, 0);
    Image::parse(view, pair.limits()).ok().as_ref().map(Facts::of)
}

/// Whether an image with a sealed key of this length can be swapped: the trailer has room for exactly one length.
fn may_be_saved(pair: &Pair<'_>, sealed: Option<u16>) -> bool {
    match (sealed, pair.layout().keys()) {
        (None, _) => true,
        (Some(len), super::SavedKeys::Sealed(room)) => len == room,
        (Some(_), _) => false,
    }
}

/// Whether both slots begin with the same header.
fn same_header(primary: &dyn Flash, secondary: &dyn Flash) -> bool {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    primary.read(0, &mut first).is_ok() && secondary.read(0, &mut second).is_ok() && first == second
}

/// Whether the image in the primary slot looks like the one in the secondary: the same header and hash.
fn is_installed(pair: &Pair<'_>) -> bool {
    super::pair::identity(pair.primary, 0, pair.dialect)
        == super::pair::identity(pair.secondary, 0, pair.dialect)
}
