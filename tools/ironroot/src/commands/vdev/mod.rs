//! `ironroot vdev`: a virtual device and its board file.

mod bench;
mod external;
mod gdb;
mod install;
mod install_h7rs;
mod new;
mod probe;
mod profile;
mod run;
mod show;
mod show_h7rs;
mod trace;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Make, run, debug and look at virtual devices
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
    Bench(bench::Bench),
    New(new::New),
    Run(run::Run),
    Show(show::Show),
    External(external::External),
    Install(install::Install),
    Gdb(gdb::Gdb),
    Probe(probe::Probe),
    Trace(trace::Trace),
    Profile(profile::Profile),
}

/// Runs the command.
pub fn run(args: &Vdev, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Bench(args) => bench::run(args, report),
        Command::New(args) => new::run(args, report),
        Command::Run(args) => run::run(args, report),
        Command::Show(args) => show::run(args, report),
        Command::External(args) => external::run(args, report),
        Command::Install(args) => install::run(args, report),
        Command::Gdb(args) => gdb::run(args, report),
        Command::Probe(args) => probe::run(args, report),
        Command::Trace(args) => trace::run(args, report),
        Command::Profile(args) => profile::run(args, report),
    }
}
