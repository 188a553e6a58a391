//! `ironroot provision run` and `resume`: the steps on a device, under the journal.

use ironroot_codes::{input, project as codes};
use ironroot_layout::stm32h7rs::state::ProductState;
use serde_json::{Value, json};

use super::bench::Bench;
use super::inputs::Recipe;
use super::journal::Journal;
use super::note::Note;
use super::seen::{Seen, Status};
use super::steps::Step;
use super::stops::Stops;
use super::{RunArgs, show};
use crate::error::{Context, Failure, Result};
use crate::report::{GOOD, Reporter};

/// Runs the command; `resume` goes on with an unfinished one.
pub fn run(args: &RunArgs, resume: bool, report: &mut Reporter<'_>) -> Result {
    let mut recipe = Recipe::read(&args.inputs)?;
    let mut bench = args.inputs.open(&mut recipe)?;
    let mut journal = Journal::read(&args.inputs.journal_path(&bench))?;
    // A run that has its end binds nobody: the device may have been brought back since, for another product.
    let unfinished = journal.is_begun() && !journal.is_ended();
    journal.check(&bench.uid(), None)?;
    if resume && !unfinished {
        let cause = if journal.is_begun() { "the journal has its end" } else { "there is no journal" };
        let failure = Failure::new(codes::PROVISION_NOTHING_TO_RESUME, cause);
        return Err(failure.about(journal.path().display()));
    }
    let same_inputs = journal.check(&bench.uid(), Some(&recipe.digest));
    if unfinished && let Err(mut failure) = same_inputs.clone() {
        // The same command again goes on; another one must not.
        if !resume {
            failure.code = codes::PROVISION_UNFINISHED;
        }
        return Err(failure);
    }
    if journal.is_torn() {
        report.warning(
            "the last line of the journal is incomplete, as an interruption leaves it; it is dropped",
        );
    }
    let command = if resume { "provision resume" } else { "provision run" };
    // A finished run with the same inputs goes on: it knows what the random keys are. On a serial port nobody can tell whether the
    // device was brought back since, so everything is done anew there.
    let same = bench.is_virtual() && same_inputs.is_ok();
    let goes_on = journal.is_begun() && (unfinished || same);
    if !goes_on {
        journal = journal.fresh();
    }
    if unfinished && !resume {
        report.text("the run that was interrupted goes on");
    }
    let seen = look(&recipe.steps, &mut bench, &journal)?;
    report.text(show::table(&recipe, &seen, &bench.uid()));
    check(args, &recipe, &mut bench, &seen)?;
    if args.dry_run {
        let data = show::value(&recipe, &seen, &bench, &journal);
        report.result(command, extend(data, json!({ "applied": false })), "dry run: nothing was written");
        return Ok(());
    }
    bench.cut_power_at(args.cut());
    if goes_on {
        journal.resume()?;
    } else {
        let names: Vec<&str> = recipe.steps.iter().map(|step| step.name.as_str()).collect();
        journal.begin(&bench.uid(), recipe.product.plan.product.part.name(), &recipe.digest, &names)?;
    }
    let mut stops = Stops::after(args.stop_after);
    let mut flow = Flow {
        recipe: &recipe,
        external_programmed: args.inputs.external_programmed,
        no_close: args.no_close,
        journal: Some(&mut journal),
        stops: &mut stops,
    };
    let outcome = flow.perform(&mut bench, report);
    // The device is what it is, however far the steps came.
    let saved = bench.save();
    let done = outcome.about(&args.inputs.device)?;
    saved?;
    let state = reached(&recipe, &mut bench, args.no_close)?.name();
    if !args.no_close || recipe.steps.iter().all(|step| !step.closes()) {
        journal.end(state)?;
    }
    let seen = look_again(&recipe, &mut bench, &journal, args.no_close)?;
    let data = show::value(&recipe, &seen, &bench, &journal);
    let text = format!(
        "{GOOD}done{GOOD:#}: {} steps done, {} found as wanted; product state {state}; {}",
        done.performed,
        done.found,
        match bench.is_virtual() {
            true => "read back and compared",
            false => "read back and compared as far as the bootloader can read, before the closing",
        }
    );
    let more = json!({ "applied": true, "performed": done.performed, "found": done.found, "state": state });
    report.result(command, extend(data, more), text);
    Ok(())
}

/// The state that the device is in: on a serial port nobody answers in a closed one, and what it took is what it is.
fn reached(recipe: &Recipe, bench: &mut Bench, no_close: bool) -> Result<ProductState> {
    let wanted = recipe.product.plan.product.protections.state;
    if bench.is_virtual() || no_close || !super::is_closed(wanted) {
        return Ok(bench.options()?.state());
    }
    Ok(wanted)
}

/// Adds members.
fn extend(mut data: Value, more: Value) -> Value {
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    data
}

/// Every step as the device has it.
pub fn look(steps: &[Step], bench: &mut Bench, journal: &Journal) -> Result<Vec<Seen>> {
    let options = bench.options()?;
    steps.iter().map(|step| step.see(bench, &options, journal)).collect()
}

/// The same of a device that has just been closed: on a serial port nobody answers any more.
fn look_again(recipe: &Recipe, bench: &mut Bench, journal: &Journal, no_close: bool) -> Result<Vec<Seen>> {
    if bench.is_virtual() || no_close || recipe.steps.iter().all(|step| !step.closes()) {
        return look(&recipe.steps, bench, journal);
    }
    Ok(recipe.steps.iter().map(|_| Seen::hidden("the device is closed")).collect())
}

/// Refuses before anything is written: a closing step without a rehearsal, and what cannot simply be undone without the id of
/// this very device.
fn check(args: &RunArgs, recipe: &Recipe, bench: &mut Bench, seen: &[Seen]) -> Result {
    let open: Vec<(&Step, &Seen)> = recipe
        .steps
        .iter()
        .zip(seen)
        .filter(|(step, seen)| seen.status == Status::Open && !(args.no_close && step.closes()))
        .collect();
    // Before a journal is begun for it.
    if super::is_closed(bench.options()?.state())
        && let Some((step, seen)) = open.first()
    {
        return Err(closed(step, seen).about(bench.name()));
    }
    if open.iter().any(|(step, _)| step.closes()) {
        Note::read(&args.inputs.note_path(bench))?.check(&bench.uid(), &recipe.digest)?;
    }
    let by_loader = open.iter().any(|(step, _)| step.is_image()) && !bench.is_virtual();
    if by_loader && !args.inputs.external_programmed {
        let cause = format!("the image is for the external flash; the loader is {}", recipe.loader());
        return Err(Failure::new(codes::PROVISION_UNREACHABLE, cause).about(bench.name()));
    }
    let uid = bench.uid();
    if let Some(typed) = &args.confirm
        && !typed.eq_ignore_ascii_case(&uid)
    {
        let cause = format!("--confirm {typed} is not the unique id of this device");
        let failure = Failure::new(input::NOT_CONFIRMED, cause).about(bench.name());
        return Err(failure.fix("Check that it is the device you mean."));
    }
    let binding: Vec<(&Step, &Seen)> =
        open.into_iter().filter(|(step, seen)| step.needs_confirm(seen)).collect();
    if binding.is_empty() || args.confirm.is_some() || args.dry_run {
        return Ok(());
    }
    let debug = recipe.product.plan.product.protections.debug;
    let list = |irreversible: bool| -> String {
        let steps = binding.iter().filter(|(step, _)| step.is_irreversible(debug) == irreversible);
        steps.map(|(step, _)| step.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let kinds = [("undone by a regression only", list(false)), ("irreversible", list(true))];
    let kinds: Vec<String> = kinds
        .into_iter()
        .filter(|(_, steps)| !steps.is_empty())
        .map(|(kind, steps)| format!("{kind}: {steps}"))
        .collect();
    let cause = kinds.join("; ");
    let fix = format!("Read the plan; if you want it, repeat with --confirm {uid}.");
    Err(Failure::new(input::NOT_CONFIRMED, cause).about(bench.name()).fix(fix))
}

/// What came of the steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// Steps that changed the device.
    pub performed: u32,
    /// Steps that were found done.
    pub found: u32,
}

/// The steps on one device.
pub struct Flow<'a> {
    /// What is to be done.
    pub recipe: &'a Recipe,
    /// The external flash was programmed by the board's loader.
    pub external_programmed: bool,
    /// Everything but the closing.
    pub no_close: bool,
    /// The journal; a rehearsal has none.
    pub journal: Option<&'a mut Journal>,
    /// Where it ends early.
    pub stops: &'a mut Stops,
}

impl Flow<'_> {
    /// Does what is not done, and reads everything back before the product is closed and behind that.
    pub fn perform(&mut self, bench: &mut Bench, report: &mut Reporter<'_>) -> Result<Done> {
        let recipe = self.recipe;
        let mut done = Done::default();
        for (number, step) in recipe.steps.iter().enumerate() {
            if step.closes() {
                if self.no_close {
                    continue;
                }
                self.compare(recipe.steps.iter().take(number), bench)?;
            }
            if self.step(step, bench, report)? { done.performed += 1 } else { done.found += 1 }
        }
        if bench.is_virtual() {
            let all = recipe.steps.iter().filter(|step| !(self.no_close && step.closes()));
            self.compare(all, bench)?;
        }
        Ok(done)
    }

    fn see(&self, step: &Step, bench: &mut Bench) -> Result<Seen> {
        let options = bench.options()?;
        match &self.journal {
            Some(journal) => step.see(bench, &options, journal),
            None => step.see(bench, &options, &Journal::none()),
        }
    }

    /// One step; false if it was done already.
    fn step(&mut self, step: &Step, bench: &mut Bench, report: &mut Reporter<'_>) -> Result<bool> {
        let before = self.see(step, bench)?;
        let by_loader = step.is_image() && self.external_programmed && !bench.is_virtual();
        if before.status != Status::Open || by_loader {
            let known =
                self.journal.as_ref().is_some_and(|journal| journal.last("done", &step.name).is_some());
            if let (Some(journal), false) = (&mut self.journal, known) {
                journal.done(&step.name, before.digest.as_deref(), true)?;
            }
            return Ok(false);
        }
        if super::is_closed(bench.options()?.state()) {
            return Err(closed(step, &before));
        }
        report.task_begin("step", &step.name);
        let prepared = step.prepare()?;
        let wanted = match &prepared {
            Some(prepared) => Some(Step::prepared_digest(prepared)),
            None => step.wanted_digest(),
        };
        if let Some(journal) = &mut self.journal {
            journal.begun(&step.name, before.digest.as_deref(), wanted.as_deref())?;
        }
        self.stops.point()?;
        let content = prepared.as_ref().map(|bytes| bytes.as_slice());
        step.perform(bench, content, self.recipe.loader(), self.stops).about(&step.name)?;
        bench.save()?;
        self.stops.point()?;
        if bench.is_virtual() || !step.closes() {
            let after = self.see_written(step, bench, prepared.as_deref().map(Vec::as_slice))?;
            if after.status == Status::Open {
                return Err(differs(step, &after));
            }
        }
        if let Some(journal) = &mut self.journal {
            journal.done(&step.name, wanted.as_deref(), false)?;
        }
        self.stops.point()?;
        report.task_end("step", json!({ "step": step.name }));
        Ok(true)
    }

    /// A step that was just done.
    fn see_written(&self, step: &Step, bench: &mut Bench, prepared: Option<&[u8]>) -> Result<Seen> {
        let mut seen = self.see(step, bench)?;
        // Without a journal nobody has kept what the random keys were.
        let same =
            prepared.map(Step::prepared_digest).is_some_and(|wanted| seen.digest.as_deref() == Some(&wanted));
        if same {
            seen.status = Status::Done;
        }
        // Keys that nobody can read: the device said that it took them.
        if !bench.is_virtual() && step.is_keys() {
            seen.status = Status::Hidden;
        }
        Ok(seen)
    }

    /// Everything once more, as one picture.
    fn compare<'s>(&self, steps: impl IntoIterator<Item = &'s Step>, bench: &mut Bench) -> Result {
        for step in steps {
            let seen = self.see(step, bench)?;
            // Random keys of a rehearsal: compared when they were written.
            let unknown = self.journal.is_none() && step.wanted_digest().is_none() && step.is_random();
            let readable = bench.is_virtual() || !step.is_image();
            if seen.status == Status::Open && readable && !unknown {
                return Err(differs(step, &seen));
            }
        }
        Ok(())
    }
}

fn closed(step: &Step, seen: &Seen) -> Failure {
    let cause = format!("{}: {} instead of {}", step.name, seen.current, step.wanted());
    Failure::new(codes::PROVISION_CLOSED, cause)
}

fn differs(step: &Step, seen: &Seen) -> Failure {
    let cause = format!("{}: wanted {}, found {}", step.name, step.wanted(), seen.current);
    Failure::new(codes::PROVISION_READ_BACK, cause)
}
