//! `ironroot cert read`.

use std::path::PathBuf;

use clap::Args;
use ironroot_codes::install as codes;

use super::{fields, text, verify, write};
use crate::commands::device::bootloader::Bootloader;
use crate::error::{Context, Result};
use crate::report::Reporter;
use crate::{files, install, keyfile};

/// Read the certificate of a device
#[derive(Args, Debug)]
#[command(after_help = "\
The device is in its bootloader (BOOT0 high) with option byte SECURITY set.

Examples:
  ironroot cert read --device vdev:my.board -o device.cert
  ironroot cert read --device uart:/dev/ttyACM0 --maker maker.pub.pem")]
pub struct Read {
    /// Device: uart:PORT or vdev:FILE
    #[arg(short, long, value_name = "DEVICE")]
    device: String,
    /// Bits per second of a serial port
    #[arg(long, value_name = "RATE", default_value_t = 115_200)]
    baud: u32,
    /// Refuse a certificate that this maker did not sign
    #[arg(long, value_name = "FILE")]
    maker: Option<PathBuf>,
    /// Certificate to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
}

/// Only `sfi install` and `line run` prepare a device by themselves.
const PREPARE: &str =
    "Set SECURITY and reset; on a virtual device `ironroot ob apply --device vdev:FILE SECURITY=1` does it.";

/// Runs the command.
pub fn run(args: &Read, report: &mut Reporter<'_>) -> Result {
    if let Some(output) = &args.output {
        let board = args.device.strip_prefix("vdev:").map(std::path::Path::new);
        files::not_an_input(output, board.into_iter().chain(args.maker.as_deref()))?;
    }
    let maker = args.maker.as_deref().map(keyfile::read).transpose()?;
    let mut bootloader = Bootloader::connect(&args.device, args.baud)?;
    let certificate = install::certificate(&mut bootloader)
        .map_err(|failure| match failure.code {
            codes::NOT_PREPARED => failure.fix(PREPARE),
            _ => failure,
        })
        .about(&args.device)?;
    bootloader.link.close()?;
    if let Some(maker) = &maker {
        verify(&certificate, &maker.public).about(&args.device)?;
    }
    if let Some(output) = &args.output {
        write(output, &certificate.encode(), args.force)?;
    }
    report.result("cert read", fields(&certificate)?, text(&certificate)?);
    Ok(())
}
