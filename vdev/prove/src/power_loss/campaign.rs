//! Every cut of every device: what is tried, by how many threads, and what is counted.
//!
//! A device keeps nothing but its flash over a power cut. So a case is not played from the start: the script is played
//! once with a journal, and the flash at each cut is the flash before the operation with one entry of the journal half
//! applied. `replay` plays the same case from the start with a real cut; a test compares the two.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ironroot_boot::update::Mode;

use super::case::Case;
use super::encryption::Encryption;
use super::flash::{Effect, Store};
use super::layout::{Depth, Device, Layout, Stage, layouts};
use super::loader::Loader;
use super::play::{CutAt, Failure, Kind, Next, Player, Position, Segment, choices};
use super::results::{Heat, Outcome, Row, Shard};
use super::scenario::{SCENARIOS, Scenario, Sizes};
use super::world::{MODES, Setup, Unfit, World, mode_name};
use crate::rng::Rng;

/// What to try.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Modes; empty: all.
    pub modes: Vec<Mode>,
    /// Layouts; empty: all.
    pub layouts: Vec<&'static Layout>,
    /// Encryptions; empty: all.
    pub encryptions: Vec<Encryption>,
    /// Scenarios; empty: all.
    pub scenarios: Vec<&'static Scenario>,
    /// Everything that the full table has, instead of a selection that takes seconds.
    pub full: bool,
    /// Source of payloads and of what cuts leave.
    pub seed: u64,
    /// Which part.
    pub shard: Shard,
    /// Threads.
    pub threads: usize,
    /// Where second and third cuts are sampled: one first cut in so many.
    pub sample: u32,
}

impl Campaign {
    /// The full table.
    pub fn full(seed: u64) -> Campaign {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Campaign {
            modes: Vec::new(),
            layouts: Vec::new(),
            encryptions: Vec::new(),
            scenarios: Vec::new(),
            full: true,
            seed,
            shard: Shard::WHOLE,
            threads,
            sample: 4,
        }
    }

    /// What is asked, in words that are equal for parts of one whole.
    pub fn asked(&self) -> String {
        let list = |names: Vec<&str>| if names.is_empty() { "all".to_owned() } else { names.join(",") };
        format!(
            "modes {}; layouts {}; encryptions {}; scenarios {}; {}; seed {}; sample {}; version {}",
            list(self.modes.iter().map(|mode| mode_name(*mode)).collect()),
            list(self.layouts.iter().map(|layout| layout.name).collect()),
            list(self.encryptions.iter().map(|encryption| encryption.name()).collect()),
            list(self.scenarios.iter().map(|scenario| scenario.name).collect()),
            if self.full { "full" } else { "quick" },
            self.seed,
            self.sample,
            env!("CARGO_PKG_VERSION"),
        )
    }

    /// Every device, in the order of the tables.
    pub fn setups(&self) -> Vec<Setup> {
        let mut setups = Vec::new();
        for (mode, _) in MODES {
            for layout in layouts().iter().filter(|layout| layout.has(mode)) {
                for encryption in Encryption::ALL {
                    for scenario in SCENARIOS {
                        let wanted = chosen(&self.modes, &mode)
                            && chosen(&self.encryptions, &encryption)
                            && (self.layouts.is_empty()
                                || self.layouts.iter().any(|l| l.name == layout.name))
                            && (self.scenarios.is_empty()
                                || self.scenarios.iter().any(|s| s.name == scenario.name));
                        let sizes =
                            if wanted { sizes(self.full, mode, layout, encryption, scenario) } else { &[] };
                        setups.extend(sizes.iter().map(|sizes| Setup {
                            mode,
                            layout,
                            encryption,
                            scenario,
                            sizes: *sizes,
                            seed: self.seed,
                        }));
                    }
                }
            }
        }
        setups
    }

    /// Runs it. `progress` is told how many of how many devices are done, and may end the run by returning false.
    pub fn run(&self, loader: &(dyn Loader + Sync), progress: &(dyn Fn(Progress) -> bool + Sync)) -> Outcome {
        let begun = Instant::now();
        let setups = self.setups();
        let mut rows: Vec<Row> = Vec::new();
        for setup in &setups {
            let (mode, layout) = (mode_name(setup.mode), setup.layout.name);
            if !rows.iter().any(|row| row.mode == mode && row.layout == layout) {
                rows.push(Row::new(mode, layout));
            }
        }
        let (next, rows) = (AtomicUsize::new(0), Mutex::new(rows));
        let done = Mutex::new(Progress { devices: 0, of: setups.len(), cases: 0, failures: 0 });
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while let Some(setup) = setups.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let row = self.device(*setup, loader);
                        let (cases, failures) = (row.cases, row.failures);
                        let mut rows = rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if let Some(there) =
                            rows.iter_mut().find(|there| there.mode == row.mode && there.layout == row.layout)
                        {
                            there.add(row, false);
                        }
                        drop(rows);
                        let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        done.devices += 1;
                        done.cases += cases;
                        done.failures += failures;
                        if !progress(*done) {
                            next.store(setups.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        Outcome {
            asked: self.asked(),
            shard: self.shard,
            rows: rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner),
            seconds: begun.elapsed().as_secs_f64(),
        }
    }

    /// Every cut of one device that belongs to the shard.
    pub fn device(&self, setup: Setup, loader: &dyn Loader) -> Row {
        self.device_with(setup, loader, &mut |_, _| {})
    }

    /// The same, with a look at every case and the flashes at its end.
    pub fn device_with(&self, setup: Setup, loader: &dyn Loader, look: &mut dyn FnMut(&Case, &Store)) -> Row {
        let begun = Instant::now();
        let mut row = Row::new(mode_name(setup.mode), setup.layout.name);
        row.devices = 1;
        match World::new(setup) {
            Ok(world) => {
                let case = Case { setup, cuts: Vec::new() };
                let mut trial = Trial { campaign: self, world: &world, row, case, look };
                trial.run(loader);
                row = trial.row;
            }
            Err(Unfit::NoRoom(_)) => row.no_room = 1,
            Err(Unfit::Refused(code)) => row.refused = Some(code.to_string()),
            Err(Unfit::Fault(why)) => {
                row.fail(|| format!("{setup}/-"), &Failure { kind: Kind::Application, why });
            }
        }
        row.seconds = begun.elapsed().as_secs_f64();
        row
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Devices that are done.
    pub devices: usize,
    /// Of how many.
    pub of: usize,
    /// Cases so far.
    pub cases: u64,
    /// Counter-examples so far.
    pub failures: u64,
}

fn chosen<T: PartialEq>(list: &[T], entry: &T) -> bool {
    list.is_empty() || list.contains(entry)
}

/// The scripts that everything else is a variation of.
fn is_central(scenario: &Scenario) -> bool {
    matches!(scenario.name, "confirm" | "revert")
}

/// The layout on which every encryption is tried with images of every size.
const EVERY_ENCRYPTION: &str = "l4";
/// The first so many encryptions are tried on every layout.
const USUAL: usize = 4;
/// More sectors than this are many.
const LARGE: usize = 24;

/// With which images a scenario is tried.
fn sizes(
    full: bool,
    mode: Mode,
    layout: &Layout,
    encryption: Encryption,
    scenario: &Scenario,
) -> &'static [Sizes] {
    // What is loaded to RAM is one image.
    if scenario.trial && mode == Mode::OverwriteOnly || scenario.images.len() > 1 && mode == Mode::RamLoad {
        return &[];
    }
    let central = is_central(scenario);
    if let Some(device) = layout.device {
        // A stage has one image.
        let alone = scenario.images.len() == 1;
        return if alone { device_sizes(full, layout, device, encryption, scenario) } else { &[] };
    }
    // What a cipher can change does not depend on which one it is, but for the length of what the trailer keeps: every
    // encryption is tried with every size on one layout, on the way there and back.
    let there_and_back = if mode == Mode::OverwriteOnly { "confirm" } else { "revert" };
    if full && layout.name == EVERY_ENCRYPTION && scenario.name == there_and_back {
        return &Sizes::ALL;
    }
    // All pairs of cuts are many.
    let pairs = layout.depth == Depth::Pairs;
    let usual = Encryption::ALL.iter().take(USUAL).any(|usual| *usual == encryption);
    match (full, central, encryption) {
        (false, true, Encryption::NONE) => &[Sizes::Edge],
        (false, ..) if usual => &[Sizes::Small],
        (true, true, Encryption::NONE) if pairs => &[Sizes::Edge, Sizes::Largest],
        (true, true, Encryption::NONE) => &Sizes::ALL,
        (true, true, Encryption::P256_AES128) if !pairs => &[Sizes::Largest, Sizes::Edge],
        (true, true, _) if usual => &[Sizes::Edge],
        (true, false, Encryption::NONE) if !pairs => &[Sizes::Grow, Sizes::Shrink],
        (true, false, Encryption::NONE) => &[Sizes::Grow],
        (true, false, Encryption::P256_AES128) if !pairs => &[Sizes::Grow],
        (true, false, _) if usual => &[Sizes::Small],
        _ => &[],
    }
}

/// The same where a boot stage fixes modes and encryption: in that encryption, and without.
fn device_sizes(
    full: bool,
    layout: &Layout,
    device: Device,
    encryption: Encryption,
    scenario: &Scenario,
) -> &'static [Sizes] {
    let central = is_central(scenario);
    // A swap has as many operations as there are sectors. With many of them, the scripts that move images there and back.
    let large = layout.primary.1.len() > LARGE;
    match (full, central, encryption) {
        (false, true, Encryption::P256_AES128) if large => &[Sizes::Small],
        (false, true, Encryption::P256_AES128) => &[Sizes::Largest],
        (false, false, Encryption::P256_AES128) if !large => &[Sizes::Small],
        (true, true, Encryption::P256_AES128) if large => match scenario.name {
            "revert" => &[Sizes::Largest],
            _ => &[Sizes::Edge],
        },
        (true, true, Encryption::P256_AES128) => &Sizes::ALL,
        (true, false, Encryption::P256_AES128) if large && scenario.name != "bootstrap" => &[],
        (true, false, Encryption::P256_AES128) => &[Sizes::Grow],
        (true, true, Encryption::NONE) if !large && device.stage == Stage::Engine => &[Sizes::Edge],
        _ => &[],
    }
}

/// One device on its way.
struct Trial<'a> {
    campaign: &'a Campaign,
    world: &'a World,
    row: Row,
    case: Case,
    look: &'a mut dyn FnMut(&Case, &Store),
}

impl Trial<'_> {
    fn run(&mut self, loader: &dyn Loader) {
        let mut player = Player::new(self.world, loader);
        let mut position = player.start();
        let mut segments = Vec::new();
        let played = finish(&mut player, &mut position, &mut |segment| segments.push(segment), |_| true);
        self.count();
        if let Err(failure) = played {
            self.fail(&failure);
            return;
        }
        let points: u32 = segments.iter().map(|segment| segment.operations.len() as u32).sum();
        let longest = segments.iter().map(|segment| segment.operations.len()).max().unwrap_or(0);
        self.row.points += u64::from(points);
        self.row.longest_boot = longest as u64;
        player.expect(longest);
        for segment in &segments {
            self.segment(&mut player, segment, points);
        }
    }

    fn count(&mut self) {
        self.row.cases += 1;
        self.row.pairs += u64::from(self.case.cuts.len() == 2);
        self.row.triples += u64::from(self.case.cuts.len() == 3);
        let encryption = self.world.setup.encryption.name();
        match self.row.encryptions.get_mut(encryption) {
            Some(count) => *count += 1,
            None => drop(self.row.encryptions.insert(encryption.to_owned(), 1)),
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.row.fail(|| self.case.to_string(), failure);
    }

    /// Every first cut in one step of the script.
    fn segment(&mut self, player: &mut Player<'_>, segment: &Segment, points: u32) {
        let device = Rng::new(hash(&self.world.setup.to_string())).long();
        let mut store = segment.store.clone();
        for (at, operation) in (segment.before.operations..).zip(&segment.operations) {
            let owner = Rng::new(device ^ u64::from(at)).long();
            if self.campaign.shard.has(owner) {
                self.row.tried += 1;
                for effect in Effect::ALL {
                    let geometry = &self.world.geometries[operation.area];
                    if operation.has(effect, geometry) {
                        self.first(player, segment, &store, at, effect, points);
                    }
                }
            }
            store.apply(&self.world.geometries, operation);
        }
    }

    fn first(
        &mut self,
        player: &mut Player<'_>,
        segment: &Segment,
        store: &Store,
        at: u32,
        effect: Effect,
        points: u32,
    ) {
        self.case.cuts.clear();
        let index = (at - segment.before.operations) as usize;
        let mut draw = choices(self.world.setup.seed ^ 0x5EED, &[CutAt { at, effect }]);
        let setup = &self.world.setup;
        let all = setup.layout.depth == Depth::Pairs && (self.campaign.full || is_central(setup.scenario));
        let deeper = all || draw.one_in(self.campaign.sample.max(1) as usize);
        let (heat, recovery) = self.cut(player, segment, store, index, effect, deeper);
        self.row.heat(self.world.setup.scenario.name, effect, at, points, heat);
        if let Some(recovery) = recovery {
            if all { self.pairs(player, &recovery) } else { self.sample(player, &recovery, &mut draw) }
        }
        self.case.cuts.clear();
    }

    /// Every second cut in the recovery.
    fn pairs(&mut self, player: &mut Player<'_>, recovery: &Segment) {
        let mut store = recovery.store.clone();
        for (index, operation) in recovery.operations.iter().enumerate() {
            for effect in Effect::ALL {
                if operation.has(effect, &self.world.geometries[operation.area]) {
                    self.cut(player, recovery, &store, index, effect, false);
                    self.case.cuts.pop();
                }
            }
            store.apply(&self.world.geometries, operation);
        }
    }

    /// A random second cut in the recovery, and a random third one in the recovery from that.
    fn sample(&mut self, player: &mut Player<'_>, recovery: &Segment, draw: &mut Rng) {
        let mut recovery = Some(recovery.clone());
        let mut depth = 0;
        while let Some(segment) = recovery.take().filter(|segment| !segment.operations.is_empty()) {
            let index = draw.below(segment.operations.len());
            let mut store = segment.store.clone();
            for operation in segment.operations.iter().take(index) {
                store.apply(&self.world.geometries, operation);
            }
            let operation = &segment.operations[index];
            let geometry = &self.world.geometries[operation.area];
            let effect = *draw.pick(&Effect::ALL);
            let effect = if operation.has(effect, geometry) { effect } else { Effect::Torn };
            depth += 1;
            let (_, next) = self.cut(player, &segment, &store, index, effect, depth < 2);
            recovery = next;
        }
    }

    /// One case: the cut at operation `index` of `segment`, on top of the cuts before. It stays on the list of cuts. What
    /// the recovery did comes back if it is wanted and the case is no counter-example.
    fn cut(
        &mut self,
        player: &mut Player<'_>,
        segment: &Segment,
        store: &Store,
        index: usize,
        effect: Effect,
        deeper: bool,
    ) -> (Heat, Option<Segment>) {
        let at = segment.before.operations + index as u32;
        self.case.cuts.push(CutAt { at, effect });
        {
            let mut machine = player.device.machine.borrow_mut();
            machine.store.copy_from(store);
            let mut rng = choices(self.world.setup.seed, &self.case.cuts);
            machine.store.interrupt(&self.world.geometries, &segment.operations[index], effect, &mut rng);
        }
        let mut position = segment.before.clone();
        player.after_cut(&mut position);
        let mut recovery = None;
        let played = finish(player, &mut position, &mut |segment| recovery = Some(segment), |next| {
            deeper && matches!(next, Next::Recover(_))
        });
        self.count();
        (self.look)(&self.case, &player.device.machine.borrow().store);
        match played {
            Ok(()) => {
                let old = position.recovered.is_some_and(|runs| runs[0] == Some(0));
                (if old { Heat::Old } else { Heat::New }, recovery)
            }
            Err(failure) => {
                self.fail(&failure);
                (Heat::Failed, None)
            }
        }
    }
}

/// [`Player::finish`], with a panic as a counter-example.
fn finish(
    player: &mut Player<'_>,
    position: &mut Position,
    keep: &mut dyn FnMut(Segment),
    wanted: impl Fn(Next) -> bool,
) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(|| player.finish(position, keep, wanted))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Failure { kind: Kind::Panic, why: text.to_owned() })
    })
}

/// FNV-1a: the same on every machine.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}
