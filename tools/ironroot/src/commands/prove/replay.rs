//! `ironroot prove replay`: one case of a campaign, played again from the start, with everything that happens.

use clap::Args;
use ironroot_codes::{input, internal};
use ironroot_prove::power_loss::case::Case;
use ironroot_prove::power_loss::flash::{Action, Operation};
use ironroot_prove::power_loss::loader::Engine;
use ironroot_prove::power_loss::play::{Kind, Next, Player, Position, Watch};
use ironroot_prove::power_loss::scenario::Step;
use ironroot_prove::power_loss::world::{COUNTERS, SCRATCH, World};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter};

/// Play one case of `prove power-loss` again, with a trace
#[derive(Args, Debug)]
#[command(after_help = "\
Every flash operation is shown with its number, its place and its size, every boot with what it decided, and after each step \
what may be true of the device. Images are called A (installed first), B, C. Exit code 0 means that the case holds, 9 that \
it does not.

Examples:
  ironroot prove replay swap-move/h735/none/confirm/edge/1/40t
  ironroot prove replay swap-offset/tiny8/none/revert/small/1/17e+3h
  ironroot prove replay overwrite-only/l4/none/permanent/grow/1/- --json")]
pub struct Replay {
    /// The case, as `prove power-loss` printed it
    case: String,
}

/// Runs the command.
pub fn run(args: &Replay, report: &mut Reporter<'_>) -> Result {
    let refused = |why: String| Failure::new(input::BAD_CASE, why).about(&args.case);
    let case: Case = args.case.parse().map_err(|why| refused(format!("{why}")))?;
    let world = World::new(case.setup).map_err(|why| refused(why.to_string()))?;
    let mut player = Player::new(&world, &Engine);
    let played = player.replay(&case.cuts, &mut Teller { report, world: &world, cuts: 0 });
    match played {
        Ok(_) => {
            let data = json!({ "type": "case", "case": case.to_string(), "holds": true });
            report.result("prove replay", data, format!("\n{GOOD}{case} holds{GOOD:#}"));
            Ok(())
        }
        Err(failure) if failure.kind == Kind::NoCut => Err(refused(failure.why)),
        Err(failure) => {
            let cause = format!("{}: {}", failure.kind.name(), failure.why);
            Err(Failure::new(internal::COUNTER_EXAMPLE, cause)
                .about(&case)
                .fix("The trace shows each operation; the boot after the last cut is where to look first."))
        }
    }
}

/// Tells each step.
struct Teller<'a, 'r> {
    report: &'a mut Reporter<'r>,
    world: &'a World,
    cuts: usize,
}

impl Teller<'_, '_> {
    fn area(&self, index: usize) -> String {
        match index {
            SCRATCH => "scratch".to_owned(),
            COUNTERS => "counters".to_owned(),
            slot => {
                let which = if slot.is_multiple_of(2) { "primary" } else { "secondary" };
                let image = (slot - 2) / 2;
                if self.world.images.len() > 1 { format!("{which} {image}") } else { which.to_owned() }
            }
        }
    }

    fn operation(&self, operation: &Operation) -> (String, String) {
        let area = self.area(operation.area);
        let what = match &operation.action {
            Action::Write { offset, data } => {
                let some: String = data.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                format!(
                    "write {offset:#07x} {} bytes {some}{}",
                    data.len(),
                    if data.len() > 8 { "…" } else { "" }
                )
            }
            Action::Erase { sector } => {
                let place = self.world.geometries.get(operation.area).and_then(|area| area.sector(*sector));
                let offset = place.map_or(0, |sector| sector.offset);
                format!("erase {offset:#07x} sector {sector}")
            }
        };
        (area, what)
    }
}

fn step(position: Next, step: Step) -> String {
    let name = |which: u8| char::from(b'A' + which);
    match (position, step) {
        (Next::Recover(_), _) => "boot after the cut".to_owned(),
        (Next::Rest(_), _) => "boot after the end".to_owned(),
        (_, Step::Boot) => "boot".to_owned(),
        (_, Step::Receive(image, which)) => {
            format!("the application writes update {} of image {image}", name(which))
        }
        (_, Step::Ask(image, which, permanent)) => {
            let how = if permanent { "for good" } else { "on trial" };
            format!("the application asks for {} of image {image} {how}", name(which))
        }
        (_, Step::Confirm) => "the application confirms".to_owned(),
    }
}

impl Watch for Teller<'_, '_> {
    fn begin(&mut self, position: &Position, next: Step) {
        let words = step(position.next, next);
        self.report.text(format!("\n{BOLD}{words}{BOLD:#}  {DIM}{}{DIM:#}", position.belief));
        let data = json!({ "type": "step", "step": words, "belief": position.belief.to_string() });
        self.report.progress("prove replay", data);
    }

    fn end(
        &mut self,
        first: u32,
        position: &Position,
        operations: &[Operation],
        cut: Option<&str>,
        said: &str,
    ) {
        for (number, operation) in (first..).zip(operations) {
            let (area, what) = self.operation(operation);
            self.report.text(format!("{number:>6}  {area:12}{what}"));
            let data = json!({ "type": "operation", "number": number, "area": area, "what": what });
            self.report.progress("prove replay", data);
        }
        match cut {
            Some(cut) => {
                self.cuts += 1;
                self.report.text(format!("{BAD}{:>6}  power is cut{BAD:#} {cut}", ""));
            }
            None => self.report.text(format!("        {DIM}{said}{DIM:#}")),
        }
        let data = json!({
            "type": "outcome",
            "cut": cut,
            "said": said,
            "belief": position.belief.to_string(),
        });
        self.report.progress("prove replay", data);
    }
}
