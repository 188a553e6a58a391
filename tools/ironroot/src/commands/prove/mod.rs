//! `ironroot prove`: proofs by trying, on the virtual device.

mod access;
mod heat;
mod merge;
mod page;
mod power_loss;
mod replay;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Prove a property of the device by trying every case
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot prove access
  ironroot prove access --html access.html
  ironroot prove power-loss
  ironroot prove power-loss --all --html power-loss.html
  ironroot prove replay swap-move/h735/none/confirm/edge/1/40t
  ironroot prove access --json")]
pub struct Prove {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Access(access::Access),
    PowerLoss(power_loss::PowerLoss),
    Replay(replay::Replay),
    Merge(merge::Merge),
}

/// Runs the command.
pub fn run(args: &Prove, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Access(args) => access::run(args, report),
        Command::PowerLoss(args) => power_loss::run(args, report),
        Command::Replay(args) => replay::run(args, report),
        Command::Merge(args) => merge::run(args, report),
    }
}
