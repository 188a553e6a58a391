//! A script played on a device, with or without cuts, and what is checked after each step.

mod checks;

use std::fmt;

use super::flash::{Cut, Effect, Operation, Store};
use super::loader::{Device, Loader, Said};
use super::scenario::Step;
use super::truth::{Belief, IMAGES, Rules, Truth, Which};
use super::world::{Made, World, primary, secondary};
use crate::rng::Rng;

/// Boots after the script until nothing may change any more.
const QUIET: u32 = 4;
/// Most operations of one boot while nothing is known of the engine's need.
const LIMIT: u32 = 20_000;

/// What runs in each slot pair.
pub type Runs = [Option<Which>; IMAGES];

/// A cut as it stands in a case id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CutAt {
    /// Number of the operation since the start or the cut before.
    pub at: u32,
    /// What it leaves.
    pub effect: Effect,
}

impl fmt::Display for CutAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.at, self.effect.letter())
    }
}

/// Where the random choices of the last of these cuts come from.
pub fn choices(seed: u64, cuts: &[CutAt]) -> Rng {
    let mut rng = Rng::new(seed);
    for cut in cuts {
        let mixed = rng.long() ^ u64::from(cut.at) << 8 ^ u64::from(u32::from(cut.effect.letter()));
        rng = Rng::new(mixed);
    }
    rng
}

/// Why a case is a counter-example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing starts any more.
    NoBoot,
    /// What was started is neither image, bit for bit.
    Neither,
    /// It is an image, but not one that may run now.
    WrongImage,
    /// What an image needs is not there.
    Unmet,
    /// The loader's words and the facts differ.
    Report,
    /// Boots go on changing flash.
    Restless,
    /// A security counter went back, or shuts out the image that must run, or does not protect.
    Counter,
    /// A plain payload or key, a unit written twice, an access outside, an endless boot.
    Fault,
    /// A step of the application was refused although power was on.
    Application,
    /// The loader panicked.
    Panic,
    /// No counter-example: the case names a cut at an operation that never comes.
    NoCut,
}

impl Kind {
    /// A word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoBoot => "no boot",
            Self::Neither => "neither image",
            Self::WrongImage => "wrong image",
            Self::Unmet => "dependency unmet",
            Self::Report => "report disagrees",
            Self::Restless => "never at rest",
            Self::Counter => "security counter",
            Self::Fault => "flash rules",
            Self::Application => "application refused",
            Self::Panic => "panic",
            Self::NoCut => "no such cut",
        }
    }
}

/// A counter-example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort.
    pub kind: Kind,
    /// In words.
    pub why: String,
}

fn failure(kind: Kind, why: impl Into<String>) -> Failure {
    Failure { kind, why: why.into() }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A step of the script.
    Script(usize),
    /// The first boot after a cut in this step of the script (none: after its end).
    Recover(Option<usize>),
    /// A boot after the script's end; how many there were.
    Rest(u32),
    /// Nothing.
    Done,
}

/// Where a play stands, flash aside.
#[derive(Clone, Debug)]
pub struct Position {
    /// What may be true.
    pub belief: Belief,
    /// What comes next.
    pub next: Next,
    /// Operations since the start or the last cut.
    pub operations: u32,
    retried: bool,
    floor: [u32; IMAGES],
    /// What the last boot ran.
    pub runs: Runs,
    /// What the first boot after the last cut ran.
    pub recovered: Option<Runs>,
}

/// One step as it went.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where the play stood before.
    pub before: Position,
    /// The flashes before.
    pub store: Store,
    /// What was done to them.
    pub operations: Vec<Operation>,
}

/// Told of each step when a case is replayed.
pub trait Watch {
    /// A step begins.
    fn begin(&mut self, _position: &Position, _step: Step) {}
    /// A step ended, perhaps with a cut, which is described; its first operation has the number `first`.
    fn end(
        &mut self,
        _first: u32,
        _position: &Position,
        _operations: &[Operation],
        _cut: Option<&str>,
        _said: &str,
    ) {
    }
}

/// Plays one world.
pub struct Player<'a> {
    /// What is played.
    pub world: &'a World,
    /// The device.
    pub device: Device,
    loader: &'a dyn Loader,
    rules: Rules,
    path: Vec<Runs>,
    limit: u32,
}

impl<'a> Player<'a> {
    /// A player of this world with this loader.
    pub fn new(world: &'a World, loader: &'a dyn Loader) -> Player<'a> {
        let rules = world.setup.scenario.rules(world.has_trials(), world.config.require_counter);
        let mut player =
            Player { world, device: Device::new(world), loader, rules, path: Vec::new(), limit: LIMIT };
        player.path = player.undisturbed();
        player
    }

    /// What runs after each step if power stays on.
    fn undisturbed(&self) -> Vec<Runs> {
        let mut belief = Belief::certain(self.world.setup.scenario.start());
        let mut path = Vec::new();
        for step in self.world.setup.scenario.steps {
            match *step {
                Step::Boot => belief = Belief::certain(self.rules.booted(belief.states()[0])),
                step => self.believe(&mut belief, step),
            }
            path.push(belief.states()[0].map(Truth::runs));
        }
        path
    }

    /// Makes a boot endless that has several times the operations of the longest step seen.
    pub fn expect(&mut self, longest: usize) {
        self.limit = longest as u32 * 4 + 400;
    }

    /// The start of the script. The flashes are set, too.
    pub fn start(&mut self) -> Position {
        self.device.machine.borrow_mut().store.copy_from(&self.world.start);
        let mut floor = [0; IMAGES];
        for (floor, made) in floor.iter_mut().zip(&self.world.images) {
            *floor = made.first().map_or(0, |made| made.counter);
        }
        Position {
            belief: Belief::certain(self.world.setup.scenario.start()),
            next: Next::Script(0),
            operations: 0,
            retried: false,
            floor,
            runs: self.world.setup.scenario.start().map(Truth::runs),
            recovered: None,
        }
    }

    /// Plays to the end. `keep` gets the steps for which it is asked.
    pub fn finish(
        &mut self,
        position: &mut Position,
        keep: &mut dyn FnMut(Segment),
        wanted: impl Fn(Next) -> bool,
    ) -> Result<(), Failure> {
        while position.next != Next::Done {
            let recorded = wanted(position.next).then(|| Segment {
                before: position.clone(),
                store: self.device.machine.borrow().store.clone(),
                operations: Vec::new(),
            });
            let is_recorded = recorded.is_some();
            self.perform(position, None, is_recorded)?;
            if let Some(mut segment) = recorded {
                segment.operations = self.device.machine.borrow_mut().take_journal();
                keep(segment);
            }
        }
        Ok(())
    }

    /// The play as a whole, with cuts as they would happen, told to `watch`.
    pub fn replay(&mut self, cuts: &[CutAt], watch: &mut dyn Watch) -> Result<Position, Failure> {
        let mut position = self.start();
        let mut done = 0;
        while position.next != Next::Done {
            let cut = cuts.get(done).and_then(|cut| {
                let at = cut.at.checked_sub(position.operations)?;
                let rng = choices(self.world.setup.seed, cuts.get(..=done)?);
                Some(Cut { at, effect: cut.effect, rng })
            });
            let step = self.step_of(position.next);
            watch.begin(&position, step);
            let first = position.operations;
            let played = self.perform(&mut position, cut, true);
            let operations = self.device.machine.borrow_mut().take_journal();
            let was_cut = self.device.machine.borrow().is_off();
            let said = match &played {
                Ok(said) => said.iter().map(Said::to_string).collect::<Vec<_>>().join(", "),
                Err(failure) => format!("{}: {}", failure.kind.name(), failure.why),
            };
            let cut = cuts.get(done).filter(|_| was_cut);
            let cut = cut.map(|cut| format!("at operation {}: {}", cut.at, cut.effect.name()));
            watch.end(first, &position, &operations, cut.as_deref(), &said);
            played?;
            done += usize::from(was_cut);
        }
        match cuts.get(done) {
            Some(cut) => Err(failure(Kind::NoCut, format!("there is no operation for the cut {cut}"))),
            None => Ok(position),
        }
    }

    fn step_of(&self, next: Next) -> Step {
        match next {
            Next::Script(index) => *self.world.setup.scenario.steps.get(index).unwrap_or(&Step::Boot),
            Next::Recover(_) | Next::Rest(_) | Next::Done => Step::Boot,
        }
    }

    /// What comes next, with power cut in it perhaps.
    fn perform(
        &mut self,
        position: &mut Position,
        cut: Option<Cut>,
        journal: bool,
    ) -> Result<Vec<Said>, Failure> {
        self.device.machine.borrow_mut().power_on(self.limit, cut, journal);
        let step = self.step_of(position.next);
        let (world, loader) = (self.world, self.loader);
        let mut said = Vec::new();
        let here = |image| self.runs_in(position, image);
        let outcome = match step {
            Step::Boot => loader.boot(world, &mut self.device).map(|boot| said = boot),
            Step::Receive(image, which) => {
                let (slot, update) = (other(here(image)), &world.images[image][usize::from(which)]);
                loader.receive(world, &mut self.device, slot, update)
            }
            Step::Ask(image, _, permanent) => {
                let slot = other(here(image));
                loader.ask(world, &mut self.device, slot, permanent)
            }
            Step::Confirm if !self.rules.trials => Ok(()),
            Step::Confirm => {
                let slots: Vec<usize> = (0..world.images.len()).map(here).collect();
                slots.into_iter().try_for_each(|slot| loader.confirm(world, &mut self.device, slot))
            }
        };
        let (fault, off, operations) = {
            let machine = self.device.machine.borrow();
            (machine.fault().map(str::to_owned), machine.is_off(), machine.operations())
        };
        if let Some(fault) = fault {
            return Err(failure(Kind::Fault, fault));
        }
        if off {
            self.after_cut(position);
            return Ok(said);
        }
        position.operations += operations;
        if let Err(why) = outcome {
            let kind = if step == Step::Boot { Kind::NoBoot } else { Kind::Application };
            return Err(failure(kind, why));
        }
        if step == Step::Boot {
            self.booted(position, &said, operations)?;
        } else {
            self.believe(&mut position.belief, step);
            if let Next::Script(index) = position.next {
                position.next = self.script(index + 1);
            }
        }
        Ok(said)
    }

    /// The slot from which `image` runs.
    fn runs_in(&self, position: &Position, image: usize) -> usize {
        let which = position.runs.get(image).copied().flatten();
        let (first, second) = (primary(image), secondary(image));
        match which {
            Some(which) if self.world.loads() => {
                let machine = self.device.machine.borrow();
                if self.slot_holds(&machine.store, second, self.made(image, which).map(|made| &made.sent)) {
                    second
                } else {
                    first
                }
            }
            _ => first,
        }
    }

    fn made(&self, image: usize, which: Which) -> Option<&Made> {
        self.world.images.get(image)?.get(usize::from(which))
    }

    fn script(&self, index: usize) -> Next {
        if index < self.world.setup.scenario.steps.len() { Next::Script(index) } else { Next::Rest(0) }
    }

    /// A step of the application was taken wholly.
    fn believe(&self, belief: &mut Belief, step: Step) {
        match step {
            Step::Boot | Step::Receive(..) => {}
            Step::Ask(image, next, permanent) => belief.step(image, |truth| asked(truth, next, permanent)),
            Step::Confirm => (0..IMAGES).for_each(|image| belief.step(image, confirmed)),
        }
    }

    /// Power was cut in the step that comes next; the flashes are as the cut left them.
    pub fn after_cut(&self, position: &mut Position) {
        let step = self.step_of(position.next);
        let interrupted = match position.next {
            Next::Script(index) => Some(index),
            Next::Recover(index) => index,
            Next::Rest(_) | Next::Done => None,
        };
        match step {
            Step::Receive(..) => {}
            Step::Ask(image, next, permanent) => {
                position.belief.cut(image, |truth| {
                    let mut passed = vec![asked(truth, next, false)];
                    if permanent {
                        passed.push(asked(truth, next, true));
                    }
                    passed
                });
            }
            Step::Confirm => {
                (0..IMAGES).for_each(|image| position.belief.cut(image, |truth| vec![confirmed(truth)]));
            }
            Step::Boot => {
                let machine = self.device.machine.borrow();
                position.belief.cut_boot(&self.rules, |image, which| {
                    self.swap_is_marked_done(&machine.store, image, which)
                });
            }
        }
        position.operations = 0;
        position.recovered = None;
        position.next = Next::Recover(interrupted);
    }

    /// Whether a slot holds this image and its mark "swap done" (or "tried") is no longer erased.
    fn swap_is_marked_done(&self, store: &Store, image: usize, which: Which) -> bool {
        let slots: &[usize] =
            if self.world.loads() { &[primary(image), secondary(image)] } else { &[primary(image)] };
        slots.iter().any(|slot| {
            let (Some(geometry), Some(cells)) = (self.world.geometries.get(*slot), store.areas.get(*slot))
            else {
                return false;
            };
            let offset = geometry.size().saturating_sub(self.world.trailer.copy_done());
            let unit = geometry.unit;
            let made = self.made(image, which);
            let bytes = made.map(|made| if self.world.loads() { &made.sent } else { &made.plain });
            self.slot_holds(store, *slot, bytes) && !cells.is_erased(geometry, offset / unit * unit, unit)
        })
    }

    /// Whether a slot holds these bytes, bit for bit.
    fn slot_holds(&self, store: &Store, slot: usize, bytes: Option<&Vec<u8>>) -> bool {
        let (Some(bytes), Some(cells), Some(geometry)) =
            (bytes, store.areas.get(slot), self.world.geometries.get(slot))
        else {
            return false;
        };
        cells.bytes().starts_with(bytes) && cells.readable(geometry, 0, bytes.len() as u32)
    }

    /// Where the application goes on after the boot that followed a cut in step `index`.
    fn resumed(&self, position: &mut Position, index: usize) -> Next {
        let steps = self.world.setup.scenario.steps;
        let is_boot = |step: &Step| *step == Step::Boot;
        match steps.get(index) {
            Some(Step::Receive(..) | Step::Ask(..)) => {
                let boot = steps.iter().skip(index).position(is_boot).map_or(steps.len(), |at| at + index);
                if self.path.get(boot) == Some(&position.runs) {
                    return self.script(boot + 1);
                }
                if position.retried {
                    return Next::Rest(0);
                }
                // The update is sent again, over whatever is in the slot now.
                position.retried = true;
                Next::Script(
                    steps
                        .iter()
                        .take(index)
                        .rposition(|s| is_boot(s) || *s == Step::Confirm)
                        .map_or(0, |at| at + 1),
                )
            }
            Some(Step::Boot | Step::Confirm) if self.path.get(index) == Some(&position.runs) => {
                self.script(index + 1)
            }
            _ => Next::Rest(0),
        }
    }
}

/// The other slot of a pair.
fn other(slot: usize) -> usize {
    slot ^ 1
}

fn asked(truth: Truth, next: Which, permanent: bool) -> Truth {
    match truth.runs() {
        Some(runs) => Truth::Asked { runs, next, permanent },
        None => truth,
    }
}

fn confirmed(truth: Truth) -> Truth {
    match truth {
        Truth::Trial { runs, .. } => Truth::Settled(runs),
        truth => truth,
    }
}
