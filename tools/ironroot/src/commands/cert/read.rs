//! `ironroot cert read`.

use std::path::PathBuf;

use clap::Args;

use super::{fields, text, verify};
use crate::atomic::{self, Access, Existing};
use crate::commands::device::bootloader::Bootloader;
use crate::error::{Context, Failure, Result};
use crate::report::Reporter;
use crate::{files, install, keyfile};

/// Read the certificate of a device
#[derive(Args, Debug)]
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
}

/// Runs the command.
pub fn run(args: &Read, report: &mut Reporter<'_>) -> Result {
    if let Some(output) = &args.output {
        let board = args.device.strip_prefix("vdev:").map(std::path::Path::new);
        files::not_an_input(output, board.into_iter().chain(args.maker.as_deref()))?;
    }
    let maker = args.maker.as_deref().map(keyfile::read).transpose()?;
    let mut bootloader = Bootloader::connect(&args.device, args.baud)?;
    let certificate = install::certificate(&mut bootloader).about(&args.device)?;
    bootloader.link.close()?;
    if let Some(maker) = &maker {
        verify(&certificate, &maker.public).about(&args.device)?;
    }
    if let Some(output) = &args.output {
        atomic::write(output, &certificate.encode(), Access::Public, Existing::Replace)
            .map_err(|e| Failure::write(output, &e))?;
    }
    report.result("cert read", fields(&certificate)?, text(&certificate)?);
    Ok(())
}
