//! `ironroot ob apply`.

use clap::Args;
use ironroot_codes::{input, vdev as codes};
use serde_json::json;

use super::describe;
use super::plan::Plan;
use super::probe::Probe;
use super::wanted::WantedArgs;
use crate::error::{Context, Failure, Result};
use crate::report::{GOOD, Reporter};

/// Change options by the planned steps, reset where needed, and read back
#[derive(Args, Debug)]
#[command(after_help = "\
A step after which no way from outside leads back needs --yes-i-mean with the device's unique id, typed: `ironroot ob show` \
prints it.

Examples:
  ironroot ob apply --device vdev:my.board WRPS=0,1
  ironroot ob apply --device vdev:my.board --file product.toml --dry-run
  ironroot ob apply --device vdev:my.board RDP=level2 --yes-i-mean 495256440000000000000001")]
pub struct ApplyArgs {
    #[command(flatten)]
    wanted: WantedArgs,
    /// Confirm steps that cannot be undone: the unique id of this device
    #[arg(long, value_name = "UID")]
    yes_i_mean: Option<String>,
}

/// Runs the command.
pub fn run(device: &str, dry_run: bool, args: &ApplyArgs, report: &mut Reporter<'_>) -> Result {
    let wanted = args.wanted.parse()?;
    let mut probe = Probe::connect(device)?;
    let (current, uid) = (probe.options()?, probe.unique_id()?);
    let wanted = wanted.over(&current);
    let known = probe.known(&[current, wanted])?;
    let plan = Plan::make(&mut probe, wanted, &known).about(device)?;
    report.text(plan.text());
    confirm(&plan, &uid, args.yes_i_mean.as_deref()).about(device)?;
    if dry_run || plan.steps.is_empty() {
        let data = json!({ "device": device, "unique_id": uid, "applied": false, "plan": plan.value() });
        report.result(
            "ob apply",
            data,
            if dry_run { "dry run: nothing was written" } else { "nothing to do" },
        );
        return Ok(());
    }
    let outcome = steps(&mut probe, &plan, report);
    // The device is what it is, however far the steps came.
    probe.save()?;
    let read_back = outcome.about(device)?;
    let data = json!({
        "device": device,
        "unique_id": uid,
        "applied": true,
        "read_back": read_back,
        "plan": plan.value(),
    });
    report.result("ob apply", data, format!("{GOOD}done{GOOD:#}, {read_back}"));
    Ok(())
}

/// Refuses what cannot be undone and was not confirmed for this very device.
fn confirm(plan: &Plan, uid: &str, typed: Option<&str>) -> Result {
    if let Some(typed) = typed
        && !typed.eq_ignore_ascii_case(uid)
    {
        let cause = format!("--yes-i-mean {typed} is not the unique id of this device");
        return Err(Failure::new(input::NOT_CONFIRMED, cause).fix("Check that it is the device you mean."));
    }
    if !plan.is_irreversible() || typed.is_some() {
        return Ok(());
    }
    if let Some(failure) = plan.dead_end() {
        return Err(failure);
    }
    let step = plan.steps.iter().find(|step| step.irreversible);
    let what = step.map(|step| describe::assignments(&step.before, &step.after)).unwrap_or_default();
    Err(Failure::new(input::NOT_CONFIRMED, format!("after {what} no way from outside leads back")).fix(
        "Read the plan; if you want it, repeat with --yes-i-mean and the unique id that `ob show` prints.",
    ))
}

/// Does the steps and the reset. Returns how the options were read back.
fn steps(probe: &mut Probe, plan: &Plan, report: &mut Reporter<'_>) -> Result<&'static str> {
    for (number, planned) in plan.steps.iter().enumerate() {
        let (sentence, _) = describe::step(&planned.step, &planned.before);
        report.task_begin("step", &sentence);
        probe.perform(&planned.step).about(format!("step {}", number + 1))?;
        report.task_end("step", json!({ "number": number + 1 }));
    }
    if !plan.reset {
        if probe.session.chip().debug_state().is_err() {
            return Ok("debug closed; the chip took every register");
        }
        check(plan, &probe.options()?)?;
        return Ok("read back");
    }
    match probe.reset()? {
        Some(options) => check(plan, &options).map(|()| "read back after the reset"),
        // Read back by the flasher before the reset; from now on this is what was wanted.
        None => Ok("read back before the reset; debug is closed since"),
    }
}

fn check(plan: &Plan, found: &ironroot_chip::OptionBytes) -> Result {
    let differences = describe::differences(&plan.wanted, found);
    if differences.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = differences
        .iter()
        .map(|d| {
            format!("{}: wanted {}, actual {}", d.field.name, d.field.human(d.before), d.field.human(d.after))
        })
        .collect();
    Err(Failure::new(codes::READ_BACK_MISMATCH, list.join("; ")))
}
