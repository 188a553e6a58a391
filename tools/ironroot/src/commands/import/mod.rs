//! `ironroot import`: projects of other tools.

mod description;
mod tpc_xml;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Take over project files of other tools
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ironroot import tpc-xml OEMiROT/Config/OEMiROT_Config.xml
  ironroot import tpc-xml OEMiROT/Images/OEMiROT_Code_Image.xml --description ironroot.toml")]
pub struct Import {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    TpcXml(tpc_xml::TpcXml),
}

/// Runs the command.
pub fn run(args: &Import, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::TpcXml(args) => tpc_xml::run(args, report),
    }
}
