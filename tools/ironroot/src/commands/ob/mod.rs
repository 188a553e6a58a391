//! `ironroot ob`: the option bytes of a device, by name and without a step that nobody wanted.
//!
//! 1. Names and values are those of the reference manual ([`fields`]); what is not one of them is refused.
//! 2. What a change leads to is asked of `ironroot_chip::reach`, the same rules that the device enforces.
//! 3. A step after which no way from outside leads back needs the typed id of the device.

mod apply;
mod describe;
mod diff;
pub mod fields;
mod lint;
mod plan;
pub mod probe;
mod show;
pub mod wanted;

pub use describe::outlook_value;
pub use plan::write_outlook;

use clap::{Args, Subcommand};
use ironroot_codes::input;

use crate::error::{Failure, Result};
use crate::report::Reporter;

/// Read, understand, plan and change option bytes
#[derive(Args, Debug)]
#[command(after_help = "\
docs/option-bytes.md has the graph of states, the edges of no return, and the recipes.

Examples:
  ironroot ob show --device vdev:my.board
  ironroot ob plan --device vdev:my.board SECURITY=1
  ironroot ob apply --device vdev:my.board WRPS=0,1
  ironroot ob diff vdev:a.board vdev:b.board")]
pub struct Ob {
    /// Device: vdev:FILE
    #[arg(short, long, global = true, value_name = "DEVICE")]
    device: Option<String>,
    /// Do everything but write (only `apply` writes)
    #[arg(long, global = true)]
    dry_run: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Read the option registers as they are, in force and staged
    #[command(after_help = "\
Examples:
  ironroot ob read --device vdev:my.board
  ironroot ob read --device vdev:my.board --json")]
    Read,
    /// Show every field with its meaning, and what the device can still become
    #[command(after_help = "\
Examples:
  ironroot ob show --device vdev:my.board
  ironroot ob show --device vdev:my.board --json")]
    Show,
    Plan(plan::PlanArgs),
    Lint(lint::LintArgs),
    Apply(apply::ApplyArgs),
    Diff(diff::DiffArgs),
}

/// Runs the command.
pub fn run(args: &Ob, report: &mut Reporter<'_>) -> Result {
    let device = || {
        args.device
            .as_deref()
            .ok_or_else(|| Failure::new(input::USAGE, "no device was given").fix("Write --device vdev:FILE."))
    };
    match &args.command {
        Command::Read => show::read(device()?, report),
        Command::Show => show::show(device()?, report),
        Command::Plan(plan) => plan::run(device()?, plan, report),
        Command::Lint(lint) => lint::run(device()?, lint, report),
        Command::Apply(apply) => apply::run(device()?, args.dry_run, apply, report),
        Command::Diff(diff) => diff::run(diff, report),
    }
}
