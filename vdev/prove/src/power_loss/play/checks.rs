//! What is checked after each boot: which image runs, what the loader says of it, and the security counters.

use ironroot_boot::update::Action;

use super::{Failure, Kind, Next, Player, Position, QUIET, Runs, failure};
use crate::power_loss::loader::Said;
use crate::power_loss::truth::{Belief, IMAGES, Truth, Which};
use crate::power_loss::world::primary;

impl Player<'_> {
    fn what_runs(&self) -> Result<Runs, Failure> {
        let machine = self.device.machine.borrow();
        let mut runs = [None; IMAGES];
        for (image, made) in self.world.images.iter().enumerate() {
            let found = made.iter().position(|made| {
                if self.world.runs_in_ram() {
                    self.device.ram.starts_with(&made.plain)
                } else {
                    self.slot_holds(&machine.store, primary(image), Some(&made.plain))
                }
            });
            let Some(found) = found else {
                let place = if self.world.runs_in_ram() { "RAM" } else { "the primary slot" };
                return Err(failure(Kind::Neither, format!("{place} of image {image} holds none whole")));
            };
            runs[image] = Some(found as Which);
        }
        Ok(runs)
    }

    /// A boot ended; power is on.
    pub(super) fn booted(
        &mut self,
        position: &mut Position,
        said: &[Said],
        operations: u32,
    ) -> Result<(), Failure> {
        let runs = self.what_runs()?;
        let before = position.belief.clone();
        if !position.belief.observe(&self.rules, runs) {
            let runs = names(&runs);
            return Err(failure(Kind::WrongImage, format!("{runs} runs; before the boot: {before}")));
        }
        position.runs = runs;
        position.recovered.get_or_insert(runs);
        let joint = runs.map(|runs| runs.map_or(Truth::Unused, Truth::Settled));
        if let Some(image) = (0..IMAGES).find(|image| !self.rules.met(joint, *image)) {
            return Err(failure(Kind::Unmet, format!("image {image} runs without what it needs")));
        }
        self.check_words(&before, &position.belief, runs, said)?;
        let rests = position.belief.is_settled(&self.rules) && operations == 0;
        self.check_counters(position, rests)?;
        position.next = match position.next {
            Next::Script(index) => self.script(index + 1),
            Next::Recover(Some(index)) => self.resumed(position, index),
            Next::Recover(None) => Next::Rest(0),
            Next::Rest(_) if rests => Next::Done,
            Next::Rest(boots) if boots >= QUIET => {
                let why = format!("boot {boots} after the end still has {operations} flash operations");
                return Err(failure(Kind::Restless, why));
            }
            Next::Rest(boots) => Next::Rest(boots + 1),
            Next::Done => Next::Done,
        };
        Ok(())
    }

    fn check_words(&self, before: &Belief, after: &Belief, runs: Runs, said: &[Said]) -> Result<(), Failure> {
        let wrong = |why: String| Err(failure(Kind::Report, why));
        if said.len() != self.world.images.len() {
            return wrong(format!("{} images reported", said.len()));
        }
        for (image, said) in said.iter().enumerate() {
            let which = runs[image].unwrap_or_default();
            let made = &self.world.images[image][usize::from(which)];
            if said.version != made.version {
                return wrong(format!("image {image}: says {:?}, runs {:?}", said.version, made.version));
            }
            let was = |f: fn(Truth) -> bool| before.states().iter().any(|joint| f(joint[image]));
            let is = |f: fn(Truth) -> bool| after.states().iter().any(|joint| f(joint[image]));
            let possible = match said.action {
                Action::None => true,
                Action::Testing => is(|truth| matches!(truth, Truth::Trial { .. })),
                Action::Installed => was(|truth| matches!(truth, Truth::Asked { .. } | Truth::Settled(1..))),
                Action::Reverted => was(|truth| matches!(truth, Truth::Trial { .. } | Truth::Settled(_))),
                Action::Bootstrapped => was(|truth| matches!(truth, Truth::Empty(_) | Truth::Settled(_))),
                #[allow(unreachable_patterns, reason = "actions may be added")]
                _ => true,
            };
            if !possible {
                return wrong(format!("image {image}: says {:?}; {before}, then {after}", said.action));
            }
            // What only loads does not erase a bad update, and says so each time. STiRoT takes what is left of a download that
            // it installed, and was being erased, for another one.
            let asked = self.world.loads()
                || was(|truth| matches!(truth, Truth::Asked { .. }))
                || self.world.is_stirot() && was(|truth| matches!(truth, Truth::Empty(_)));
            if let (Some(code), false) = (said.refused, asked) {
                return wrong(format!("image {image}: an update is refused ({code}) that nobody asked for"));
            }
        }
        Ok(())
    }

    fn check_counters(&self, position: &mut Position, rests: bool) -> Result<(), Failure> {
        for (image, made) in self.world.images.iter().enumerate() {
            let Some(value) = self.device.counter(image) else {
                return Err(failure(Kind::Counter, format!("the counter of image {image} cannot be read")));
            };
            let floor = position.floor[image];
            if value < floor {
                return Err(failure(Kind::Counter, format!("image {image}: from {floor} back to {value}")));
            }
            position.floor[image] = value;
            let counter_of = |which: Which| made.get(usize::from(which)).map_or(0, |made| made.counter);
            // Whatever may have to run next must not be shut out.
            let least = position.belief.states().iter().filter_map(|joint| match joint[image] {
                Truth::Trial { runs, back } => Some(counter_of(runs).min(counter_of(back))),
                truth => truth.runs().map(counter_of),
            });
            let least = least.max().unwrap_or(u32::MAX);
            if value > least {
                let why = format!("image {image}: {value} shuts out an image with {least}");
                return Err(failure(Kind::Counter, why));
            }
            let runs = position.runs[image].map_or(0, counter_of);
            if rests && value != runs {
                let why = format!("image {image}: {value} after an image with {runs} was kept");
                return Err(failure(Kind::Counter, why));
            }
        }
        Ok(())
    }
}

fn names(runs: &Runs) -> String {
    runs.iter()
        .flatten()
        .map(|which| char::from(b'A' + which))
        .map(String::from)
        .collect::<Vec<_>>()
        .join("+")
}
