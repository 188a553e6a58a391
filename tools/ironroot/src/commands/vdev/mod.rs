//! `ironroot vdev`: a virtual device and its board file.

mod new;
mod run;
mod show;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Make, run and look at virtual devices
#[derive(Args, Debug)]
#[command(after_help = "\
A board file holds what survives power-off: flash, option bytes, unique id. A copy of the file is a cloned board.

Examples:
  ironroot vdev new my.board
  ironroot vdev run my.board
  ironroot vdev show my.board --json")]
pub struct Vdev {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    New(new::New),
    Run(run::Run),
    Show(show::Show),
}

/// Runs the command.
pub fn run(args: &Vdev, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::New(args) => new::run(args, report),
        Command::Run(args) => run::run(args, report),
        Command::Show(args) => show::run(args, report),
    }
}
