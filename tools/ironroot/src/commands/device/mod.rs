//! `ironroot device`: a device seen from outside, and flashed through its system bootloader.

pub mod bootloader;
mod diagnose;
pub mod link;
mod memory;

use std::path::Path;

use clap::{Args, Subcommand};
use ironroot_codes::input;

use crate::error::{Failure, Result};
use crate::files;
use crate::report::Reporter;

/// Look at a device from outside; read, write and start it through its system bootloader
#[derive(Args, Debug)]
#[command(after_help = "\
A real device must have been reset with BOOT0 high; a virtual one is, for the time of the command.

Examples:
  ironroot device list
  ironroot device state --device uart:/dev/ttyACM0
  ironroot device write app.elf --device uart:/dev/ttyACM0
  ironroot device read --address 0x08000000 --size 128K -o flash.bin --device vdev:my.board
  ironroot device erase --sectors 1,2 --dry-run --device vdev:my.board")]
pub struct Device {
    /// Device: uart:PORT or vdev:FILE
    #[arg(short, long, global = true, value_name = "DEVICE")]
    device: Option<String>,
    /// Bits per second of a serial port
    #[arg(long, global = true, value_name = "RATE", default_value_t = 115_200)]
    baud: u32,
    /// Do everything but change the device
    #[arg(long, global = true)]
    dry_run: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Diagnose(diagnose::Diagnose),
    /// List the serial ports of this machine
    #[command(after_help = "\
Examples:
  ironroot device list
  ironroot device list --json")]
    List,
    /// Ask the bootloader what it is and what it serves
    #[command(after_help = "\
Examples:
  ironroot device state --device uart:/dev/ttyACM0
  ironroot device state --device vdev:my.board")]
    State,
    Read(memory::Read),
    Write(memory::Write),
    Verify(memory::Verify),
    Erase(memory::Erase),
    /// Reset the device
    #[command(after_help = "\
Examples:
  ironroot device reset --device uart:/dev/ttyACM0")]
    Reset,
    Go(memory::Go),
}

impl Device {
    /// The bootloader of the device that the command line names, synchronised.
    fn bootloader(&self) -> Result<bootloader::Bootloader> {
        bootloader::Bootloader::connect(self.name()?, self.baud)
    }

    fn name(&self) -> Result<&str> {
        self.device.as_deref().ok_or_else(|| {
            Failure::new(input::USAGE, "--device is missing")
                .fix("Write --device uart:PORT or --device vdev:FILE.")
        })
    }
}

/// Runs the command.
pub fn run(args: &Device, report: &mut Reporter<'_>) -> Result {
    match &args.command {
        Command::Diagnose(_) => diagnose::run(args.device.as_deref(), report),
        Command::List => link::list(report),
        Command::State => bootloader::state(args.name()?, args.baud, report),
        Command::Read(read) => {
            let board = args.device.as_deref().and_then(|name| name.strip_prefix("vdev:")).map(Path::new);
            files::not_an_input(&read.output, board)?;
            memory::read(read, args.bootloader()?, report)
        }
        Command::Write(write) => memory::write(write, args.dry_run, || args.bootloader(), report),
        Command::Verify(verify) => memory::verify(verify, || args.bootloader(), report),
        Command::Erase(erase) => memory::erase(erase, args.dry_run, args.bootloader()?, report),
        Command::Reset => memory::reset(args.dry_run, args.bootloader()?, report),
        Command::Go(go) => memory::go(go, args.dry_run, args.bootloader()?, report),
    }
}
