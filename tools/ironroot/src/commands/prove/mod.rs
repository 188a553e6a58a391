//! `ironroot prove`: proofs by trying, on the virtual device.

mod access;
mod page;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Prove a property of the device by trying every case
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot prove access
  ironroot prove access --html access.html
  ironroot prove access --json")]
pub struct Prove {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Access(access::Access),
}

/// Runs the command.
pub fn run(args: &Prove, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Access(args) => access::run(args, report),
    }
}
