//! From current to wanted options: the steps, what each does, and where it leads.

use std::fmt::Write;

use clap::Args;
use ironroot_chip::OptionBytes;
use ironroot_chip::flash::change::{self, BrokenRule, Requester};
use ironroot_chip::reach::{Outlook, Question, Step, ways};
use ironroot_codes::input;
use serde_json::{Value, json};

use super::describe;
use super::fields::FIELDS;
use super::probe::{Known, Probe};
use super::wanted::WantedArgs;
use crate::error::{Context, Failure, Result};
use crate::report::{BAD, BOLD, DIM, GOOD, Reporter};

/// Show the way to wanted options: order, resets, what cannot be undone, and the way back
#[derive(Args, Debug)]
#[command(after_help = "\
Nothing is changed. A plan that leads to a dead end is shown, and refused with IR-1606.

Examples:
  ironroot ob plan --device vdev:my.board SECURITY=1
  ironroot ob plan --device vdev:my.board RDP=level1 PROT_AREA=0x08020000..0x08040000
  ironroot ob plan --device vdev:my.board --file product.toml --json")]
pub struct PlanArgs {
    #[command(flatten)]
    wanted: WantedArgs,
}

/// A step of a plan.
pub struct Planned {
    /// What is done.
    pub step: Step,
    /// The options before and after it.
    pub before: OptionBytes,
    pub after: OptionBytes,
    /// Sectors that it erases.
    pub erases: u32,
    /// What the device can still become from a power-on after it.
    pub outlook: Outlook,
    /// The outlook is worse than before.
    pub irreversible: bool,
    /// Power lost in the middle of its erase can leave worse than the step itself: old options over erased code.
    pub fragile: Option<Outlook>,
}

/// A plan.
pub struct Plan {
    /// The options in force.
    pub current: OptionBytes,
    /// The options at the end.
    pub wanted: OptionBytes,
    /// The steps in order.
    pub steps: Vec<Planned>,
    /// Something takes effect only with a reset at the end.
    pub reset: bool,
    /// What the device can become if nothing is done.
    pub before: Outlook,
}

fn rank(outlook: &Outlook) -> u8 {
    match outlook {
        Outlook::Open(_) => 0,
        Outlook::OwnCode => 1,
        Outlook::Final => 2,
        Outlook::Dead => 3,
    }
}

impl Plan {
    /// The cheapest way to the wanted options, or the rule in its way.
    pub fn make(probe: &mut Probe, wanted: OptionBytes, known: &Known) -> Result<Plan> {
        let state = probe.state(known)?;
        let current = state.options;
        let found =
            known.with(|content| ways(&[(state, None)], &Question { content, wanted, power_cycles: false }));
        let Some(found) = found else {
            let rule = change::plan(&current, &wanted, Requester::Other).err();
            let cause = rule.map_or("no order of allowed changes ends there", rule_text);
            return Err(Failure::new(input::OPTION_UNREACHABLE, cause));
        };
        let look =
            |options: &OptionBytes, erased| known.with(|content| Outlook::of(options, content, erased));
        let before = look(&current, 0);
        let (mut now, mut erased, mut worst) = (current, 0, rank(&before));
        let mut steps = Vec::new();
        for step in found {
            let (after, erases) = match step {
                Step::Change { options, erases, .. } => (options, erases),
                Step::BankErase { options, .. } => (options, 0xFF),
                Step::PowerOn { .. } => (now, 0),
            };
            erased |= erases;
            let outlook = look(&after, erased);
            let interrupted = look(&now, erased);
            let fragile =
                (erases != 0 && rank(&interrupted) > rank(&outlook).max(worst)).then_some(interrupted);
            let irreversible = rank(&outlook) > worst;
            worst = worst.max(rank(&outlook));
            steps.push(Planned { step, before: now, after, erases, outlook, irreversible, fragile });
            now = after;
        }
        Ok(Plan { current, wanted, reset: needs_reset(&current, &wanted), steps, before })
    }

    /// What the device can become afterwards.
    pub fn outlook(&self) -> &Outlook {
        self.steps.last().map_or(&self.before, |last| &last.outlook)
    }

    /// True if a step cannot be undone.
    pub fn is_irreversible(&self) -> bool {
        self.steps.iter().any(|planned| planned.irreversible)
    }

    /// The refusal of a plan that goes to a dead end, also between two steps: power may go there.
    pub fn dead_end(&self) -> Option<Failure> {
        let dead = |outlook: &Outlook| *outlook == Outlook::Dead;
        let step = self.steps.iter().find(|planned| planned.irreversible && dead(&planned.outlook))?;
        let what = describe::assignments(&step.before, &step.after);
        let cause = format!("after {what} nothing boots, and no step from outside leads back");
        Some(Failure::new(input::OPTION_DEAD_END, cause).fix(remedy(step)))
    }

    /// As a result.
    pub fn value(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Planned::value).collect();
        let differences: Vec<Value> =
            describe::differences(&self.current, &self.wanted).iter().map(|d| d.value()).collect();
        json!({
            "changes": differences,
            "steps": steps,
            "reset": self.reset,
            "irreversible": self.is_irreversible(),
            "outlook": describe::outlook_value(self.outlook(), &self.wanted),
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let differences = describe::differences(&self.current, &self.wanted);
        if differences.is_empty() {
            return "the options are as wanted: nothing to do".into();
        }
        for difference in &differences {
            let field = difference.field;
            let _ = writeln!(
                text,
                "  {BOLD}{:<16}{BOLD:#} {} -> {}",
                field.name,
                field.human(difference.before),
                field.human(difference.after)
            );
        }
        for (number, planned) in self.steps.iter().enumerate() {
            let (sentence, _) = describe::step(&planned.step, &planned.before);
            let _ = writeln!(text, "{BOLD}step {}{BOLD:#}  {sentence}", number + 1);
            for consequence in describe::consequences(&planned.before, &planned.after) {
                let _ = writeln!(text, "        {DIM}{consequence}{DIM:#}");
            }
            if planned.irreversible {
                let (meaning, _) = describe::outlook(&planned.outlook, &planned.after);
                let _ = writeln!(text, "        {BAD}cannot be undone:{BAD:#} {meaning}");
            }
            if let Some(outlook) = &planned.fragile {
                let (meaning, _) = describe::outlook(outlook, &planned.before);
                let _ = writeln!(
                    text,
                    "        {BAD}keep the supply on:{BAD:#} interrupted, it can leave a {meaning}"
                );
            }
        }
        if self.reset {
            let _ = writeln!(text, "{BOLD}then{BOLD:#}    reset: what was changed takes effect only with it");
        }
        write_outlook(&mut text, "afterwards", self.outlook(), &self.wanted);
        text.trim_end().to_owned()
    }
}

impl Planned {
    fn value(&self) -> Value {
        let (sentence, _) = describe::step(&self.step, &self.before);
        json!({
            "step": sentence,
            "kind": match self.step {
                Step::Change { .. } => "option-change",
                Step::BankErase { .. } => "bank-erase",
                Step::PowerOn { .. } => "power-on",
            },
            "erases_sectors": describe::sectors(self.erases),
            "consequences": describe::consequences(&self.before, &self.after),
            "irreversible": self.irreversible,
            "outlook": self.outlook.name(),
            "if_interrupted": self.fragile.as_ref().map(Outlook::name),
        })
    }
}

/// An outlook with its way back, for people.
pub fn write_outlook(text: &mut String, label: &str, outlook: &Outlook, options: &OptionBytes) {
    let (meaning, way_back) = describe::outlook(outlook, options);
    let style = if rank(outlook) == 0 { GOOD } else { BAD };
    let _ = writeln!(text, "{BOLD}{label}{BOLD:#}  {style}{meaning}{style:#}");
    for (number, sentence) in way_back.iter().enumerate() {
        let _ = writeln!(text, "   back {}  {sentence}", number + 1);
    }
}

/// True if some change waits for a reset (h73x-flash 7).
fn needs_reset(current: &OptionBytes, wanted: &OptionBytes) -> bool {
    const AT_RESET: [&str; 5] = ["SECURITY", "BOOT_ADD0", "BOOT_ADD1", "TCM_AXI_SHARED", "IWDG1_SW"];
    FIELDS.iter().any(|field| AT_RESET.contains(&field.name) && field.raw(current) != field.raw(wanted))
}

/// What to do instead of a step into a dead end.
fn remedy(step: &Planned) -> &'static str {
    if step.before.read_protection() != step.after.read_protection() && step.erases == 0 {
        "Install code that boots first, and see it boot; then repeat."
    } else if step.erases != 0 {
        "The erase leaves an empty secure area: remove the area in the same step (SEC_AREA=none DMES=1 DMEP=1)."
    } else {
        "Install code at the beginning of the area first, and see it run; then repeat."
    }
}

/// A rule as a sentence about the change that would break it.
pub fn rule_text(rule: BrokenRule) -> &'static str {
    match rule {
        BrokenRule::Level2 => "at RDP level 2 no option ever changes",
        BrokenRule::PcropReduced => "the execute-only area shrinks or goes only with an erase and DMEP",
        BrokenRule::DmepCleared => "DMEP is cleared only by a regression",
        BrokenRule::DmesCleared => "DMES is cleared only by a regression, or by the code of the secure area",
        BrokenRule::SecurityCleared => {
            "SECURITY is cleared only without areas, or in a regression with DMEP and DMES"
        }
        BrokenRule::SecureAreaForeign => {
            "the secure area is made and changed only by RSS (resetAndInitializeSecureAreas) and by its own code; others \
             can only remove it, with an erase"
        }
    }
}

/// Runs the command.
pub fn run(device: &str, args: &PlanArgs, report: &mut Reporter<'_>) -> Result {
    let wanted = args.wanted.parse()?;
    let mut probe = Probe::connect(device)?;
    let current = probe.options()?;
    let wanted = wanted.over(&current);
    let known = probe.known(&[current, wanted])?;
    let plan = Plan::make(&mut probe, wanted, &known).about(device)?;
    report.result("ob plan", plan.value(), plan.text());
    plan.dead_end().map_or(Ok(()), |failure| Err(failure.about(device)))
}
