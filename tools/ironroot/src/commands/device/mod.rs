//! `ironroot device`: a device seen from outside.

mod diagnose;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Look at a device from outside
#[derive(Args, Debug)]
pub struct Device {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Diagnose(diagnose::Diagnose),
}

/// Runs the command.
pub fn run(args: &Device, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Diagnose(args) => diagnose::run(args, report),
    }
}
