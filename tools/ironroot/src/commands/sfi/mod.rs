//! `ironroot sfi`: packages for secure firmware install.
//!
//! [`create`] packs in two passes over the inputs ([`content`], [`options`]); [`verify`] lets the installer of the device
//! itself judge a package; [`install`] brings one onto a device.

mod content;
pub mod create;
pub mod effect;
pub mod file;
mod info;
pub mod install;
mod keys;
pub mod licences;
mod module;
mod options;
pub mod verify;

use clap::{Args, Subcommand};

use crate::error::Result;
use crate::report::Reporter;

/// Pack firmware for a factory that must not read it, and install it on devices that have a licence
#[derive(Args, Debug)]
#[command(after_help = "\
docs/sfi-format.md has every byte of package, module, licence and certificate.

Examples:
  ironroot sfi create -f boot.elf -f app.bin@0x08020000 --options product.toml --new-key fw.key -v 3 -o app.sfi
  ironroot sfi module create stack.bin --address 0x08060000 -v 1 --new-key stack.key -o stack.irm
  ironroot sfi info app.sfi
  ironroot sfi verify app.sfi --key fw.key
  ironroot sfi install app.sfi --device uart:/dev/ttyACM0 --maker maker.pub.pem --license device.license
  ironroot sfi install app.sfi --device vdev:my.board --prepare --license-server https://licenses:8443 --firmware app-3 \\
      --station-certificate station.pem --station-key station.key --server-authority server-ca.pem")]
pub struct Sfi {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(create::Create),
    Info(info::Info),
    Verify(verify::Verify),
    Install(install::Install),
    Module(module::Module),
}

/// Runs the command.
pub fn run(args: &Sfi, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Create(args) => create::run(args, report),
        Command::Info(args) => info::run(args, report),
        Command::Verify(args) => verify::run(args, report),
        Command::Install(args) => install::run(args, report),
        Command::Module(args) => module::run(args, report),
    }
}
